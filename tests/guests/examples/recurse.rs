//! Recurses until the stack is exhausted.

use vitals_sdk::prelude::*;

/// The depth of the recursion.
#[derive(Config)]
struct Settings {
    /// The number of calls.
    #[config(default = 1_000_000_000)]
    depth: u64,
}

/// Adds numbers by recursion.
#[health_check(code = "recurse")]
fn check(settings: Settings) -> Outcome {
    Outcome::healthy(format!("the sum is {}", sum(settings.depth)))
}

fn sum(depth: u64) -> u64 {
    if depth == 0 {
        return 0;
    }
    // An opaque function pointer keeps the compiler from turning the recursion into a loop. The
    // frames hardly use linear memory, whose own stack would be exhausted first.
    let next: fn(u64) -> u64 = std::hint::black_box(sum);
    next(depth - 1).wrapping_add(depth)
}
