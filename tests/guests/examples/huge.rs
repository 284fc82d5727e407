//! Passes more text than the host accepts, on every path from guest to host.

use vitals_sdk::prelude::*;

/// What to pass, and how much.
#[derive(Config)]
struct Settings {
    /// The path.
    #[config(default)]
    by: Channel,
    /// In bytes.
    #[config(default = 3_145_728)]
    size: u32,
}

/// A path of text to the host.
#[derive(Config, Default)]
enum Channel {
    #[default]
    Message,
    Detail,
    Error,
    Log,
    Stdout,
}

/// Passes one large text.
#[health_check(code = "huge")]
#[expect(clippy::print_stdout, reason = "one of the paths")]
fn check(settings: Settings) -> Result<Outcome> {
    let text = "x".repeat(settings.size as usize);
    match settings.by {
        Channel::Message => Ok(Outcome::healthy(text)),
        Channel::Detail => Ok(Outcome::healthy("look inside").detail("text", text)),
        Channel::Error => Err(Error::new(text)),
        Channel::Log => {
            report::info(text);
            Ok(Outcome::healthy("logged it"))
        }
        Channel::Stdout => {
            print!("{text}");
            Ok(Outcome::healthy("printed it"))
        }
    }
}
