//! A simulated environment for checks, so that `cargo test` runs the whole check function without
//! network, host or waiting.
//!
//! A test defines in a [`World`] what exists: files, machine facts, servers and their responses. In
//! [`World::run`] the SDK's functions use the world instead of the real environment:
//!
//! ```
//! use vitals_sdk::prelude::*;
//! use vitals_sdk::testing::World;
//! # use std::path::PathBuf;
//! #
//! # #[derive(Config)]
//! # struct Settings {
//! #     #[config(grant = "file")]
//! #     marker: PathBuf,
//! # }
//! #
//! # fn check(settings: Settings) -> Result<Outcome> {
//! #     let age = files::stat(&settings.marker)?.age();
//! #     Ok(if age > Duration::from_hours(26) {
//! #         Outcome::degraded("the last backup is old")
//! #     } else {
//! #         Outcome::healthy("the last backup is young")
//! #     })
//! # }
//!
//! let world = World::new();
//! world.file("/var/backups/last", "done").age(Duration::from_hours(30));
//!
//! let settings = Settings::from_json(r#"{ "marker": "/var/backups/last" }"#)?;
//! let outcome = world.run(|| check(settings))?;
//! assert_eq!(outcome.status(), Status::Degraded);
//! # Ok::<(), Error>(())
//! ```
//!
//! A world applies to the thread that calls `run`; tests on other threads are not affected. Time
//! stands still in a world. Slow responses advance its clock, which determines [`Deadline`],
//! timeouts, response times and [`clock`](crate::clock). Code that reads the time belongs inside
//! `run` too.
//!
//! If the check uses something that the test did not define, the SDK returns an error that names
//! it, and `run` panics once the check has finished: otherwise a check that is expected to fail
//! could fail because of the test. The only exception is a file: it just does not exist.
//!
//! This module is not compiled into components.

mod files;
mod http;
mod machine;
mod metrics;
mod network;
mod reports;
mod time;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use files::FakeFile;
pub use http::{Response, Route, SentRequest};
pub use machine::Fact;
pub use metrics::{Metric, MetricKind};
pub(crate) use network::Connection;
pub use network::{DnsName, Listener, Peer, PingTarget};

use crate::plugin;
use crate::{Deadline, Error, Outcome};

/// A simulated environment for a check. It starts empty, at 2026-01-01T00:00:00Z.
#[derive(Default)]
pub struct World(Arc<Inner>);

#[derive(Default)]
struct Inner {
    time: Mutex<time::Time>,
    files: Mutex<files::Files>,
    machine: Mutex<machine::Machine>,
    http: Mutex<http::Http>,
    network: Mutex<network::Network>,
    metrics: Mutex<metrics::MetricStore>,
    reports: Mutex<reports::Reports>,
    /// Descriptions of what was used but not defined.
    unexpected: Mutex<Vec<String>>,
}

impl World {
    /// Makes an empty world.
    ///
    /// ```
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let error = World::new().run(|| files::stat("/etc/hostname")).unwrap_err();
    /// assert!(error.is_not_found());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a check, or a part of one, in this world and returns its result. Each call is a run of
    /// its own, with the timeout of [`World::set_timeout`]; the world keeps its state between runs.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::World;
    ///
    /// fn check(request: &Request) -> Outcome {
    ///     Outcome::new(request.previous().unwrap_or(Status::Degraded), "")
    /// }
    ///
    /// let outcome = World::new().run(|| check(&Request::new("a").with_previous(Status::Healthy)));
    /// assert_eq!(outcome.status(), Status::Healthy);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the check used something that the test did not define:
    ///
    /// ```should_panic
    /// # use vitals_sdk::{system, testing::World};
    /// let _ = World::new().run(system::memory);
    /// ```
    pub fn run<T>(&self, check: impl FnOnce() -> T) -> T {
        let guard = WorldGuard::new(self);
        let result = check();
        drop(guard);
        let unexpected = std::mem::take(&mut *lock(&self.0.unexpected));
        assert!(
            unexpected.is_empty(),
            "the check used what its test does not define:\n  {}",
            unexpected.join("\n  ")
        );
        result
    }

