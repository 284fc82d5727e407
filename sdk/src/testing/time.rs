//! The clock of a world. It stands still until something advances it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{World, lock};
use crate::Deadline;

/// The state of the clock.
pub(super) struct Time {
    /// A real instant, so that instants from before the world began are earlier.
    began: Instant,
    elapsed: Duration,
    /// The time of day at the world's start.
    of_day: SystemTime,
    timeout: Duration,
}

impl Default for Time {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            elapsed: Duration::ZERO,
            of_day: UNIX_EPOCH + BEGINNING,
            timeout: TIMEOUT,
        }
    }
}

impl World {
    /// Sets the timeout of a run, like `timeout` of a check. The default is 5 s.
    ///
    /// ```
    /// use vitals_sdk::{Deadline, testing::World};
    /// use std::time::Duration;
    ///
    /// let world = World::new();
    /// world.set_timeout(Duration::from_secs(2));
    /// // A little is reserved for the outcome of the check.
    /// let left = world.run(|| Deadline::of_run().remaining());
    /// assert_eq!(left, Duration::from_millis(1_900));
    /// ```
    pub fn set_timeout(&self, timeout: Duration) {
        lock(&self.0.time).timeout = timeout;
    }

    /// Sets the time of day.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use vitals_sdk::{clock, testing::World};
    ///
    /// let world = World::new();
    /// world.set_time(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    /// assert_eq!(world.run(clock::unix_seconds), 1_800_000_000);
    /// ```
    pub fn set_time(&self, now: SystemTime) {
        let mut time = lock(&self.0.time);
        time.of_day = now.checked_sub(time.elapsed).unwrap_or(now);
    }

    /// Returns the time of day in this world.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vitals_sdk::testing::World;
    ///
    /// let world = World::new();
    /// let then = world.now();
    /// world.advance(Duration::from_secs(1));
    /// assert_eq!(world.now(), then + Duration::from_secs(1));
    /// ```
    pub fn now(&self) -> SystemTime {
        let time = lock(&self.0.time);
        time.of_day.checked_add(time.elapsed).unwrap_or(time.of_day)
    }

    /// Advances the clock between two runs.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let world = World::new();
    /// world.file("/run/beat", "");
    /// world.advance(Duration::from_secs(90));
    /// let age = world.run(|| files::stat("/run/beat").map(|found| found.age()))?;
    /// assert_eq!(age, Duration::from_secs(90));
    /// # Ok::<(), files::Error>(())
    /// ```
    pub fn advance(&self, by: Duration) {
        let mut time = lock(&self.0.time);
        time.elapsed = time.elapsed.saturating_add(by);
    }

    /// Returns the time elapsed in this world.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vitals_sdk::{clock, testing::World};
    ///
    /// let world = World::new();
    /// world.run(|| clock::sleep(Duration::from_secs(1)));
    /// assert_eq!(world.elapsed(), Duration::from_secs(1));
    /// ```
    pub fn elapsed(&self) -> Duration {
        lock(&self.0.time).elapsed
    }

    /// Advances the clock, to the deadline at most. Returns whether it stayed within the deadline.
    pub(super) fn pass(&self, time: Duration, deadline: Deadline) -> bool {
        let left = deadline.remaining_at(self.instant());
        self.advance(time.min(left));
        !left.is_zero() && time <= left
    }

    pub(super) fn timeout(&self) -> Duration {
        lock(&self.0.time).timeout
    }

    pub(crate) fn instant(&self) -> Instant {
        let time = lock(&self.0.time);
        time.began.checked_add(time.elapsed).unwrap_or(time.began)
    }

    /// Returns the time `age` ago, in seconds since 1970.
    pub(super) fn unix_seconds_before(&self, age: Duration) -> i64 {
        let now = self.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i128::from(now.as_secs()) - i128::from(age.as_secs());
        i64::try_from(seconds).unwrap_or(i64::MIN)
    }
}

/// 2026-01-01T00:00:00Z. The start is fixed so that a test is reproducible.
const BEGINNING: Duration = Duration::from_hours(490_896);
/// The host's default.
const TIMEOUT: Duration = Duration::from_secs(5);
