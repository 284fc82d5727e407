//! The time of day and elapsed time, from a clock that a test controls.
//!
//! In the host, and in a test without a [`World`](crate::testing::World), this is the machine's
//! clock, as in `std`. In a world, time advances only by what the test's responses take, so a test
//! of a slow response does not wait. `std::time` shows the machine's time even in a world.
//!
//! ```
//! use vitals_sdk::prelude::*;
//!
//! fn connect_time(address: &Address) -> Result<Duration> {
//!     let started = clock::Instant::now();
//!     tcp::connect(address, Duration::from_secs(2))?;
//!     Ok(started.elapsed())
//! }
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Deadline, backend};

/// A point in time to measure from: [`std::time::Instant`], read from this clock.
///
/// ```
/// use vitals_sdk::{clock, testing::World};
/// use std::time::Duration;
///
/// World::new().run(|| {
///     let started = clock::Instant::now();
///     clock::sleep(Duration::from_secs(1));
///     assert_eq!(started.elapsed(), Duration::from_secs(1));
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(std::time::Instant);

impl Instant {
    /// Returns the current instant.
    pub fn now() -> Self {
        Self(backend::instant())
    }

    /// Returns the time elapsed since this instant.
    pub fn elapsed(self) -> Duration {
        Self::now().duration_since(self)
    }

    /// Returns the time from `earlier` to this instant, or zero if `earlier` is later.
    ///
    /// ```
    /// use vitals_sdk::clock::Instant;
    ///
    /// let earlier = Instant::now();
    /// assert!(earlier.duration_since(Instant::now()).is_zero());
    /// ```
    pub fn duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// Returns the instant `time` later, or `None` beyond the clock's range.
    pub(crate) fn checked_add(self, time: Duration) -> Option<Self> {
        self.0.checked_add(time).map(Self)
    }
}

#[cfg(not(target_family = "wasm"))]
impl From<std::time::Instant> for Instant {
    fn from(instant: std::time::Instant) -> Self {
        Self(instant)
    }
}

/// Returns the time of day.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use vitals_sdk::{clock, testing::World};
///
/// let world = World::new();
/// world.set_time(UNIX_EPOCH + Duration::from_secs(60));
/// assert_eq!(world.run(clock::unix_seconds), 60);
/// ```
pub fn now() -> SystemTime {
    backend::system_time()
}

/// Returns the seconds since 1970-01-01T00:00:00Z, the unit of
/// [`files::Metadata`](crate::files::Metadata) and [`tls::Certificate`](crate::tls::Certificate).
/// Returns 0 if the clock is before that time.
///
/// ```
/// use vitals_sdk::clock;
///
/// let ends = 4_102_444_800; // 2100-01-01
/// let days_left = (ends - clock::unix_seconds()) / 86_400;
/// assert!(days_left > 0);
/// ```
pub fn unix_seconds() -> i64 {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Formats seconds since 1970-01-01T00:00:00Z as RFC 3339.
///
/// ```
/// assert_eq!(vitals_sdk::clock::utc_text(1_800_000_000), "2027-01-15T08:00:00Z");
/// ```
pub fn utc_text(unix_seconds: i64) -> String {
    let (day, second) = (unix_seconds.div_euclid(DAY), unix_seconds.rem_euclid(DAY));
    // Days count from 0000-03-01, so a leap day is the last day of its year. Cycles of 400 years,
    // all of the same length, begin there.
    let day = i128::from(day) + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i128::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Sleeps for `time`, but not beyond the run's [`Deadline`]; for waiting before a retry. In a world
/// this only advances the clock.
///
/// ```
/// use vitals_sdk::{clock, testing::World};
/// use std::time::Duration;
///
/// let world = World::new();
/// world.set_timeout(Duration::from_secs(2));
/// world.run(|| clock::sleep(Duration::from_secs(60)));
/// assert_eq!(world.elapsed(), Duration::from_millis(1_900));
/// ```
pub fn sleep(time: Duration) {
    backend::sleep(time.min(Deadline::of_run().remaining()));
}

const DAY: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_seconds_become_calendar_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc_text(seconds), text);
        }
        assert!(!utc_text(i64::MIN).is_empty() && !utc_text(i64::MAX).is_empty());
    }
}
