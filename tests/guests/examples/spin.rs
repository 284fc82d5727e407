//! Never comes back: fuel or the deadline has to end it.

use vitals_sdk::prelude::*;

/// Where to spin.
#[derive(Config)]
struct Settings {
    /// So many rounds of work come first, with a host call between them; without, there is only the
    /// loop.
    #[config(default = 0)]
    calls: u32,
}

/// Loops for ever.
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
