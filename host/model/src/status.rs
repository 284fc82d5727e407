//! The status of a check, and the verdict over many of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything that the check looked at works.
    Healthy,
    /// The target works in part, or will stop working soon.
    Degraded,
    /// The target does not work.
    Unhealthy,
    /// There is no current result: the check has not run yet, its result is too old, or the host failed.
    Unknown,
}

impl Status {
    /// All statuses, in the order in which metrics list them.
    pub const ALL: [Self; 4] = [
        Self::Healthy,
        Self::Degraded,
        Self::Unhealthy,
        Self::Unknown,
    ];

    /// The status as responses, metrics and logs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The verdict over many checks, each given by its status and whether it is critical.
///
/// - `unhealthy` if a critical check is unhealthy;
/// - else `degraded` if any check is not healthy;
/// - else `healthy`, also if there are no checks.
pub fn verdict(checks: impl IntoIterator<Item = (Status, bool)>) -> Status {
    let mut sum = Status::Healthy;
    for (status, critical) in checks {
        match (status, critical) {
            (Status::Unhealthy, true) => return Status::Unhealthy,
            (Status::Healthy, _) => {}
            _ => sum = Status::Degraded,
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_check() -> impl Strategy<Value = (Status, bool)> {
        (prop::sample::select(&Status::ALL[..]), any::<bool>())
    }

    #[test]
    fn no_checks_are_healthy() {
        assert_eq!(verdict([]), Status::Healthy);
    }

    #[test]
    fn an_uncritical_failure_only_degrades() {
        assert_eq!(verdict([(Status::Unhealthy, false)]), Status::Degraded);
        assert_eq!(verdict([(Status::Unknown, true)]), Status::Degraded);
    }

    proptest! {
        #[test]
        fn never_better_than_the_worst_critical_check(
            checks in prop::collection::vec(any_check(), 0..20),
        ) {
            let critical_down = checks.contains(&(Status::Unhealthy, true));
            let all_well = checks.iter().all(|&(status, _)| status == Status::Healthy);
            let expected = match (critical_down, all_well) {
                (true, _) => Status::Unhealthy,
                (false, true) => Status::Healthy,
                (false, false) => Status::Degraded,
            };
            prop_assert_eq!(verdict(checks), expected);
        }

        #[test]
        fn order_does_not_matter(mut checks in prop::collection::vec(any_check(), 0..20)) {
            let forwards = verdict(checks.clone());
            checks.reverse();
            prop_assert_eq!(verdict(checks), forwards);
        }
    }
}
