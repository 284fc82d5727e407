//! The moment by which something has to be done.
//!
//! The run's own deadline is set once by `plugin` and read by whatever waits.

use std::cell::Cell;
use std::time::Duration;

use crate::clock::Instant;

/// A moment by which something has to be done.
///
/// [`Deadline::of_run`] is a little before the host ends the run, so that a check can still say what it
/// was waiting for. [`http`](crate::http), [`tcp`](crate::tcp) and [`tls`](crate::tls) keep to it by
/// themselves; what loops or tries again asks it:
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// fn first_of(addresses: &[Address]) -> Result<&Address> {
///     let deadline = Deadline::of_run();
///     addresses
///         .iter()
///         .take_while(|_| !deadline.is_over())
///         .find(|address| tcp::connect(address, deadline.remaining() / 4).is_ok())
///         .context("nobody answers")
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `time` from now.
    pub fn after(time: Duration) -> Self {
        let now = Instant::now();
        let far = || now.checked_add(FAR).unwrap_or(now);
        Self(now.checked_add(time).unwrap_or_else(far))
    }

    /// The deadline of this run: a tenth of its time before the host ends it, at most 100 ms. Outside of
    /// the host it is that of a test's [`World`](crate::testing::World), and a day from now without one.
    pub fn of_run() -> Self {
        RUN.get().unwrap_or_else(|| Self::after(FAR))
    }

    /// The time left, zero once it is over.
    pub fn remaining(self) -> Duration {
        self.0.duration_since(Instant::now())
    }

    /// The time that was left at a moment by the machine's clock, or a world's.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn remaining_at(self, now: std::time::Instant) -> Duration {
        self.0.duration_since(now.into())
    }

    /// Whether no time is left.
    pub fn is_over(self) -> bool {
        self.remaining().is_zero()
    }

    /// The deadline for a run that has `timeout` left: a tenth of it, at most 100 ms, is kept back for
    /// the check's answer.
    pub(crate) fn within(timeout: Duration) -> Self {
        Self::after(timeout.saturating_sub((timeout / 10).min(MARGIN)))
    }

    /// Makes this the deadline of the run that this thread is.
    #[cfg(any(test, target_family = "wasm"))]
    pub(crate) fn begin_run(self) {
        RUN.set(Some(self));
    }

    /// The same, for a while: answers what [`Deadline::restore_run`] takes.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn replace_run(self) -> Option<Self> {
        RUN.replace(Some(self))
    }

    /// Puts back the deadline that was before.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn restore_run(before: Option<Self>) {
        RUN.set(before);
    }
}

/// A deadline and the words for it: the time that was asked for, or that the run had left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) deadline: Deadline,
    /// In coarse steps for what is left of a run, so that a message is the same from run to run.
    pub(crate) shown: Duration,
}

impl Limit {
    /// `timeout` from now, and the run's deadline in any case.
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
    fn a_run_keeps_a_little_time_for_its_answer() {
        let left = Deadline::within(Duration::from_secs(5)).remaining();
        assert!(left > Duration::from_millis(4_500) && left <= Duration::from_millis(4_900));
        let left = Deadline::within(Duration::from_millis(100)).remaining();
        assert!(left <= Duration::from_millis(90));
    }

    #[test]
    fn without_a_run_there_is_time_and_with_one_its_own() {
        assert!(Deadline::of_run().remaining() > Duration::from_hours(1));
        Deadline::after(Duration::ZERO).begin_run();
        assert!(Deadline::of_run().is_over());
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
    fn a_time_beyond_the_clock_is_far_not_a_panic() {
        assert!(!Deadline::after(Duration::MAX).is_over());
    }
}
