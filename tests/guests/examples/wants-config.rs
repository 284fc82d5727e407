//! Requires a setting: copied into the plugins directory, it stays idle.

use vitals_sdk::prelude::*;

/// The settings.
#[derive(Config)]
struct Settings {
    /// There is no default for this.
    greeting: String,
}

/// Returns the configured message.
#[health_check(code = "wants-config")]
fn check(settings: Settings) -> Outcome {
    Outcome::healthy(settings.greeting)
}
