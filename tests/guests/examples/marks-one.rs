//! Has two addresses among its settings and asks for a grant for one.

use vitals_sdk::prelude::*;

/// The addresses.
#[derive(Config)]
struct Settings {
    /// The first.
    #[config(grant = "tcp")]
    first: Address,
    /// The second.
    second: Address,
}

/// Reports which build it is.
#[health_check(code = "marks")]
fn check(settings: Settings) -> Outcome {
    Outcome::healthy("wants one")
        .detail("first", settings.first.to_string())
        .detail("second", settings.second.to_string())
}
