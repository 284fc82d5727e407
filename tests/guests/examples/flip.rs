//! Changes its mind with every run: unhealthy after healthy, healthy after all else. It leans on
//! what the host says that the run before found.

use vitals_sdk::prelude::*;

/// Never agrees with the run before.
#[health_check(code = "flip")]
fn check(_settings: Nothing, request: &Request) -> Outcome {
    let before = request
        .previous()
        .map_or("nothing".to_owned(), |status| status.to_string());
    match request.previous() {
        Some(Status::Healthy) => Outcome::unhealthy("flop"),
        _ => Outcome::healthy("flip"),
    }
    .detail("before", before)
}

/// No settings.
#[derive(Config)]
struct Nothing {}
