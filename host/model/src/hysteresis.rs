//! Hysteresis: `fall` and `rise`, the numbers of runs after which the shown status changes.
//!
//! A pure value. It does not know when runs happen or who shows the status.

use std::num::NonZeroU32;

use super::Status;

/// The numbers of consecutive runs after which the shown status changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thresholds {
    /// The number of consecutive unhealthy runs after which a check is shown as unhealthy.
    pub fall: NonZeroU32,
    /// The number of consecutive runs that are not unhealthy after which an unhealthy check recovers.
    pub rise: NonZeroU32,
}

impl Thresholds {
    /// Makes thresholds from the two numbers of runs.
    pub fn new(fall: NonZeroU32, rise: NonZeroU32) -> Self {
        Self { fall, rise }
    }
}

/// Tracks the results of one check and decides which status to show.
///
/// The first result is shown as it is, because there is no earlier one to compare it with. A run whose
/// status is `unknown` is shown unless the check is shown as unhealthy. It does not count for `fall` or
/// `rise`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hysteresis {
    shown: Option<Status>,
    failures: u32,
    successes: u32,
}

impl Hysteresis {
    /// Counts the status of a run and returns the status to show.
    pub fn observe(&mut self, found: Status, thresholds: Thresholds) -> Status {
        match found {
            Status::Unknown => {
                return match self.shown {
                    Some(Status::Unhealthy) => Status::Unhealthy,
                    _ => Status::Unknown,
                };
            }
            Status::Unhealthy => {
                self.failures = self.failures.saturating_add(1);
                self.successes = 0;
            }
            Status::Healthy | Status::Degraded => {
                self.successes = self.successes.saturating_add(1);
                self.failures = 0;
            }
        }
        let shown = match (self.shown, found) {
            (Some(before), Status::Unhealthy) if self.failures < thresholds.fall.get() => before,
            (Some(Status::Unhealthy), _)
                if found != Status::Unhealthy && self.successes < thresholds.rise.get() =>
            {
                Status::Unhealthy
            }
            (None | Some(_), _) => found,
        };
        self.shown = Some(shown);
        shown
    }

    /// The number of consecutive unhealthy runs up to the last run.
    pub fn consecutive_failures(&self) -> u32 {
        self.failures
    }

    /// Whether a change of the shown status is pending: the last run differs from it and is being counted.
    pub fn is_counting(&self) -> bool {
        match self.shown {
            Some(Status::Unhealthy) => self.failures == 0,
            Some(_) => self.failures > 0,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{Degraded, Healthy, Unhealthy, Unknown};
    use super::*;

    fn shown(fall: u32, rise: u32, found: &[Status]) -> Vec<Status> {
        let number = |n| NonZeroU32::new(n).unwrap();
        let thresholds = Thresholds {
            fall: number(fall),
            rise: number(rise),
        };
        let mut hysteresis = Hysteresis::default();
        found
            .iter()
            .map(|&status| hysteresis.observe(status, thresholds))
            .collect()
    }

    #[test]
    fn with_thresholds_of_one_every_result_is_shown() {
        let found = [Healthy, Unhealthy, Degraded, Unhealthy, Healthy];
        assert_eq!(shown(1, 1, &found), found);
    }

    #[test]
    fn a_check_becomes_unhealthy_after_fall_consecutive_failures() {
        assert_eq!(
            shown(
                3,
                1,
                &[
                    Healthy, Unhealthy, Unhealthy, Healthy, Unhealthy, Unhealthy, Unhealthy
                ]
            ),
            [
                Healthy, Healthy, Healthy, Healthy, Healthy, Healthy, Unhealthy
            ]
        );
    }

    #[test]
    fn a_check_recovers_after_rise_consecutive_good_runs() {
        assert_eq!(
            shown(1, 2, &[Unhealthy, Healthy, Unhealthy, Degraded, Healthy]),
            [Unhealthy, Unhealthy, Unhealthy, Unhealthy, Healthy]
        );
    }

    #[test]
    fn the_first_result_is_shown_as_it_is() {
        assert_eq!(shown(3, 3, &[Unhealthy]), [Unhealthy]);
        assert_eq!(shown(3, 3, &[Unknown, Healthy]), [Unknown, Healthy]);
    }

    #[test]
    fn an_unknown_result_counts_for_neither_threshold() {
        assert_eq!(
            shown(2, 1, &[Healthy, Unhealthy, Unknown, Unhealthy]),
            [Healthy, Healthy, Unknown, Unhealthy]
        );
    }

    #[test]
    fn a_pending_change_is_reported() {
        let two = NonZeroU32::new(2).unwrap();
        let thresholds = Thresholds {
            fall: two,
            rise: two,
        };
        let mut hysteresis = Hysteresis::default();
        for (found, counting) in [
            (Healthy, false),
            (Unhealthy, true),
            (Unhealthy, false),
            (Healthy, true),
            (Healthy, false),
        ] {
            hysteresis.observe(found, thresholds);
            assert_eq!(hysteresis.is_counting(), counting, "after {found}");
        }
    }
}
