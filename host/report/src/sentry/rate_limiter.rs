//! Rate limits for reports: overall, and for each source.

use std::collections::BTreeMap;
use std::time::Instant;

use parking_lot::Mutex;

/// A burst size, and a sustained rate per minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: u32,
    pub(super) per_minute: u32,
}

/// A token-bucket limiter. A source that has used up its share takes nothing from the others.
pub(super) struct RateLimiter {
    of_each: Rate,
    buckets: Mutex<Buckets>,
}

struct Buckets {
    all: Bucket,
    /// The buckets that are not full. The overall rate bounds their number.
    each: BTreeMap<String, Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    rate: Rate,
    tokens: f64,
    filled: Instant,
}

impl RateLimiter {
    pub(super) fn new(of_all: Rate, of_each: Rate, now: Instant) -> Self {
        let buckets = Buckets {
            all: Bucket::full(of_all, now),
            each: BTreeMap::new(),
        };
        Self {
            of_each,
            buckets: Mutex::new(buckets),
        }
    }

    /// Takes a token for `source`. Returns whether there was one.
    pub(super) fn take(&self, source: &str, now: Instant) -> bool {
        let mut buckets = self.buckets.lock();
        let Buckets { all, each } = &mut *buckets;
        all.fill(now);
        each.retain(|_, bucket| {
            bucket.fill(now);
            !bucket.is_full()
        });
        let known = each.get(source).copied();
        let mut own = known.unwrap_or_else(|| Bucket::full(self.of_each, now));
        if !all.has_one() || !own.has_one() {
            return false;
        }
        all.tokens -= 1.0;
        own.tokens -= 1.0;
        each.insert(source.to_owned(), own);
        true
    }
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            tokens: rate.burst.into(),
            filled: now,
        }
    }

    fn fill(&mut self, now: Instant) {
        let minutes = now.saturating_duration_since(self.filled).as_secs_f64() / 60.0;
        let more = minutes * f64::from(self.rate.per_minute);
        self.tokens = (self.tokens + more).min(self.rate.burst.into());
        self.filled = self.filled.max(now);
    }

    fn has_one(&self) -> bool {
        self.tokens >= 1.0
    }

    fn is_full(&self) -> bool {
        self.tokens >= f64::from(self.rate.burst)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OF_ALL: Rate = Rate {
        burst: 10,
        per_minute: 6,
    };
    const OF_EACH: Rate = Rate {
        burst: 3,
        per_minute: 1,
    };

    fn taken(rate_limiter: &RateLimiter, source: &str, times: usize, now: Instant) -> usize {
        (0..times)
            .filter(|_| rate_limiter.take(source, now))
            .count()
    }

    #[test]
    fn a_source_over_its_limit_takes_nothing_from_others() {
        let now = Instant::now();
        let rate_limiter = RateLimiter::new(OF_ALL, OF_EACH, now);
        assert_eq!(taken(&rate_limiter, "flapping", 1000, now), 3);
        assert_eq!(taken(&rate_limiter, "other", 1000, now), 3);
    }

    #[test]
    fn the_overall_rate_is_limited() {
        let now = Instant::now();
        let rate_limiter = RateLimiter::new(OF_ALL, OF_EACH, now);
        let sources = (0..100).map(|number| format!("source {number}"));
        let taken = sources
            .filter(|source| rate_limiter.take(source, now))
            .count();
        assert_eq!(taken, 10);
    }

    #[test]
    fn the_bucket_refills_up_to_the_burst() {
        let now = Instant::now();
        let rate_limiter = RateLimiter::new(OF_ALL, OF_EACH, now);
        taken(&rate_limiter, "a", 10, now);
        let later = now + Duration::from_mins(1);
        assert_eq!(taken(&rate_limiter, "a", 10, later), 1);
        let much_later = now + Duration::from_hours(1);
        assert_eq!(taken(&rate_limiter, "a", 10, much_later), 3);
    }

    #[test]
    fn full_buckets_are_removed() {
        let mut now = Instant::now();
        let rate_limiter = RateLimiter::new(OF_ALL, OF_EACH, now);
        for number in 0..10_000 {
            rate_limiter.take(&format!("source {number}"), now);
            now += Duration::from_secs(10);
        }
        assert!(rate_limiter.buckets.lock().each.len() < 30);
    }
}
