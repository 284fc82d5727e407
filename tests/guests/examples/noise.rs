//! Writes to standard output, standard error, the host's log and its error tracker.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the guest tests standard output"
)]

use vitals_sdk::prelude::*;

/// How much to write to each.
#[derive(Config)]
struct Settings {
    /// The number of lines of 100 bytes to standard output.
    #[config(default = 0)]
    stdout: u32,
    /// The number of lines of 100 bytes to standard error.
    #[config(default = 0)]
    stderr: u32,
    /// The number of lines of 100 bytes to the log.
    #[config(default = 0)]
    log: u32,
    /// The number of messages to the error tracker.
    #[config(default = 0)]
    captures: u32,
}

/// Writes and returns healthy.
#[health_check(code = "noise")]
fn check(settings: Settings) -> Outcome {
    for number in 0..settings.stdout {
        println!("stdout {number:0>91}");
    }
    for number in 0..settings.stderr {
        eprintln!("stderr {number:0>91}");
    }
    for number in 0..settings.log {
        report::info(format!("log {number:0>95}"));
    }
    let captured = (0..settings.captures)
        .filter(|number| {
            report::capture(report::Level::Warning, format!("capture {number}")).is_some()
        })
        .count();
    Outcome::healthy("said it all").detail("captured", captured)
}
