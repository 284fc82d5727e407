//! What the server needs of metrics: the text of `GET /metrics`, and where it counts requests.
//!
//! Whoever keeps metrics implements both traits; the server knows nothing else of them.

use std::sync::Arc;
use std::time::Duration;

use vitals_model::{CheckName, Status};

/// The metrics of a host, as its server shows them.
pub trait Exposition: Send + Sync {
    /// All metrics in the Prometheus text format 0.0.4. Takes a few microseconds for each check, so not
    /// for a thread that others wait for.
    fn text(&self, moment: &Moment) -> String;

    /// Where the requests of one endpoint are counted. Its series are there from here on.
    fn endpoint(&self, endpoint: &'static str) -> Arc<dyn RequestCounter>;
}

/// Counts the requests of one endpoint.
pub trait RequestCounter: Send + Sync {
    /// Counts a request that has been answered. `method` and `status` are labels.
    fn answered(&self, method: &'static str, status: &str, took: Duration);
}

/// The state of the host at the moment of a scrape.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Each check with its status; a result that is too old is `unknown` here.
    pub statuses: Vec<(CheckName, Status)>,
    /// The verdict over all checks.
    pub health: Status,
    /// Whether the host answers as ready.
    pub ready: bool,
    /// Whether the plugins directory could be read when it was last looked at.
    pub directory_readable: bool,
    /// Runs that are being made.
    pub runs_in_flight: usize,
    /// Runs that may be made at once.
    pub max_runs: usize,
    /// Turns of the clock that interrupts guests, since start.
    pub epoch_ticks: u64,
}
