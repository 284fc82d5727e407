//! The clock: that of a test's world, and the machine's without one.

use std::time::{Duration, Instant, SystemTime};

use crate::testing::current;

pub(crate) fn instant() -> Instant {
    current().map_or_else(Instant::now, |world| world.instant())
}

pub(crate) fn system_time() -> SystemTime {
    current().map_or_else(SystemTime::now, |world| world.now())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the thread is the check's own, and nobody else waits for it"
)]
pub(crate) fn sleep(time: Duration) {
    match current() {
        Some(world) => world.advance(time),
        None => std::thread::sleep(time),
    }
}
