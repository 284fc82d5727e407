//! Statistics of the host, for pages, metrics and the service manager. No plugin can change them.

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
