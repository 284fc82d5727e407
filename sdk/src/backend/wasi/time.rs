//! The clock: the machine's, as `std` reads it from WASI.

use std::time::{Duration, Instant, SystemTime};

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{Pollable, poll};

use crate::Deadline;

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

/// Waits for something, to a deadline at most. Answers whether it came.
pub(super) fn is_ready_by(what: &Pollable, deadline: Deadline) -> bool {
    let left = deadline.remaining();
    if left.is_zero() {
        return false;
    }
    let nanoseconds = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
    let timer = monotonic_clock::subscribe_duration(nanoseconds);
    poll(&[what, &timer]).contains(&0)
}
