//! Waits in the host: a run that is blocked in a call must end in time, like one that computes.

use vitals_sdk::prelude::*;

/// How long to wait.
#[derive(Config)]
struct Settings {
    /// The duration of each call.
    #[config(default = "1s")]
    time: Duration,
    /// The number of calls.
    #[config(default = 1)]
    times: u32,
}

/// Waits.
#[health_check(code = "sleep")]
#[expect(clippy::disallowed_methods, reason = "the guest tests waiting")]
fn check(settings: Settings) -> Outcome {
    for _ in 0..settings.times {
        std::thread::sleep(settings.time);
    }
    Outcome::healthy(format!("slept {} times", settings.times))
}
