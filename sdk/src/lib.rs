//! Write a health check for vitals: one function, one attribute, one `.wasm`.
//!
//! ```
//! use vitals_sdk::prelude::*;
//!
//! /// Answers as healthy while the URL does.
//! #[derive(Config)]
//! struct Settings {
//!     /// What to fetch.
//!     #[config(grant = "http")]
//!     url: Url,
//!     /// An answer that takes longer is degraded.
//!     #[config(default = "2s")]
//!     slow_after: Duration,
//! }
//!
//! #[health_check(code = "shop")]
//! fn check(settings: Settings) -> Result<Outcome> {
//!     let response = http::get(&settings.url).send()?;
//!     let status = response.status();
//!     let outcome = if status.is_success() {
//!         Outcome::healthy("answered")
//!     } else {
//!         Outcome::unhealthy(format!("answered {status}"))
//!     };
//!     let slow = Thresholds {
//!         degraded_above: Some(settings.slow_after),
//!         unhealthy_above: None,
//!     };
//!     Ok(outcome.detail("status", status.as_u16()).timed(response.elapsed(), slow))
//! }
//! ```
//!
//! This is `src/lib.rs` of a crate that says in its `Cargo.toml`
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! vitals-sdk = "0.1"
//! ```
//!
//! Build it with `cargo build --release --target wasm32-wasip2`, and drop the `.wasm` out of
//! `target/wasm32-wasip2/release` into the host's plugins directory. [`health_check`] says what the
//! function may look like, [`Config`] what settings are made of.
//!
//! # What a run comes to
//!
//! | the function | the result |
//! |---|---|
//! | answers with an [`Outcome`] | that |
//! | answers with an error, by `?` or [`Error::new`] | unhealthy, with the error and its causes as the message |
//! | panics | unhealthy, with the panic's message |
//! | goes beyond a limit of the host: time, fuel, memory | unhealthy, with the limit |
//!
//! Nothing that it keeps in memory outlives the run; [`Request::previous`] is what it gets to know of the
//! one before.
//!
//! # Where it runs
//!
//! In the host, each run has a fresh instance, a [`Deadline`], and nothing else until the operator
//! grants it: [`http`], [`tcp`], [`udp`], [`tls`], [`dns`], [`files`] and [`system`] answer with an error that says what would
//! have to be granted. What stands in a setting with `#[config(grant = "…")]` is granted.
//!
//! Outside of it the check stays an ordinary function: [`tcp`], [`udp`] and [`dns`] are `std::net` there, [`http`], [`tls`],
//! [`metrics`], [`files`] and [`system`] answer with an error that says so, and [`report`] is silent.
//!
//! # Testing a check
//!
//! In the author's own `cargo test` a [`testing::World`] stands for all that a check looks at. It needs
//! neither host nor network, and time goes by in it without being waited for:
//!
//! ```
//! # use vitals_sdk::prelude::*;
//! # #[derive(Config)]
//! # struct Settings {
//! #     #[config(grant = "http")]
//! #     url: Url,
//! #     #[config(default = "2s")]
//! #     slow_after: Duration,
//! # }
//! # fn check(settings: Settings) -> Result<Outcome> {
//! #     let response = http::get(&settings.url).send()?;
//! #     let slow = Thresholds { degraded_above: Some(settings.slow_after), unhealthy_above: None };
//! #     Ok(Outcome::healthy("answered").timed(response.elapsed(), slow))
//! # }
//! use vitals_sdk::testing::{Answer, World};
//!
//! let run = |world: &World| {
//!     let settings = Settings::from_json(r#"{ "url": "http://shop/health" }"#).unwrap();
//!     world.outcome(|| check(settings))
//! };
//! let world = World::new();
//!
//! world.http("GET", "http://shop/health").answers("up");
//! assert_eq!(run(&world).status(), Status::Healthy);
//!
//! world.http("GET", "http://shop/health").answers(Answer::ok("up").after(Duration::from_secs(3)));
//! assert_eq!(run(&world).message(), "answered after 3s, above 2s");
//!
//! world.http("GET", "http://shop/health").answers(http::Problem::Refused);
//! assert_eq!(run(&world).message(), "cannot get http://shop/health: connection refused");
//! ```
//!
//! | what the check uses | what the test says | what it can look at |
//! |---|---|---|
//! | [`http`] | [`World::http`](testing::World::http) | [`World::requests`](testing::World::requests) |
//! | [`tcp`], [`udp`], [`tls`] | [`World::tcp`](testing::World::tcp), [`World::udp`](testing::World::udp), [`World::tls`](testing::World::tls), [`World::certificate`](testing::World::certificate) | [`World::heard`](testing::World::heard) |
//! | [`dns`] | [`World::name`](testing::World::name) | |
//! | [`files`] | [`World::file`](testing::World::file), [`World::directory`](testing::World::directory) | |
//! | [`system`] | [`World::disk`](testing::World::disk), [`World::memory`](testing::World::memory), [`World::load`](testing::World::load) | |
//! | [`clock`], [`Deadline`] | [`World::set_time`](testing::World::set_time), [`World::set_timeout`](testing::World::set_timeout), [`World::advance`](testing::World::advance) | [`World::elapsed`](testing::World::elapsed) |
//! | [`metrics`], [`report`] | | [`World::metric`](testing::World::metric), [`World::logs`](testing::World::logs), [`World::captures`](testing::World::captures) |
//! | [`Request`] | [`Request::new`], within [`World::run`](testing::World::run) | |
//!
//! A check measures time by [`clock::Instant`], not by `std`'s, for a world to be able to tell it.

