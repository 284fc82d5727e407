//! Writes one line of each level to the host's log.

use vitals_sdk::prelude::*;

/// Logs one line per level.
#[health_check(code = "log")]
fn check() -> Outcome {
    report::debug("a line for the author");
    report::info("a line worth knowing");
    report::warn("a line worth looking at");
    report::error("a line worth acting on");
    let event = report::capture(report::Level::Error, "a message for the error tracker");
    Outcome::healthy("logged").detail("event", json!(event))
}
