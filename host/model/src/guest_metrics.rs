//! The metrics of guests: samples, and the traits by which the host stores them.
//!
//! This module does not know how metrics are exposed.

use std::sync::Arc;

use vitals_values::MetricUpdate;

use super::name::{CheckName, PluginName};
use super::text::Text;

/// A store for the metrics of all plugins.
pub trait GuestMetrics: Send + Sync {
    /// Returns an empty store for one version of a plugin. Its metrics are hidden until the version is
    /// activated.
    fn version(self: Arc<Self>, plugin: &PluginName) -> Arc<dyn VersionMetrics>;
}

/// A store for the metrics of one version of a plugin.
pub trait VersionMetrics: Send + Sync {
    /// Records a sample of a check.
    ///
    /// # Errors
    ///
    /// Fails if this version uses the metric with another type or other labels, or if the check has too
    /// many series.
    fn record(&self, check: &CheckName, sample: &Sample<'_>) -> Result<(), SampleError>;

    /// Exposes the metrics of this version in place of those of the previous version.
    fn activate(self: Arc<Self>);
}

/// One metric update by a guest, checked against the contract.
#[non_exhaustive]
pub struct Sample<'a> {
    /// The metric's name: a letter, then at most 63 of `a-z`, `0-9` and `_`.
    pub name: &'a str,
    /// Makes the metric's help text. It is called for the first sample of a metric only.
    pub help: &'a dyn Fn() -> Text,
    /// The labels, ordered by name. A label name follows the rule for the metric's name. A value has at
    /// most 128 bytes.
    pub labels: Vec<(String, Text)>,
    /// What to do with the metric.
    pub update: MetricUpdate<'a>,
}

impl<'a> Sample<'a> {
    /// Makes a sample that has been checked against the contract.
    pub fn new(
        name: &'a str,
        help: &'a dyn Fn() -> Text,
        labels: Vec<(String, Text)>,
        update: MetricUpdate<'a>,
    ) -> Self {
        Self {
            name,
            help,
            labels,
            update,
        }
    }
}

/// Why a sample was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The metric exists with another type or other labels, which the text names.
    #[error("{0}")]
    Conflict(String),
    /// The check already has the largest number of series.
    #[error("the check has too many series")]
    TooManySeries,
}
