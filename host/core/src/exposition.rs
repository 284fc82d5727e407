//! The interface between server and metrics: the text of `GET /metrics`, and counters of requests.
//!
//! The metrics implement both traits; the server knows nothing else about them.

use std::sync::Arc;
use std::time::Duration;

use vitals_model::{CheckName, Status};

/// The metrics of a host, as its server shows them.
pub trait Exposition: Send + Sync {
    /// Returns all metrics in the Prometheus text format 0.0.4. Takes a few microseconds for each
    /// check, so it should not run on a thread that others wait for.
    fn text(&self, moment: &Moment) -> String;

    /// Returns the counter of one endpoint's requests, and creates its series.
    fn endpoint(&self, endpoint: &'static str) -> Arc<dyn RequestCounter>;
}

/// Counts the requests of one endpoint.
pub trait RequestCounter: Send + Sync {
    /// Counts an answered request. `method` and `status` are labels.
    fn answered(&self, method: &'static str, status: &str, took: Duration);
}

/// The state of the host at a scrape.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The status of each check; a stale result is `unknown` here.
    pub statuses: Vec<(CheckName, Status)>,
    /// The verdict over all checks.
    pub health: Status,
    /// Whether the host answers as ready.
    pub ready: bool,
    /// Whether the last scan could read the plugins directory.
    pub directory_readable: bool,
    /// The number of runs in flight.
    pub runs_in_flight: usize,
    /// The limit on concurrent runs.
    pub max_runs: usize,
    /// Ticks of the epoch clock since the start.
    pub epoch_ticks: u64,
}
