//! The breaker: a check whose own code keeps breaking its limits runs less often.
//!
//! A pure value: what the last runs were in, by how much the interval is stretched out.

use std::time::Duration;

/// What a run says of the check's own code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitUse {
    /// The code did its work, whatever it found; or it waited for somebody else.
    Within,
    /// A limit had to end the code, or it broke down by itself.
    Exceeded,
    /// The host's own trouble: nothing is said.
    Unknown,
}

/// Follows the runs of one check and says by how much its interval is stretched.
///
/// [`OPEN_THRESHOLD`] foul runs in a row open it; each further one doubles the interval, up to
/// [`MAX_STRETCH`] times. The first fair run closes it. A run that says nothing changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    violations: u32,
}

/// How a run turned a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerChange {
    /// It was closed, and is open now.
    Opened,
    /// It was open, and is closed now.
    Closed,
}

impl Breaker {
    /// Takes in a run; answers how it turned the breaker, if it did.
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

    /// Exceeded runs in a row, up to the last one.
    pub fn violations(self) -> u32 {
        self.violations
    }

    /// How many intervals lie between two runs: 1 while it is closed, at most [`MAX_STRETCH`].
    pub fn stretch(self) -> u32 {
        match self.violations.checked_sub(OPEN_THRESHOLD) {
            None => 1,
            Some(more) => 2_u32
                .saturating_pow(more.saturating_add(1))
                .min(MAX_STRETCH),
        }
    }

    /// The interval in force where the configuration has `interval`.
    pub fn stretched(self, interval: Duration) -> Duration {
        interval.saturating_mul(self.stretch())
    }
}

/// So many foul runs in a row open a breaker.
pub const OPEN_THRESHOLD: u32 = 3;
/// No interval is stretched to more than so many times.
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
    fn the_third_violation_in_a_row_opens_it_and_each_further_one_doubles_the_interval() {
        let stretch = |runs| after(&[Exceeded].repeat(runs)).stretch();
        let stretches: Vec<_> = (0..9).map(stretch).collect();
        assert_eq!(stretches, [1, 1, 1, 2, 4, 8, 10, 10, 10]);
        let second = Duration::from_secs(1);
        assert_eq!(after(&[Exceeded; 4]).stretched(second), 4 * second);
    }

    #[test]
    fn a_run_within_its_limits_between_them_begins_the_row_anew() {
        assert!(!after(&[Exceeded, Exceeded, Within, Exceeded, Exceeded]).is_open());
        assert!(after(&[Exceeded, Exceeded, Within, Exceeded, Exceeded, Exceeded]).is_open());
    }

    #[test]
    fn it_says_when_it_turns_and_only_then() {
        let mut breaker = Breaker::default();
        let runs = [
            Exceeded, Exceeded, Exceeded, Exceeded, Unknown, Within, Within,
        ];
        let turns = runs.map(|run| breaker.observe(run));
        let (opened, closed) = (Some(BreakerChange::Opened), Some(BreakerChange::Closed));
        assert_eq!(turns, [None, None, opened, None, None, closed, None]);
    }

    #[test]
    fn it_counts_for_ever_without_overflow() {
        let mut breaker = Breaker {
            violations: u32::MAX,
        };
        breaker.observe(Exceeded);
        assert_eq!(breaker.stretch(), MAX_STRETCH);
        assert_eq!(breaker.stretched(Duration::MAX), Duration::MAX);
    }

    fn runs() -> impl Strategy<Value = Vec<LimitUse>> {
        // Mostly foul, so that breakers open.
        let limit_use = prop_oneof![6 => Just(Exceeded), 1 => Just(Within), 1 => Just(Unknown)];
        prop::collection::vec(limit_use, 0..60)
    }

    proptest! {
        #[test]
        fn never_more_often_than_the_interval_and_never_less_than_a_tenth(
            runs in runs(), millis in 1_u64..86_400_000,
        ) {
            let interval = Duration::from_millis(millis);
            let stretched = after(&runs).stretched(interval);
            prop_assert!(stretched >= interval && stretched <= 10 * interval);
        }

        #[test]
        fn a_run_within_its_limits_closes_it_whatever_was_before(mut runs in runs()) {
            runs.push(Within);
            prop_assert_eq!(after(&runs), Breaker::default());
        }

        #[test]
        fn a_run_that_says_nothing_changes_nothing_wherever_it_stands(runs in runs()) {
            let told: Vec<_> = runs.iter().copied().filter(|&run| run != Unknown).collect();
            prop_assert_eq!(after(&runs), after(&told));
        }

        #[test]
        fn it_is_open_exactly_while_the_last_three_that_say_anything_are_foul(runs in runs()) {
            let told: Vec<_> = runs.iter().filter(|&&run| run != Unknown).collect();
            let foul = told.iter().rev().take_while(|&&&run| run == Exceeded).count();
            prop_assert_eq!(after(&runs).is_open(), foul >= 3);
        }

        #[test]
        fn a_further_violation_never_shortens_the_interval(mut runs in runs()) {
            let before = after(&runs).stretch();
            runs.push(Exceeded);
            prop_assert!(after(&runs).stretch() >= before);
        }
    }
}
