//! Returns the configured status, or fails in the configured way.

use vitals_sdk::prelude::*;

/// What to return.
#[derive(Config)]
struct Settings {
    /// The status of the outcome.
    #[config(default)]
    status: Wanted,
    /// The message; with `fail`, the text of the panic or error.
    #[config(default)]
    message: String,
    /// How to fail instead.
    fail: Option<Fail>,
}

/// A status.
#[derive(Config, Default)]
enum Wanted {
    #[default]
    Healthy,
    Degraded,
    Unhealthy,
}

/// A way to end without an outcome.
#[derive(Config)]
enum Fail {
    Panic,
    Error,
    Exit,
    ExitZero,
    Trap,
}

/// Returns the configured outcome.
#[health_check(code = "status")]
fn check(settings: Settings) -> Result<Outcome> {
    let message = settings.message;
    match settings.fail {
        None => Ok(match settings.status {
            Wanted::Healthy => Outcome::healthy(message),
            Wanted::Degraded => Outcome::degraded(message),
            Wanted::Unhealthy => Outcome::unhealthy(message),
        }),
        Some(Fail::Error) => Err(Error::new(message)),
        Some(Fail::Panic) => panic!("{message}"),
        Some(Fail::Exit) => std::process::exit(1),
        // The guest exits successfully, but there is no outcome.
        Some(Fail::ExitZero) => std::process::exit(0),
        Some(Fail::Trap) => std::process::abort(),
    }
}
