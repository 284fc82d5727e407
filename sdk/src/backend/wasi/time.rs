//! The clock: the machine's, as `std` reads it from WASI.

use std::time::{Duration, Instant, SystemTime};

pub(crate) fn instant() -> Instant {
    Instant::now()
}

pub(crate) fn system_time() -> SystemTime {
    SystemTime::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the instance is the check's own, and the host turns to others meanwhile"
)]
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}
