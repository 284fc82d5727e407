//! What one compilation may take, wherever it is made.

use std::time::Duration;

/// What one compilation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Processor time; also time by the clock, of which a child that the machine starves has five
    /// times as much. Default: 60 s.
    pub time: Duration,
    /// Memory of the child process, in bytes; a thread of this process is not held to it. Default:
    /// 2 GiB.
    pub memory: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_mins(1),
            memory: 2 << 30,
        }
    }
}
