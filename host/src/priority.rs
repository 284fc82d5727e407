//! The priority of threads whose work may wait: guests, blocking calls, what goes out.

/// Lowers the priority of this thread. On Linux a priority belongs to a thread; where it can't be lowered
/// the thread runs like the rest.
pub(crate) fn lower_priority() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

/// How much nicer such a thread is than the host.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
