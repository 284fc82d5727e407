//! Prometheus metrics of a plugin. The host exposes them as `plugin_<plugin>_<name>` with an
//! additional label `check`. While metrics are disabled, the host accepts and ignores them.
//!
//! Names of metrics and labels are snake case, at most 64 characters. A label cannot be `check`,
//! `le` or `quantile`. The first use of a metric name fixes its type and label names; help and
//! buckets of later calls are ignored.
//!
//! The host keeps the values between runs until it loads another version of the plugin. Outside the
//! host every call returns [`Problem::NoHost`]. In a [`World`](crate::testing::World) a test
//! can inspect the values. A check that must not fail because of a metric ignores the error.
//!
//! ```
//! use vitals_sdk::prelude::*;
//!
//! let taken = metrics::counter("rows_seen_total", "Rows that the check looked at.")
//!     .label("table", "orders")
//!     .add(3.0);
//! if let Err(error) = taken {
//!     report::warn(error.to_string());
//! }
//! ```

use vitals_values::MetricUpdate;

use crate::backend;
use crate::operation_error::{NO_HOST, operation_error};

/// Makes a number that only grows, such as `rows_seen_total`. The name is snake case and ends in
/// its unit; `help` is one line of text.
pub fn counter(name: impl Into<String>, help: impl Into<String>) -> Counter {
    Counter(Series::new(name, help))
}

/// Makes a number that goes up and down. Name and help as for [`counter`].
///
/// ```
/// use vitals_sdk::metrics;
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # world.run(|| {
/// metrics::gauge("queue_length", "Messages that wait.").label("queue", "mail").set(12.0)?;
/// # Ok::<(), metrics::Error>(())
/// # })?;
/// # assert_eq!(world.metric("queue_length", &[("queue", "mail")]).unwrap().value, 12.0);
/// # Ok::<(), metrics::Error>(())
/// ```
pub fn gauge(name: impl Into<String>, help: impl Into<String>) -> Gauge {
    Gauge(Series::new(name, help))
}

/// Makes a distribution of values. Name and help as for [`counter`].
///
/// ```
/// use vitals_sdk::metrics;
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # world.run(|| {
/// let ages = metrics::histogram("message_age_seconds", "How long messages wait.");
/// ages.buckets([1.0, 10.0, 60.0]).observe(7.5)?;
/// # Ok::<(), metrics::Error>(())
/// # })?;
/// # assert_eq!(world.metric("message_age_seconds", &[]).unwrap().observed, [7.5]);
/// # Ok::<(), metrics::Error>(())
/// ```
pub fn histogram(name: impl Into<String>, help: impl Into<String>) -> Histogram {
    Histogram {
        series: Series::new(name, help),
        buckets: Vec::new(),
    }
}

/// A number that only grows. It has at most 8 labels with values of at most 128 bytes. A check has
/// at most 100 series in total; a histogram counts as one series for each set of label values.
#[derive(Clone, Debug)]
pub struct Counter(Series);

impl Counter {
    /// Adds a label.
    #[must_use]
    pub fn label(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self(self.0.label(name, value))
    }

    /// Adds `amount`, which must not be negative.
    pub fn add(&self, amount: f64) -> Result<(), Error> {
        self.0.record(MetricUpdate::Add(amount))
    }

    /// Adds one.
    pub fn increment(&self) -> Result<(), Error> {
        self.add(1.0)
    }
}

/// A number that goes up and down. Limits as for [`Counter`].
#[derive(Clone, Debug)]
pub struct Gauge(Series);

impl Gauge {
    /// Adds a label.
    #[must_use]
    pub fn label(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self(self.0.label(name, value))
    }

    /// Sets the value.
    pub fn set(&self, value: f64) -> Result<(), Error> {
        self.0.record(MetricUpdate::Set(value))
    }
}

/// A distribution of values. Limits as for [`Counter`].
#[derive(Clone, Debug)]
pub struct Histogram {
    series: Series,
    buckets: Vec<f64>,
}

impl Histogram {
    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.series = self.series.label(name, value);
        self
    }

    /// Sets the upper bounds of the buckets: at most 32, finite, in ascending order. The first call
    /// for a name fixes them. The default is ten buckets from 1 ms to 10 s, for values in seconds.
    #[must_use]
    pub fn buckets(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.buckets = bounds.into();
        self
    }

    /// Observes a value.
    pub fn observe(&self, value: f64) -> Result<(), Error> {
        let buckets = &self.buckets;
        self.series.record(MetricUpdate::Observe { value, buckets })
    }
}

operation_error! {
    /// A metric that was not recorded:
    /// ``cannot record metric `lag_seconds`: NaN is not a finite number: leave the call out``.
}

/// Why a metric was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The name, a label, a bucket or the value is not valid.
    #[error("{0}")]
    Invalid(String),
    /// This version of the plugin already uses the name with another type or other labels.
    #[error("it conflicts with an earlier use: {0}")]
    Conflict(String),
    /// The check has reached the host's limit on series.
    #[error("the check has reached the host's limit on series; use fewer label values")]
    TooManySeries,
    /// The check does not run in a host.
    #[error("{}", NO_HOST)]
    NoHost,
}

/// The name of a metric, and the labels that identify one series of it.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) labels: Vec<(String, String)>,
}

impl Series {
    fn new(name: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            help: help.into(),
            labels: Vec::new(),
        }
    }

    fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    fn record(&self, update: MetricUpdate<'_>) -> Result<(), Error> {
        backend::record(self, update)
            .map_err(|problem| Error::new(format!("record metric `{}`", self.name), problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_outside_the_host_are_an_error() {
        let results = [
            counter("seen_total", "Seen.")
                .label("queue", "a")
                .increment(),
            gauge("depth", "Depth.").label("queue", "a").set(2.0),
            histogram("lag_seconds", "Lag.")
                .label("queue", "a")
                .buckets([1.0])
                .observe(0.5),
        ];
        for result in results {
            assert_eq!(result.unwrap_err().problem(), &Problem::NoHost);
        }
    }
}
