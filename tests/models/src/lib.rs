//! Models of the host's concurrency: loom tries all orders in which threads can take their steps, and
//! the memory orders that the language allows.
//!
//! What is tried are the host's own modules, included by path and compiled with `cfg(loom)`, so that
//! they need nothing of the host.

#![cfg(test)]

#[expect(
    dead_code,
    unreachable_pub,
    reason = "a model uses a part of what is public in its crate"
)]
#[path = "../../../host/io/src/blocking_pool.rs"]
mod blocking_pool;
mod epoch_clock;
mod lost_threads;

/// A model has no priorities.
fn lower_priority() {}
