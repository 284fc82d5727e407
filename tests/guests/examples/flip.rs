//! Changes its status with every run: unhealthy after healthy, otherwise healthy. It relies on the
//! previous status that the host passes.

use vitals_sdk::prelude::*;

/// Never agrees with the previous run.
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
