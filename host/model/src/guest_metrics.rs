//! What plugins count: the samples of guests, and who keeps them.

use std::sync::Arc;

use super::name::{CheckName, PluginName};
use super::text::Text;

/// Keeps what plugins count.
pub trait GuestMetrics: Send + Sync {
    /// Where a version of a plugin counts, from nothing on. Nobody sees it before it serves.
    fn version(self: Arc<Self>, plugin: &PluginName) -> Arc<dyn VersionMetrics>;
}

/// What one version of a plugin counts.
pub trait VersionMetrics: Send + Sync {
    /// Takes a sample of a check.
    ///
    /// # Errors
    ///
    /// This version uses the metric otherwise, or the check has too many series.
    fn record(&self, check: &CheckName, sample: &Sample<'_>) -> Result<(), SampleError>;

    /// The version serves from here on: it is shown in the place of the one before it.
    fn activate(self: Arc<Self>);
}

/// One call of a guest, held to the contract.
pub struct Sample<'a> {
    /// The metric: a letter and at most 63 of `a-z`, `0-9` and `_`.
    pub name: &'a str,
    /// Makes the line for a person, which is wanted for the first sample of a metric alone.
    pub help: &'a dyn Fn() -> Text,
    /// Label names, as the metric's, and values of at most 128 bytes; in the order of the names.
    pub labels: Vec<(String, Text)>,
    /// The number.
    pub update: MetricUpdate<'a>,
}

/// What is to be done with a number, which is finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricUpdate<'a> {
    /// Add it, which is not negative, to a counter.
    Add(f64),
    /// Set a gauge to it.
    Set(f64),
    /// Observe it in a histogram.
    Observe {
        /// The number.
        value: f64,
        /// Upper bounds in ascending order, at most 32; none for those of the host.
        buckets: &'a [f64],
    },
}

/// A sample was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// The metric is used otherwise; the text says how.
    #[error("{0}")]
    Conflict(String),
    /// The check has as many series as it may.
    #[error("the check has too many series")]
    TooManySeries,
}
