//! The phase of a check: the moment within its interval at which it runs.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use vitals_model::CheckName;

/// Returns the first due time after `now`: when the wall clock, modulo the interval, equals the
/// hash of the name. Later due times follow the monotonic clock, so that a step of the wall clock
/// has no effect.
pub(super) fn first_due(name: &CheckName, interval: Duration, now: Instant) -> Instant {
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now + until_due(name, interval, wall)
}

/// Returns the next due time after `now`, in steps of `interval` from `due`.
pub(super) fn next_due(due: Instant, interval: Duration, now: Instant) -> Instant {
    let late = now.saturating_duration_since(due);
    let steps = late.as_nanos() / interval.as_nanos().max(1) + 1;
    due + interval.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

fn until_due(name: &CheckName, interval: Duration, wall: Duration) -> Duration {
    let hash = Sha256::digest(name.as_str());
    let hash = u64::from_le_bytes(std::array::from_fn(|index| hash[index]));
    let interval = interval.as_nanos().max(1);
    let offset = u128::from(hash) % interval;
    let into = wall.as_nanos() % interval;
    let wait = (offset + interval - into) % interval;
    let wait = if wait == 0 { interval } else { wait };
    Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> CheckName {
        text.parse().unwrap()
    }

    #[test]
    fn the_phase_survives_a_restart_and_differs_between_names() {
        let interval = Duration::from_secs(30);
        let at = |name: &CheckName, wall| wall + until_due(name, interval, wall);
        let (one, two) = (name("one"), name("two"));
        let first = at(&one, Duration::from_secs(1_000_000));
        let later = at(&one, Duration::from_secs(1_000_100));
        assert_eq!(
            later.saturating_sub(first).as_nanos() % interval.as_nanos(),
            0
        );
        assert_ne!(first, at(&two, Duration::from_secs(1_000_000)));
    }

    #[test]
    fn missed_ticks_are_skipped_and_the_phase_stays() {
        let due = Instant::now();
        let interval = Duration::from_secs(10);
        let seconds = Duration::from_secs;
        assert_eq!(next_due(due, interval, due), due + seconds(10));
        assert_eq!(next_due(due, interval, due + seconds(9)), due + seconds(10));
        assert_eq!(
            next_due(due, interval, due + seconds(35)),
            due + seconds(40)
        );
    }

    proptest! {
        #[test]
        fn a_run_is_due_within_one_interval(millis in 1_u64..10_000, wall in any::<u32>()) {
            let interval = Duration::from_millis(millis);
            let wait = until_due(&name("a"), interval, Duration::from_micros(wall.into()));
            prop_assert!(wait > Duration::ZERO && wait <= interval);
        }
    }
}
