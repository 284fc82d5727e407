//! Calls itself until the stack is over.

use vitals_sdk::prelude::*;

/// How deep to go.
#[derive(Config)]
struct Settings {
    /// Calls.
    #[config(default = 1_000_000_000)]
    depth: u64,
}

/// Adds numbers the hard way.
#[health_check(code = "recurse")]
fn check(settings: Settings) -> Outcome {
    Outcome::healthy(format!("the sum is {}", sum(settings.depth)))
}

fn sum(depth: u64) -> u64 {
    if depth == 0 {
        return 0;
    }
    // Through a pointer that the compiler can't see through, so that it makes no loop of it; and
    // with next to nothing in linear memory, whose own part for a stack would be over first.
    let next: fn(u64) -> u64 = std::hint::black_box(sum);
    next(depth - 1).wrapping_add(depth)
}
