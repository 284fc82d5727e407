//! The figures that every case is held to, besides what is expected of it.

use std::time::Duration;

/// What the machine allows to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Others use the machine.
    Busy,
    /// Nothing else runs.
    Quiet,
}

/// The figures of a [`Patience`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long a run may continue after its deadline.
    pub(super) overrun_ms: f64,
    /// The same, where one bulk instruction may add its own length: about half a millisecond for
    /// each of 64 MiB of memory.
    pub(super) bulk_overrun_ms: f64,
    /// How often the control check runs.
    pub(super) control_interval: Duration,
    /// How long a run of the control check may take. The promise is 50 ms more than it takes alone,
    /// which is nothing.
    pub(super) control_latency_ms: f64,
    /// How long `/health/live` may take.
    pub(super) probe: Duration,
    /// How long something may take beyond its own time.
    pub(super) slack: Duration,
}

impl Patience {
    pub(super) fn bounds(self) -> Bounds {
        match self {
            Self::Busy => Bounds {
                overrun_ms: 1000.0,
                bulk_overrun_ms: 1000.0,
                control_interval: Duration::from_secs(1),
                control_latency_ms: 1000.0,
                probe: Duration::from_secs(2),
                slack: Duration::from_secs(90),
            },
            Self::Quiet => Bounds {
                overrun_ms: 15.0,
                bulk_overrun_ms: 15.0 + 32.0,
                control_interval: Duration::from_millis(100),
                control_latency_ms: 50.0,
                probe: Duration::from_millis(200),
                slack: Duration::from_secs(12),
            },
        }
    }
}