    /// Runs a check like [`World::run`] and returns the outcome that the host would show: an error
    /// is unhealthy, with its causes as the message.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::World;
    ///
    /// fn check() -> Result<Outcome> {
    ///     let text = files::read_to_string("/proc/mdstat", 4096).context("no RAID here")?;
    ///     Ok(Outcome::healthy(text))
    /// }
    ///
    /// let outcome = World::new().outcome(check);
    /// assert_eq!(outcome.status(), Status::Unhealthy);
    /// assert_eq!(
    ///     outcome.message(),
    ///     "no RAID here: cannot read /proc/mdstat: no such file or directory"
    /// );
    /// ```
    pub fn outcome<A>(&self, check: impl FnOnce() -> A) -> Outcome
    where
        A: plugin::CheckReturn<Error: Into<Error>>,
    {
        plugin::CheckReturn::into_result(self.run(check))
            .unwrap_or_else(|error| Outcome::unhealthy(format!("{:#}", error.into())))
    }

    /// Records the use of something undefined and returns its description for the error.
    fn unexpected(&self, what: String) -> String {
        lock(&self.0.unexpected).push(what.clone());
        what
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World(after {:?})", self.elapsed())
    }
}

/// Returns the world of this thread.
pub(crate) fn current() -> Option<World> {
    CURRENT.with_borrow(|world| world.as_ref().map(World::handle))
}

impl World {
    /// Returns another handle to the same world. It is not `Clone`, because a test sees only one.
    fn handle(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Leaves the world when the run ends, also by a panic, and restores the previous one.
struct WorldGuard {
    outer: Option<World>,
    deadline: Option<Deadline>,
}

impl WorldGuard {
    fn new(world: &World) -> Self {
        let outer = CURRENT.replace(Some(world.handle()));
        // By the clock of the world, which is current by now.
        let deadline = Deadline::within(world.timeout()).replace_run();
        Self { outer, deadline }
    }
}

impl Drop for WorldGuard {
    fn drop(&mut self) {
        Deadline::restore_run(self.deadline);
        CURRENT.set(self.outer.take());
    }
}

/// Takes the next of several definitions; the last one is repeated.
fn next_in_turn<T: Clone>(defined: &mut VecDeque<T>) -> Option<T> {
    if defined.len() > 1 {
        defined.pop_front()
    } else {
        defined.front().cloned()
    }
}

/// Locks a part of the world. A test that panicked while holding the lock has already failed.
fn lock<T: ?Sized>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    static CURRENT: RefCell<Option<World>> = const { RefCell::new(None) };
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::time::Duration;

    use super::*;
    use crate::{files, system};

    #[test]
    fn a_world_applies_to_one_thread_and_one_run() {
        let (outer, inner) = (World::new(), World::new());
        outer.file("/a", "outer");
        inner.file("/a", "inner");
        let read = || files::read_to_string("/a", 10).unwrap_or_else(|error| error.to_string());
        outer.run(|| {
            assert_eq!(read(), "outer");
            assert_eq!(inner.run(read), "inner");
            assert_eq!(read(), "outer");
            let elsewhere = std::thread::spawn(read).join().unwrap();
            assert!(elsewhere.contains("only in the vitals host"), "{elsewhere}");
        });
        assert!(read().contains("only in the vitals host"));
    }

    #[test]
    fn a_check_that_panics_leaves_its_world() {
        let panicked = catch_unwind(|| World::new().run(|| panic!("the check panics")));
        assert!(panicked.is_err());
        assert!(current().is_none());
        assert!(Deadline::of_run().remaining() > Duration::from_hours(1));
    }

    #[test]
    fn an_undefined_use_fails_the_test_even_if_the_check_continues() {
        let panicked = catch_unwind(|| World::new().run(|| system::load().is_err()));
        let text = *panicked.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(
            text,
            "the check used what its test does not define:\n  the test does not define the load: use `World::load`"
        );
    }
}
