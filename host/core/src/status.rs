//! How a host does, in the few words that a supervisor wants. Reads the board and the loops; changes
//! nothing.

use std::fmt;
use std::sync::Arc;

use crate::board::Board;
use crate::stats::HostStats;
use vitals_model::Status;

/// What tells how a host does. Cheap to clone, and no hold on the host.
#[derive(Clone)]
pub struct HostStatus {
    board: Arc<Board>,
    stats: Arc<dyn HostStats>,
}

impl HostStatus {
    pub(crate) fn new(board: Arc<Board>, stats: Arc<dyn HostStats>) -> Self {
        Self { board, stats }
    }

    /// The name of a loop of the host that stands still: what `/health/live` answers by.
    pub fn stalled_loop(&self) -> Option<&'static str> {
        self.stats.stalled_loop()
    }

    /// The checks in one line: `7 checks: 6 healthy, 1 unhealthy`.
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
