//! Says hello: the smallest possible check. It needs no settings, so it runs as soon as it is
//! copied into the plugins directory.

use vitals_sdk::prelude::*;

/// Says hello.
#[health_check(code = "hello")]
fn check() -> Outcome {
    Outcome::healthy("hello")
}
