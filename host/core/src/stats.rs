//! How the host itself does, for pages, metrics and the service manager. No plugin can change it.

/// How the host itself does.
pub trait HostStats: Send + Sync {
    /// The name of a loop of the host that stands still.
    fn stalled_loop(&self) -> Option<&'static str>;

    /// Runs that are being made.
    fn runs_in_flight(&self) -> usize;

    /// Runs that may be made at once.
    fn max_runs(&self) -> usize;

    /// Turns of the clock that interrupts guests, since start.
    fn epoch_ticks(&self) -> u64;
}
