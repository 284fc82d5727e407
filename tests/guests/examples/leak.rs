//! Opens host resources and never drops them.

#![cfg(target_family = "wasm")]

use vitals_sdk::prelude::*;

/// How many to open.
#[derive(Config)]
struct Settings {
    /// The number of pollables of the monotonic clock.
    #[config(default = 100_000)]
    pollables: u32,
}

/// Opens resources and keeps them.
#[health_check(code = "leak")]
fn check(settings: Settings) -> Outcome {
    let kept: Vec<_> = (0..settings.pollables)
        .map(|_| wasip2::clocks::monotonic_clock::subscribe_duration(1_000_000_000))
        .collect();
    Outcome::healthy(format!("kept {}", kept.len()))
}
