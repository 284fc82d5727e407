//! An example of a health check, which is one function: it checks whether the machine's clock is plausible.

use std::time::UNIX_EPOCH;

use vitals_sdk::prelude::*;

/// Checks that the clock is not before the day on which this check was written.
#[health_check(code = "clock")]
fn check() -> Result<Outcome> {
    let now = clock::now()
        .duration_since(UNIX_EPOCH)
        .context("cannot read the clock")?;
    let written = Duration::from_secs(1_767_225_600); // 2026-01-01
    Ok(if now < written {
        Outcome::unhealthy("the clock is before 2026")
    } else {
        Outcome::healthy("the clock is plausible")
    }
    .detail("unix_seconds", now.as_secs())
    .measure(seconds("clock", now).unhealthy_below(written)))
}

#[test]
fn a_clock_that_was_never_set_is_unhealthy() {
    let world = vitals_sdk::testing::World::new();
    assert_eq!(world.outcome(check).status(), Status::Healthy);

    world.set_time(UNIX_EPOCH + Duration::from_secs(60));
    let outcome = world.outcome(check);
    assert_eq!(outcome.status(), Status::Unhealthy);
    assert_eq!(outcome.message(), "the clock is before 2026");
}
