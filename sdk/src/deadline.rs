//! The time by which something must be done.
//!
//! `plugin` sets the run's deadline once; whatever waits reads it.

use std::cell::Cell;
use std::time::Duration;

use crate::clock::Instant;

/// The time by which something must be done.
///
/// [`Deadline::of_run`] is shortly before the host ends the run, so that the check can still report
/// what it was waiting for. [`http`](crate::http), [`tcp`](crate::tcp) and [`tls`](crate::tls) keep
/// it by themselves. Loops and retries ask for it:
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// fn first_of(addresses: &[Address]) -> Result<&Address> {
///     let deadline = Deadline::of_run();
///     addresses
///         .iter()
///         .take_while(|_| !deadline.has_passed())
///         .find(|address| tcp::connect(address, deadline.remaining() / 4).is_ok())
///         .context("no server accepted a connection")
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline `time` from now.
    pub fn after(time: Duration) -> Self {
        let now = Instant::now();
        let far = || now.checked_add(FAR).unwrap_or(now);
        Self(now.checked_add(time).unwrap_or_else(far))
    }

    /// Returns the deadline of this run: one tenth of its time, at most 100 ms, before the host
    /// ends it. Outside the host it is the deadline of a test's [`World`](crate::testing::World),
    /// or one day from now without a world.
    pub fn of_run() -> Self {
        RUN.get().unwrap_or_else(|| Self::after(FAR))
    }

    /// Returns the remaining time, zero once the deadline has passed.
    pub fn remaining(self) -> Duration {
        self.0.duration_since(Instant::now())
    }

    /// Returns the time that remained at an instant of the machine's or a world's clock.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn remaining_at(self, now: std::time::Instant) -> Duration {
        self.0.duration_since(now.into())
    }

    /// Returns whether no time remains.
    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// Returns the deadline for a run with `timeout` left. One tenth of it, at most 100 ms, is
    /// reserved for the check's outcome.
    pub(crate) fn within(timeout: Duration) -> Self {
        Self::after(timeout.saturating_sub((timeout / 10).min(MARGIN)))
    }

    /// Sets the deadline of the run on this thread.
    #[cfg(any(test, target_family = "wasm"))]
    pub(crate) fn begin_run(self) {
        RUN.set(Some(self));
    }

    /// Sets the deadline for a while, and returns the previous one for [`Deadline::restore_run`].
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn replace_run(self) -> Option<Self> {
        RUN.replace(Some(self))
    }

    /// Restores the previous deadline.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn restore_run(before: Option<Self>) {
        RUN.set(before);
    }
}

/// A deadline with the time to show in messages: the requested timeout, or what remained of the
/// run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) deadline: Deadline,
    /// Rounded to coarse steps for what remains of a run, so that a message is the same in every
    /// run.
    pub(crate) shown: Duration,
}

impl Limit {
    /// Makes a limit `timeout` from now, never later than the run's deadline.
    pub(crate) fn new(timeout: Duration) -> Self {
        let run = Deadline::of_run();
        let left = run.remaining();
        if timeout <= left {
            return Self {
                deadline: Deadline::after(timeout),
                shown: timeout,
            };
        }
        let step = if left < Duration::from_secs(1) {
            10
        } else {
            100
        };
        let whole = left.saturating_add(Duration::from_nanos(999_999));
        let left = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX);
        let shown = Duration::from_millis(left.div_ceil(step).max(1).saturating_mul(step));
        Self {
            deadline: run,
            shown,
        }
    }
}

thread_local! {
    static RUN: Cell<Option<Deadline>> = const { Cell::new(None) };
}

const MARGIN: Duration = Duration::from_millis(100);
const FAR: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_reserves_time_for_its_outcome() {
        let left = Deadline::within(Duration::from_secs(5)).remaining();
        assert!(left > Duration::from_millis(4_500) && left <= Duration::from_millis(4_900));
        let left = Deadline::within(Duration::from_millis(100)).remaining();
        assert!(left <= Duration::from_millis(90));
    }

    #[test]
    fn the_deadline_is_a_day_away_without_a_run() {
        assert!(Deadline::of_run().remaining() > Duration::from_hours(1));
        Deadline::after(Duration::ZERO).begin_run();
        assert!(Deadline::of_run().has_passed());
    }

    #[test]
    fn what_is_left_of_a_run_is_shown_in_steps() {
        let asked = Limit::new(Duration::from_millis(1_234));
        assert_eq!(asked.shown, Duration::from_millis(1_234));
        Deadline::within(Duration::from_secs(1)).begin_run();
        let run = Limit::new(Duration::from_secs(5));
        assert_eq!(run.shown, Duration::from_millis(900));
        assert!(run.deadline.remaining() <= run.shown);
    }

    #[test]
    fn a_time_beyond_the_clock_does_not_panic() {
        assert!(!Deadline::after(Duration::MAX).has_passed());
    }
}
