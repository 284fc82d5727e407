//! The limits of one compilation.

use std::time::Duration;

/// The limits of one compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Processor time, and wall-clock time. A child that the machine starves gets five times as
    /// much wall-clock time. Default: 60 s.
    pub time: Duration,
    /// Memory of the child process, in bytes. It does not limit a thread of this process. Default:
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
