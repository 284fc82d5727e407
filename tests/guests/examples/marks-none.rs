//! Has two addresses among its settings and asks for no grant.

use vitals_sdk::prelude::*;

/// The addresses.
#[derive(Config)]
struct Settings {
    /// The first.
    first: Address,
    /// The second.
    second: Address,
}

/// Reports which build it is.
#[health_check(code = "marks")]
fn check(settings: Settings) -> Outcome {
    Outcome::healthy("wants none")
        .detail("first", settings.first.to_string())
        .detail("second", settings.second.to_string())
}
