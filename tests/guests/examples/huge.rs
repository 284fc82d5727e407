//! Hands over more than the host wants to take, by every way that a text has.

use vitals_sdk::prelude::*;

/// What to hand over, and how much of it.
#[derive(Config)]
struct Settings {
    /// The way.
    #[config(default)]
    by: Way,
    /// Bytes.
    #[config(default = 3_145_728)]
    size: u32,
}

/// A way of a text to the host.
#[derive(Config, Default)]
enum Way {
    #[default]
    Message,
    Detail,
    Error,
    Log,
    Stdout,
}

/// Hands over one large text.
#[health_check(code = "huge")]
#[expect(clippy::print_stdout, reason = "one of the ways")]
fn check(settings: Settings) -> Result<Outcome> {
    let text = "x".repeat(settings.size as usize);
    match settings.by {
        Way::Message => Ok(Outcome::healthy(text)),
        Way::Detail => Ok(Outcome::healthy("look inside").detail("text", text)),
        Way::Error => Err(Error::new(text)),
        Way::Log => {
            report::info(text);
            Ok(Outcome::healthy("logged it"))
        }
        Way::Stdout => {
            print!("{text}");
            Ok(Outcome::healthy("printed it"))
        }
    }
}
