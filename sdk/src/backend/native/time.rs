//! The clock of a test's world, or the machine's clock without a world.

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
    reason = "the thread belongs to the check, so blocking it delays nothing else"
)]
pub(crate) fn sleep(time: Duration) {
    match current() {
        Some(world) => world.advance(time),
        None => std::thread::sleep(time),
    }
}
