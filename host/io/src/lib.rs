//! Input and output that a third party controls, kept from harming the rest of the process.
//!
//! [`blocking_pool`] has threads that may be lost to a file system that hangs, [`regular_file`]
//! reads files whose paths come from outside, [`trust`] verifies the certificates of servers within
//! bounds. Thread priorities and panic messages are here because every crate above needs them.
//! Nothing here knows how a check is run.

pub mod blocking_pool;
mod panics;
mod priority;
pub mod regular_file;
pub mod trust;

pub use panics::panic_text;
pub use priority::{NICE, lower_priority};