#[cfg(all(
    target_family = "wasm",
    not(all(target_os = "wasi", target_env = "p2"))
))]
compile_error!("a vitals check is a component: build it with `--target wasm32-wasip2`");

// The macros name this crate `::vitals_sdk`, in its own unit tests too.
#[cfg(test)]
extern crate self as vitals_sdk;

mod address;
mod amount;
mod backend;
mod deadline;
mod elapsed;
mod error;
mod judged;
mod measurement;
mod outcome;
mod pending;
mod plugin;
mod request;
mod text;
mod thresholds;
mod url;

pub mod clock;
pub mod config;
pub mod dns;
pub mod files;
pub mod http;
pub mod metrics;
pub mod report;
pub mod system;
pub mod tcp;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod tls;
pub mod udp;

pub use address::Address;
pub use amount::{bytes_text, share_text, span_text};
#[doc(inline)]
pub use config::Config;
pub use deadline::Deadline;
pub use error::{Context, Error, Result};
pub use measurement::{Bound, Measurement, Quantity, bytes, count, ratio, seconds};
pub use outcome::{Outcome, Status};
pub use request::Request;
pub use text::shortened;
pub use thresholds::Thresholds;
pub use url::{Url, UrlError};
pub use vitals_sdk_macros::{Config, health_check};
#[doc(inline)]
pub use vitals_values::{Size, ValueError, parse_duration};

/// A JSON value: of a detail, of a JSON document, of a settings field without a fixed shape.
pub use serde_json::Value;
/// Makes a [`Value`] from JSON written in place.
pub use serde_json::json;

/// All that a check usually needs, `std`'s `Duration` included, for `use vitals_sdk::prelude::*`.
pub mod prelude {
    pub use crate::{
        Address, Bound, Config, Context, Deadline, Error, Measurement, Outcome, Request, Result,
        Size, Status, Thresholds, Url, Value, bytes, bytes_text, clock, count, dns, files,
        health_check, http, json, metrics, ratio, report, seconds, share_text, shortened,
        span_text, system, tcp, tls, udp,
    };
    pub use std::time::Duration;
}

/// What the macros expand to; not for use by hand, and free to change.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_family = "wasm")]
    pub use crate::backend::bindings;
    pub use crate::config::{Field, Object, grantable, numeric};
    pub use crate::error::{ViaDisplay, ViaError};
    pub use crate::plugin::{Answer, Check, Identity, NoSettings};
    pub use serde_json::json;
}
