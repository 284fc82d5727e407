//! Allocates memory and writes to it.

use vitals_sdk::prelude::*;

/// How much to allocate.
#[derive(Config)]
struct Settings {
    /// In mebibytes.
    #[config(default = 1024)]
    mebibytes: u32,
}

/// Allocates memory one mebibyte at a time.
#[health_check(code = "fill")]
fn check(settings: Settings) -> Outcome {
    let mut taken = Vec::new();
    for _ in 0..settings.mebibytes {
        taken.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
    Outcome::healthy(format!("took {} MiB", taken.len()))
}
