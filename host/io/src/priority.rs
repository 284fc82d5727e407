//! Priorities of threads.

/// The nice value of a thread with lowered priority.
pub const NICE: i32 = 10;

/// Lowers the priority of the calling thread below that of the host's other threads.
///
/// On Linux each thread has a priority of its own. Where it can't be lowered, and on other systems,
/// the thread keeps its priority.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}
