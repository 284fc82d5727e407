//! The wait before a request is retried.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Waits that double from [`MIN_WAIT`] to [`MAX_WAIT`]. Each is a random part of that, at least
/// half, so that hosts that lost a receiver together do not return to it together.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns the next wait; `random` selects the part.
    pub(super) fn next(&mut self, random: u64) -> Duration {
        let doubled = MIN_WAIT.saturating_mul(1 << self.failures.min(DOUBLINGS));
        self.failures = self.failures.saturating_add(1);
        let full = doubled.min(MAX_WAIT);
        let half = full / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(random % nanos.saturating_add(1))
    }

    /// Resets the wait after a success.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Returns a random number.
pub(crate) fn random() -> u64 {
    // Each state has random keys.
    RandomState::new().hash_one(0)
}

const MIN_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_mins(1);
/// More doublings exceed the maximum anyway.
const DOUBLINGS: u32 = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_reset() {
        let mut backoff = Backoff::default();
        let longest = u64::try_from(MAX_WAIT.as_nanos()).expect("it fits");
        let mut full = |random| backoff.next(random).as_secs_f64();
        assert!((full(0) - 0.5).abs() < 1e-9);
        assert!((full(0) - 1.0).abs() < 1e-9);
        assert!((full(0) - 2.0).abs() < 1e-9);
        for _ in 0..100 {
            full(0);
        }
        assert!((full(0) - 30.0).abs() < 1e-9);
        assert!((full(longest / 2) - 60.0).abs() < 1e-9);
        backoff.reset();
        assert_eq!(backoff.next(0), Duration::from_millis(500));
    }

    proptest! {
        #[test]
        fn each_wait_is_within_half_and_maximum(
            randoms in prop::collection::vec(any::<u64>(), 1..40),
        ) {
            let mut backoff = Backoff::default();
            let mut full = MIN_WAIT;
            for random in randoms {
                let wait = backoff.next(random);
                prop_assert!(full / 2 <= wait && wait <= full, "{wait:?} of {full:?}");
                full = (full * 2).min(MAX_WAIT);
            }
        }
    }
}
