//! Prometheus metrics of a plugin, exposed by the host as `plugin_<plugin>_<name>` with the label `check`
//! added. The host accepts and ignores all of it while metrics are disabled.
//!
//! A name is snake case, at most 64 long; so is that of a label, which can't be `check`, `le` or `quantile`.
//! Of a metric the first call decides: type and label names have to be the same from then on, help and
//! buckets of later calls are left aside.
//!
//! The host keeps the values from run to run, until it loads another version of the plugin. Outside of
//! the host every call answers [`MetricsError::NoHost`], but in a [`World`](crate::testing::World), where a
//! test can look at what was counted. A check that is not to fail over a metric does not hand the error on.
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

use crate::backend;

/// A number that only grows, such as `rows_seen_total`. The name is snake case with its unit at
/// the end, `help` a line for a person.
pub fn counter(name: impl Into<String>, help: impl Into<String>) -> Counter {
    Counter(Series::new(name, help))
}

/// A number that goes up and down. Name and help as for [`counter`].
///
/// ```
/// use vitals_sdk::metrics;
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # world.run(|| {
/// metrics::gauge("queue_length", "Messages that wait.").label("queue", "mail").set(12.0)?;
/// # Ok::<(), metrics::MetricsError>(())
/// # })?;
/// # assert_eq!(world.metric("queue_length", &[("queue", "mail")]).unwrap().value, 12.0);
/// # Ok::<(), metrics::MetricsError>(())
/// ```
pub fn gauge(name: impl Into<String>, help: impl Into<String>) -> Gauge {
    Gauge(Series::new(name, help))
}

/// A distribution of values. Name and help as for [`counter`].
///
/// ```
/// use vitals_sdk::metrics;
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # world.run(|| {
/// let ages = metrics::histogram("message_age_seconds", "How long messages wait.");
/// ages.buckets([1.0, 10.0, 60.0]).observe(7.5)?;
/// # Ok::<(), metrics::MetricsError>(())
/// # })?;
/// # assert_eq!(world.metric("message_age_seconds", &[]).unwrap().observed, [7.5]);
/// # Ok::<(), metrics::MetricsError>(())
/// ```
pub fn histogram(name: impl Into<String>, help: impl Into<String>) -> Histogram {
    Histogram {
        series: Series::new(name, help),
        buckets: Vec::new(),
    }
}

/// A number that only grows. At most 8 labels, with values of at most 128 bytes; a check has at most 100
/// series in all, of which a histogram is one for each set of label values.
#[derive(Clone, Debug)]
pub struct Counter(Series);

impl Counter {
    /// Adds a label.
    #[must_use]
    pub fn label(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self(self.0.label(name, value))
    }

    /// Adds `amount`, which must not be negative.
    pub fn add(&self, amount: f64) -> Result<(), MetricsError> {
        backend::counter_add(&self.0, amount)
    }

    /// Adds one.
    pub fn increment(&self) -> Result<(), MetricsError> {
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
    pub fn set(&self, value: f64) -> Result<(), MetricsError> {
        backend::gauge_set(&self.0, value)
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

    /// Sets the upper bounds of the buckets, at most 32, finite and in ascending order; the first call for a
    /// name decides. Without any there are ten, from 1 ms to 10 s, for values in seconds.
    #[must_use]
    pub fn buckets(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.buckets = bounds.into();
        self
    }

    /// Observes a value.
    pub fn observe(&self, value: f64) -> Result<(), MetricsError> {
        backend::histogram_observe(&self.series, &self.buckets, value)
    }
}

/// The metric was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// The name, a label, a bucket or the value is not valid.
    #[error("cannot take metric `{name}`: {problem}")]
    Invalid {
        /// The metric.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// This version of the plugin uses the name with another type or other labels.
    #[error("cannot take metric `{name}`: it was used differently before: {problem}")]
    Conflict {
        /// The metric.
        name: String,
        /// How the two differ.
        problem: String,
    },
    /// The check has as many series as the host allows.
    #[error(
        "cannot take metric `{name}`: the check has as many series as the host allows; use fewer label values"
    )]
    TooManySeries {
        /// The metric.
        name: String,
    },
    /// There is no host here.
    #[error("cannot take metric `{name}`: there are no metrics outside of the host")]
    NoHost {
        /// The metric.
        name: String,
    },
}

/// What a metric is called and how this series of it is told from others.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_the_host_each_kind_says_that_there_are_no_metrics() {
        let answers = [
            counter("seen_total", "Seen.")
                .label("queue", "a")
                .increment(),
            gauge("depth", "Depth.").label("queue", "a").set(2.0),
            histogram("lag_seconds", "Lag.")
                .label("queue", "a")
                .buckets([1.0])
                .observe(0.5),
        ];
        for answer in answers {
            let text = answer.unwrap_err().to_string();
            assert!(
                text.ends_with("there are no metrics outside of the host"),
                "{text}"
            );
        }
    }
}
