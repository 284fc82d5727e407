//! Can't run without a setting: dropped into the plugins directory it stays idle.

use vitals_sdk::prelude::*;

/// What it needs.
#[derive(Config)]
struct Settings {
    /// There is no default for this.
    greeting: String,
}

/// Says what it is told to.
#[health_check(code = "wants-config")]
fn check(settings: Settings) -> Outcome {
    Outcome::healthy(settings.greeting)
}
