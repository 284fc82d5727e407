//! Work that a deadline can't interrupt, kept from harming the rest of the process.
//!
//! [`blocking_pool`] has threads that may be lost to a file system that hangs, [`regular_file`] reads
//! files whose paths come from outside, and the rest is what every thread and task of the host needs.
//! Nothing here knows what a check is.

pub mod blocking_pool;
mod panics;
mod priority;
pub mod regular_file;

pub use panics::panic_text;
pub use priority::{NICE, lower_priority};
