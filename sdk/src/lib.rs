//! Write a health check for vitals: one function, one attribute, one `.wasm`.
//!
//! ```
//! use vitals_sdk::prelude::*;
//!
//! /// Reports whether the URL responds.
//! #[derive(Config)]
//! struct Settings {
//!     /// What to fetch.
//!     #[config(grant = "http")]
//!     url: Url,
//!     /// A response that takes longer is degraded.
//!     #[config(default = "2s")]
//!     slow_after: Duration,
//! }
//!
//! #[health_check(code = "shop")]
//! fn check(settings: Settings) -> Result<Outcome> {
//!     let response = http::get(&settings.url).send()?;
//!     let status = response.status();
//!     let outcome = if status.is_success() {
//!         Outcome::healthy("responded")
//!     } else {
//!         Outcome::unhealthy(format!("responded with {status}"))
//!     };
//!     let slow = Thresholds {
//!         degraded_above: Some(settings.slow_after),
//!         unhealthy_above: None,
//!     };
//!     Ok(outcome.detail("status", status.as_u16()).timed(response.elapsed(), slow))
//! }
//! ```
//!
//! This is `src/lib.rs` of a crate with these lines in its `Cargo.toml`:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! vitals-sdk = "0.1"
//! ```
//!
//! Build it with `cargo build --release --target wasm32-wasip2`, and copy the `.wasm` from
//! `target/wasm32-wasip2/release` into the host's plugins directory. [`health_check`] describes the
//! function's signature, [`Config`] the types of settings.
//!
//! # The result of a run
//!
//! | the function | the result |
//! |---|---|
//! | returns an [`Outcome`] | that outcome |
//! | returns an error, by `?` or [`Error::new`] | unhealthy, with the error and its causes as the message |
//! | panics | unhealthy, with the panic's message |
//! | exceeds a limit of the host: time, fuel, memory | unhealthy, with the limit |
//!
//! Nothing in memory outlives the run. [`Request::previous`] is all that a run learns about the one
//! before.
//!
//! # Inside and outside the host
//!
//! In the host, each run has a fresh instance and a [`Deadline`]. Everything else must be granted
//! by the operator: without a grant, [`http`], [`tcp`], [`udp`], [`tls`], [`dns`], [`icmp`],
//! [`files`] and [`system`] return an error that says what to grant. The value of a setting with
//! `#[config(grant = "…")]` is granted.
//!
//! Outside the host the check stays an ordinary function: [`tcp`], [`udp`] and [`dns`] use
//! `std::net`; [`http`], [`tls`], [`icmp`], [`metrics`], [`files`] and [`system`] return an error;
//! [`report`] does nothing.
//!
//! # Testing a check
//!
//! In the author's own `cargo test`, a [`testing::World`] replaces everything that a check can
//! observe. It needs neither host nor network, and its clock advances without waiting:
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
//! #     Ok(Outcome::healthy("responded").timed(response.elapsed(), slow))
//! # }
//! use vitals_sdk::testing::{Response, World};
//!
//! let run = |world: &World| {
//!     let settings = Settings::from_json(r#"{ "url": "http://shop/health" }"#).unwrap();
//!     world.outcome(|| check(settings))
//! };
//! let world = World::new();
//!
//! world.http("GET", "http://shop/health").responds("up");
//! assert_eq!(run(&world).status(), Status::Healthy);
//!
//! let slow = Response::ok("up").after(Duration::from_secs(3));
//! world.http("GET", "http://shop/health").responds(slow);
//! assert_eq!(run(&world).message(), "responded after 3s, above 2s");
//!
//! world.http("GET", "http://shop/health").responds(http::Problem::Refused);
//! assert_eq!(run(&world).message(), "cannot get http://shop/health: connection refused");
//! ```
//!
//! | the check uses | the test defines | the test inspects |
//! |---|---|---|
//! | [`http`] | [`World::http`](testing::World::http) | [`World::requests`](testing::World::requests) |
//! | [`tcp`], [`udp`], [`tls`] | [`World::tcp`](testing::World::tcp), [`World::udp`](testing::World::udp), [`World::tls`](testing::World::tls), [`World::certificate`](testing::World::certificate) | [`World::received`](testing::World::received), [`World::connect_options`](testing::World::connect_options), [`World::tls_options`](testing::World::tls_options) |
//! | [`dns`], [`icmp`] | [`World::dns`](testing::World::dns), [`World::icmp`](testing::World::icmp) | |
//! | [`files`] | [`World::file`](testing::World::file), [`World::directory`](testing::World::directory) | |
//! | [`system`] | [`World::disk`](testing::World::disk), [`World::memory`](testing::World::memory), [`World::load`](testing::World::load) | |
//! | [`clock`], [`Deadline`] | [`World::set_time`](testing::World::set_time), [`World::set_timeout`](testing::World::set_timeout), [`World::advance`](testing::World::advance) | [`World::elapsed`](testing::World::elapsed) |
//! | [`metrics`], [`report`] | | [`World::metric`](testing::World::metric), [`World::logs`](testing::World::logs), [`World::captures`](testing::World::captures) |
//! | [`Request`] | [`Request::new`] | |
//!
//! A check measures time with [`clock::Instant`] instead of `std`'s, so that a world can control
//! it.

