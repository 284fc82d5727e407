//! What time it is and how much of it went by, by a clock that a test can steer.
//!
//! In the host, and in a test without a [`World`](crate::testing::World), it is the machine's clock, as
//! `std` has it. In a world time stands still but for what its answers take, so that a test of a slow
//! answer takes no time itself. A check that asks `std::time` instead sees the machine's time in a world
//! too.
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

/// A moment, to measure from: [`std::time::Instant`] by this clock.
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
    /// This moment.
    pub fn now() -> Self {
        Self(backend::instant())
    }

    /// How long ago it was.
    pub fn elapsed(self) -> Duration {
        Self::now().duration_since(self)
    }

    /// The time from `earlier` to this moment, zero if that is later.
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

    /// The moment `time` later; nothing beyond what the clock can tell.
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

/// The time of day.
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

/// The seconds since 1970-01-01T00:00:00Z, as [`files::Metadata`](crate::files::Metadata) and
/// [`tls::Certificate`](crate::tls::Certificate) have their moments; 0 by a clock that is before.
pub fn unix_seconds() -> i64 {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Waits, to the run's [`Deadline`] at most: before something is tried again. In a world it only moves the
/// clock.
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
