//! Has two addresses among its settings and asks for grants for both.

use vitals_sdk::prelude::*;

/// The addresses.
#[derive(Config)]
struct Settings {
    /// The first.
    #[config(grant = "tcp")]
    first: Address,
    /// The second.
    #[config(grant = "tcp")]
    second: Address,
}

/// Reports which build it is.
#[health_check(code = "marks")]
fn check(settings: Settings) -> Outcome {
    Outcome::healthy("wants two")
        .detail("first", settings.first.to_string())
        .detail("second", settings.second.to_string())
}
