//! Never returns: fuel or the deadline must end it.

use vitals_sdk::prelude::*;

/// Where to loop.
#[derive(Config)]
struct Settings {
    /// The number of rounds of work with a host call between them that precede the endless loop.
    #[config(default = 0)]
    calls: u32,
}

/// Loops forever.
#[health_check(code = "spin")]
fn check(settings: Settings) -> Outcome {
    for round in 0..settings.calls {
        report::debug(format!("round {round}"));
    }
    let mut rounds: u64 = 0;
    loop {
        rounds = std::hint::black_box(rounds.wrapping_add(1));
    }
}