#[cfg(all(
    target_family = "wasm",
    not(all(target_os = "wasi", target_env = "p2"))
))]
compile_error!("a vitals check is a WebAssembly component: build it with `--target wasm32-wasip2`");

// The macros refer to this crate as `::vitals_sdk`, also in this crate.
extern crate self as vitals_sdk;

mod address;
mod amount;
mod backend;
mod bounds;
mod deadline;
mod elapsed;
mod error;
mod measurement;
mod operation_error;
mod outcome;
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
pub mod icmp;
pub mod metrics;
pub mod net;
pub mod report;
pub mod system;
pub mod tcp;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod tls;
pub mod udp;

pub use address::Address;
pub use amount::{bytes_text, percent_text, span_text};
#[doc(inline)]
pub use config::Config;
pub use deadline::Deadline;
pub use error::{Context, Error, Result};
pub use measurement::{Bound, Measurement, Quantity, bytes, count, ratio, seconds, timestamp};
pub use outcome::{Outcome, Status};
pub use request::Request;
pub use text::shortened;
pub use thresholds::Thresholds;
pub use url::{Url, UrlError};
pub use vitals_sdk_macros::{Config, health_check};
#[doc(inline)]
pub use vitals_values::{Size, ValueError, parse_duration};

/// A JSON value: of a detail, a JSON document, or a setting without a fixed shape.
pub use serde_json::Value;
/// Makes a [`Value`] from JSON syntax.
pub use serde_json::json;

/// Everything that most checks need, including `std`'s `Duration`, for
/// `use vitals_sdk::prelude::*`.
pub mod prelude {
    pub use crate::{
        Address, Bound, Config, Context, Deadline, Error, Measurement, Outcome, Request, Result,
        Size, Status, Thresholds, Url, Value, bytes, bytes_text, clock, count, dns, files,
        health_check, http, icmp, json, metrics, percent_text, ratio, report, seconds, shortened,
        span_text, system, tcp, timestamp, tls, udp,
    };
    pub use std::time::Duration;
}

/// The targets of macro expansion: not public API, may change at any time.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_family = "wasm")]
    pub use crate::backend::bindings;
    pub use crate::config::object::{
        Field, Fields, Object, concatenated, count, joined, object_of, read_struct, read_variant,
        unknown_variant,
    };
    pub use crate::config::schema::{Properties, name, names, struct_schema, variant};
    pub use crate::config::types::{grantable, numeric};
    pub use crate::error::{ViaDisplay, ViaError};
    pub use crate::plugin::{Check, CheckReturn, Identity, NoSettings};
    pub use serde_json::json;
}
