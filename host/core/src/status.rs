//! The state of the host itself, for pages, metrics and the service manager. No plugin can change
//! the statistics.

use std::fmt;
use std::sync::Arc;

use crate::board::Board;
use vitals_model::Status;

/// Statistics of the host.
pub trait HostStats: Send + Sync {
    /// Returns the name of a stalled loop of the host.
    fn stalled_loop(&self) -> Option<&'static str>;

    /// Returns the number of runs in flight.
    fn runs_in_flight(&self) -> usize;

    /// Returns the limit on concurrent runs.
    fn max_runs(&self) -> usize;

    /// Returns the ticks of the epoch clock since the start.
    fn epoch_ticks(&self) -> u64;
}

/// The status of a host. Cheap to clone; it does not keep the host running.
#[derive(Clone)]
pub struct HostStatus {
    pub(crate) board: Arc<Board>,
    pub(crate) stats: Arc<dyn HostStats>,
}

impl HostStatus {
    /// Returns the name of a stalled loop of the host, as `/health/live` reports it.
    pub fn stalled_loop(&self) -> Option<&'static str> {
        self.stats.stalled_loop()
    }

    /// Returns a summary of the checks in one line: `7 checks: 6 healthy, 1 unhealthy`.
    pub fn summary(&self) -> String {
        let counts = self.board.counts();
        let all: usize = counts.values().sum();
        let counted = Status::ALL.into_iter().filter_map(|status| {
            let count = counts.get(&status)?;
            Some(format!("{count} {status}"))
        });
        let counted: Vec<_> = counted.collect();
        match all {
            0 => "no checks".to_owned(),
            1 => format!("1 check: {}", counted.join(", ")),
            _ => format!("{all} checks: {}", counted.join(", ")),
        }
    }
}

impl fmt::Debug for HostStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostStatus")
            .field("summary", &self.summary())
            .field("stalled_loop", &self.stalled_loop())
            .finish()
    }
}
