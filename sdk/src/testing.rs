//! A world for a check to look at, so that `cargo test` runs the whole check function: no network, no
//! host, no waiting.
//!
//! A [`World`] says what is there: files, facts about the machine, servers that answer or do not. In
//! [`World::run`] all that the SDK offers looks into it instead of outside:
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
//! It holds for the thread that `run` is called on, so that tests beside it are left alone. Time stands
//! still in it: what takes long moves its clock, by which [`Deadline`], timeouts, the times of answers
//! and [`clock`](crate::clock) go: what asks how late it is belongs into `run` too.
//!
//! What the check asks for and the test did not give is an error that names it, and makes `run` panic
//! once the check is done: a check that is to fail must not do so for the test's sake. Only a file that
//! was not given is just not there.
//!
//! This module is not in a component.

mod files;
mod http;
mod machine;
mod metrics;
mod network;
mod reports;
mod time;

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use files::FakeFile;
pub use http::{Answer, Route, Sent};
pub use machine::Fact;
pub use metrics::{Kind, Metric};
pub(crate) use network::Connection;
pub use network::{Listener, Name, Peer};

use crate::plugin;
use crate::{Deadline, Error, Outcome};

/// What there is for a check to look at. It begins empty, at 2026-01-01T00:00:00Z.
#[derive(Default)]
pub struct World(Arc<Inner>);

#[derive(Default)]
struct Inner {
    time: Mutex<time::Time>,
    files: Mutex<files::Files>,
    machine: Mutex<machine::Machine>,
    http: Mutex<http::Http>,
    network: Mutex<network::Network>,
    metrics: Mutex<metrics::Book>,
    reports: Mutex<reports::Reports>,
    /// What was asked for and not given.
    surprises: Mutex<Vec<String>>,
}

impl World {
    /// A world with nothing in it.
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

    /// Runs a check, or a part of one, in this world, and answers what it answers. Each call is a run of
    /// its own, with [`World::set_timeout`]'s time; what it finds is kept from run to run.
    ///
    /// A [`Request`](crate::Request) for it is made within: its deadline is the run's.
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
    /// If it asked for something that the test did not give:
    ///
    /// ```should_panic
    /// # use vitals_sdk::{system, testing::World};
    /// let _ = World::new().run(system::memory);
    /// ```
    pub fn run<T>(&self, check: impl FnOnce() -> T) -> T {
        let entered = Entered::new(self);
        let answer = check();
        drop(entered);
        let surprises = std::mem::take(&mut *lock(&self.0.surprises));
        assert!(
            surprises.is_empty(),
            "the check went beyond what its test gives:\n  {}",
            surprises.join("\n  ")
        );
        answer
    }

    /// Runs a check like [`World::run`] and answers what the host would show: an error is unhealthy, with
    /// its causes as the message.
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
    ///     "no RAID here: cannot read /proc/mdstat: there is no such file or directory"
    /// );
    /// ```
    pub fn outcome<A>(&self, check: impl FnOnce() -> A) -> Outcome
    where
        A: plugin::Answer<Error: Into<Error>>,
    {
        plugin::Answer::split(self.run(check))
            .unwrap_or_else(|error| Outcome::unhealthy(format!("{:#}", error.into())))
    }

    /// Notes what was asked for and not given, and hands the words back for the error.
    fn surprise(&self, what: String) -> String {
        lock(&self.0.surprises).push(what.clone());
        what
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World(after {:?})", self.elapsed())
    }
}

/// The world that this thread is in.
pub(crate) fn current() -> Option<World> {
    CURRENT.with_borrow(|world| world.as_ref().map(World::same))
}

impl World {
    /// Another handle on it. Not `Clone`: to a test there is one.
    fn same(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Ends with the run, also where that panics, and puts back what was before.
struct Entered {
    outer: Option<World>,
    deadline: Option<Deadline>,
}

impl Entered {
    fn new(world: &World) -> Self {
        let outer = CURRENT.replace(Some(world.same()));
        // By the clock of the world, which is entered by now.
        let deadline = Deadline::within(world.timeout()).replace_run();
        Self { outer, deadline }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        Deadline::restore_run(self.deadline);
        CURRENT.set(self.outer.take());
    }
}

/// A test that panicked in the middle says so itself.
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
    fn a_world_is_one_thread_s_and_ends_with_its_run() {
        let (outer, inner) = (World::new(), World::new());
        outer.file("/a", "outer");
        inner.file("/a", "inner");
        let read = || files::read_to_string("/a", 10).unwrap_or_else(|error| error.to_string());
        outer.run(|| {
            assert_eq!(read(), "outer");
            assert_eq!(inner.run(read), "inner");
            assert_eq!(read(), "outer");
            let elsewhere = std::thread::spawn(read).join().unwrap();
            assert!(elsewhere.contains("outside of the host"), "{elsewhere}");
        });
        assert!(read().contains("outside of the host"));
    }

    #[test]
    fn a_check_that_panics_leaves_its_world() {
        let panicked = catch_unwind(|| World::new().run(|| panic!("the check's own")));
        assert!(panicked.is_err());
        assert!(current().is_none());
        assert!(Deadline::of_run().remaining() > Duration::from_hours(1));
    }

    #[test]
    fn what_was_not_given_fails_the_test_also_where_the_check_goes_on() {
        let panicked = catch_unwind(|| World::new().run(|| system::load().is_err()));
        let text = *panicked.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(
            text,
            "the check went beyond what its test gives:\n  the test does not give the load: use `World::load`"
        );
    }
}
