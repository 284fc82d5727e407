//! Says hello: the least that a check can be. It needs no settings, so it runs by itself once it
//! is dropped into the plugins directory.

use vitals_sdk::prelude::*;

/// Says hello.
#[health_check(code = "hello")]
fn check() -> Outcome {
    Outcome::healthy("hello")
}
