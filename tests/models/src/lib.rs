//! Models of the host's concurrency. loom explores all interleavings of threads, and the memory
//! orderings that the language allows.
//!
//! The models test the host's own modules, included by path and compiled with `cfg(loom)`, so they
//! need nothing else of the host.

#![cfg(test)]

#[expect(
    dead_code,
    unreachable_pub,
    reason = "a model uses a part of each module"
)]
#[path = "../../../host/io/src/blocking_pool.rs"]
mod blocking_pool;
mod epoch_clock;
mod lost_threads;

/// A model has no thread priorities.
fn lower_priority() {}
