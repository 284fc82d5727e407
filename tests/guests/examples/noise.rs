//! Talks: to standard output, to standard error, to the host's log, to its error tracker.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "that is what it is for"
)]

use vitals_sdk::prelude::*;

/// How much to say on each way.
#[derive(Config)]
struct Settings {
    /// Lines of 100 bytes to standard output.
    #[config(default = 0)]
    stdout: u32,
    /// Lines of 100 bytes to standard error.
    #[config(default = 0)]
    stderr: u32,
    /// Lines of 100 bytes to the log.
    #[config(default = 0)]
    log: u32,
    /// Messages to the error tracker.
    #[config(default = 0)]
    captures: u32,
}

/// Talks, and is well.
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
