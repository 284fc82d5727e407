//! Priorities of threads.

/// How much nicer than the rest of the host a thread with lowered priority is.
pub const NICE: i32 = 10;

/// Lets the calling thread yield to the others of this machine.
///
/// On Linux a priority belongs to a thread. Where it can't be lowered, or on another system, the thread
/// runs like the rest.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}
