//! Computes for some milliseconds, like a check that parses a long reply.

use vitals_sdk::prelude::*;

/// How much to compute.
#[derive(Config)]
struct Settings {
    /// The number of passes over 64 KiB of memory.
    #[config(default = 100)]
    passes: u32,
}

/// Mixes memory and returns healthy.
#[health_check(code = "busy")]
fn check(settings: Settings) -> Outcome {
    let mut memory = vec![1_u64; (64 << 10) / size_of::<u64>()];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..settings.passes {
        for word in &mut memory {
            state ^= *word;
            // A step of xorshift (Marsaglia 2003), with an unpredictable branch.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *word = if state & 1 == 0 { state } else { !*word };
        }
    }
    Outcome::healthy("done").detail("state", format!("{state:x}"))
}
