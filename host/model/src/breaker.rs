//! The breaker: makes a check run less often while its own code keeps exceeding its limits.
//!
//! A pure value. It takes the limit use of each run and returns a factor for the interval. It does not
//! know the schedule.

use std::time::Duration;

/// Whether the check's own code kept within its limits during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitUse {
    /// The code returned a result, whatever its status, or it waited for something outside.
    Within,
    /// A limit ended the run, or the code trapped or exited.
    Exceeded,
    /// The host failed, so the run says nothing about the check's code.
    Unknown,
}

/// Counts limit violations of one check and stretches its interval.
///
/// [`OPEN_THRESHOLD`] violations in a row open the breaker. Each further violation doubles the interval,
/// up to [`MAX_STRETCH`] times its length. The first run within its limits closes the breaker. A run
/// whose limit use is unknown changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    violations: u32,
}

/// A change of a breaker's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerChange {
    /// The breaker was closed and is now open.
    Opened,
    /// The breaker was open and is now closed.
    Closed,
}

impl Breaker {
    /// Counts a run and returns the change of state that it caused, if any.
    pub fn observe(&mut self, limit_use: LimitUse) -> Option<BreakerChange> {
        let before = self.is_open();
        match limit_use {
            LimitUse::Within => self.violations = 0,
            LimitUse::Exceeded => self.violations = self.violations.saturating_add(1),
            LimitUse::Unknown => {}
        }
        match (before, self.is_open()) {
            (false, true) => Some(BreakerChange::Opened),
            (true, false) => Some(BreakerChange::Closed),
            _ => None,
        }
    }

    /// Whether the interval is stretched.
    pub fn is_open(self) -> bool {
        self.violations >= OPEN_THRESHOLD
    }

    /// The number of consecutive violations up to the last run.
    pub fn violations(self) -> u32 {
        self.violations
    }

    /// The factor by which the interval is stretched: 1 while the breaker is closed, at most
    /// [`MAX_STRETCH`].
    pub fn stretch(self) -> u32 {
        match self.violations.checked_sub(OPEN_THRESHOLD) {
            None => 1,
            Some(more) => 2_u32
                .saturating_pow(more.saturating_add(1))
                .min(MAX_STRETCH),
        }
    }

    /// The effective interval for the configured `interval`.
    pub fn stretched(self, interval: Duration) -> Duration {
        interval.saturating_mul(self.stretch())
    }
}

/// The number of consecutive violations that opens a breaker.
pub const OPEN_THRESHOLD: u32 = 3;
/// The largest factor by which an interval is stretched.
pub const MAX_STRETCH: u32 = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::LimitUse::{Exceeded, Unknown, Within};
    use super::*;

    fn after(runs: &[LimitUse]) -> Breaker {
        let mut breaker = Breaker::default();
        for &run in runs {
            breaker.observe(run);
        }
        breaker
    }

    #[test]
    fn the_third_violation_opens_the_breaker_and_each_further_one_doubles_the_interval() {
        let stretch = |runs| after(&[Exceeded].repeat(runs)).stretch();
        let stretches: Vec<_> = (0..9).map(stretch).collect();
        assert_eq!(stretches, [1, 1, 1, 2, 4, 8, 10, 10, 10]);
        let second = Duration::from_secs(1);
        assert_eq!(after(&[Exceeded; 4]).stretched(second), 4 * second);
    }

    #[test]
    fn a_run_within_its_limits_resets_the_count() {
        assert!(!after(&[Exceeded, Exceeded, Within, Exceeded, Exceeded]).is_open());
        assert!(after(&[Exceeded, Exceeded, Within, Exceeded, Exceeded, Exceeded]).is_open());
    }

    #[test]
    fn observe_reports_each_change_of_state_once() {
        let mut breaker = Breaker::default();
        let runs = [
            Exceeded, Exceeded, Exceeded, Exceeded, Unknown, Within, Within,
        ];
        let changes = runs.map(|run| breaker.observe(run));
        let (opened, closed) = (Some(BreakerChange::Opened), Some(BreakerChange::Closed));
        assert_eq!(changes, [None, None, opened, None, None, closed, None]);
    }

    #[test]
    fn the_count_of_violations_saturates() {
        let mut breaker = Breaker {
            violations: u32::MAX,
        };
        breaker.observe(Exceeded);
        assert_eq!(breaker.stretch(), MAX_STRETCH);
        assert_eq!(breaker.stretched(Duration::MAX), Duration::MAX);
    }

    fn runs() -> impl Strategy<Value = Vec<LimitUse>> {
        // Mostly violations, so that breakers open.
        let limit_use = prop_oneof![6 => Just(Exceeded), 1 => Just(Within), 1 => Just(Unknown)];
        prop::collection::vec(limit_use, 0..60)
    }

    proptest! {
        #[test]
        fn the_effective_interval_is_one_to_ten_times_the_configured_one(
            runs in runs(), millis in 1_u64..86_400_000,
        ) {
            let interval = Duration::from_millis(millis);
            let stretched = after(&runs).stretched(interval);
            prop_assert!(stretched >= interval && stretched <= 10 * interval);
        }

        #[test]
        fn a_run_within_its_limits_closes_the_breaker(mut runs in runs()) {
            runs.push(Within);
            prop_assert_eq!(after(&runs), Breaker::default());
        }

        #[test]
        fn a_run_of_unknown_limit_use_changes_nothing(runs in runs()) {
            let known: Vec<_> = runs.iter().copied().filter(|&run| run != Unknown).collect();
            prop_assert_eq!(after(&runs), after(&known));
        }

        #[test]
        fn it_is_open_while_the_last_three_known_runs_are_violations(runs in runs()) {
            let known: Vec<_> = runs.iter().filter(|&&run| run != Unknown).collect();
            let violations = known.iter().rev().take_while(|&&&run| run == Exceeded).count();
            prop_assert_eq!(after(&runs).is_open(), violations >= 3);
        }

        #[test]
        fn a_further_violation_never_shortens_the_interval(mut runs in runs()) {
            let before = after(&runs).stretch();
            runs.push(Exceeded);
            prop_assert!(after(&runs).stretch() >= before);
        }
    }
}
