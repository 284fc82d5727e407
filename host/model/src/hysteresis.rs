//! `fall` and `rise`: how many runs it takes for the shown status to turn.

use std::num::NonZeroU32;

use super::Status;

/// How many runs in a row it takes to turn unhealthy, and to turn back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Failing runs in a row before the status turns unhealthy.
    pub fall: NonZeroU32,
    /// Good runs in a row before it turns back.
    pub rise: NonZeroU32,
}

/// Follows the results of one check and says which status to show.
///
/// The first result is shown as it is: before it nothing is known that it could be weighed against.
/// A run that found nothing out (`unknown`) is shown unless the check is unhealthy, and counts for
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hysteresis {
    shown: Option<Status>,
    failures: u32,
    successes: u32,
}

impl Hysteresis {
    /// Takes in the status that a run found and answers the one to show.
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

    /// Failing runs in a row, up to the last one.
    pub fn consecutive_failures(&self) -> u32 {
        self.failures
    }

    /// Whether the last run pointed to another status than the shown one, so that runs are being
    /// counted.
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
    fn one_and_one_follow_every_result() {
        let found = [Healthy, Unhealthy, Degraded, Unhealthy, Healthy];
        assert_eq!(shown(1, 1, &found), found);
    }

    #[test]
    fn it_takes_fall_failures_in_a_row() {
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
    fn it_takes_rise_good_runs_in_a_row() {
        assert_eq!(
            shown(1, 2, &[Unhealthy, Healthy, Unhealthy, Degraded, Healthy]),
            [Unhealthy, Unhealthy, Unhealthy, Unhealthy, Healthy]
        );
    }

    #[test]
    fn the_first_result_counts_as_it_is() {
        assert_eq!(shown(3, 3, &[Unhealthy]), [Unhealthy]);
        assert_eq!(shown(3, 3, &[Unknown, Healthy]), [Unknown, Healthy]);
    }

    #[test]
    fn an_unknown_result_counts_for_nothing() {
        assert_eq!(
            shown(2, 1, &[Healthy, Unhealthy, Unknown, Unhealthy]),
            [Healthy, Healthy, Unknown, Unhealthy]
        );
    }

    #[test]
    fn counting_is_seen() {
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
