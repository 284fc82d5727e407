//! Input and output that a third party controls, kept from harming the rest of the process.
//!
//! [`blocking_pool`] has threads that may be lost to a file system that hangs, [`regular_file`]
//! reads files whose paths come from outside, [`trust`] verifies the certificates of servers within
//! bounds. Thread priorities and panic messages are here because every crate above needs them.
//! Nothing here knows how a check is run.

use std::any::Any;

pub mod blocking_pool;
pub mod regular_file;
pub mod trust;

/// Lowers the priority of the calling thread below that of the host's other threads.
///
/// On Linux each thread has a priority of its own. Where it can't be lowered, and on other systems,
/// the thread keeps its priority.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

/// Returns the message of a panic's payload.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

/// The nice value of a thread with lowered priority.
pub const NICE: i32 = 10;
