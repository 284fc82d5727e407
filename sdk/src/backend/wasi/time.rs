//! The machine's clock, as `std` reads it through WASI.

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
    reason = "the instance belongs to the check, and the host runs other guests meanwhile"
)]
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}

/// Waits until one of the pollables is ready, to the deadline at most. Returns whether one is.
pub(super) fn is_ready_by(pollables: &[&Pollable], deadline: Deadline) -> bool {
    let left = deadline.remaining();
    if left.is_zero() {
        return false;
    }
    let timer = monotonic_clock::subscribe_duration(nanoseconds(left));
    let mut all = pollables.to_vec();
    all.push(&timer);
    poll(&all)
        .iter()
        .any(|ready| (*ready as usize) < pollables.len())
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the remaining time of a call, at least 1 ms.
pub(super) fn milliseconds(deadline: Deadline) -> u32 {
    let left = deadline.remaining().as_millis();
    u32::try_from(left).unwrap_or(u32::MAX).max(1)
}
