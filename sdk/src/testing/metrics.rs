//! The metrics of a world, with the host's rules applied.

use std::collections::BTreeMap;

use vitals_values::{MetricUpdate, check_labels, check_metric_name};

use super::{World, lock};
use crate::metrics::{Problem, Series};

/// Metrics by name, as the host keeps them.
#[derive(Default)]
pub(super) struct MetricStore(BTreeMap<String, Entry>);

struct Entry {
    kind: MetricKind,
    help: String,
    labels: Vec<String>,
    buckets: Vec<f64>,
    /// By label values.
    series: BTreeMap<Vec<String>, Vec<f64>>,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// A distribution of values.
    Histogram,
}

impl MetricKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One series of a metric. See [`World::metric`].
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The name without the host's prefix.
    pub name: String,
    /// The type.
    pub kind: MetricKind,
    /// The help text of the first call.
    pub help: String,
    /// The labels, sorted, without the host's own.
    pub labels: Vec<(String, String)>,
    /// The sum of a counter, the last value of a gauge, or the number of observations of a
    /// histogram.
    pub value: f64,
    /// The observations of a histogram, in order.
    pub observed: Vec<f64>,
    /// The upper bounds of a histogram's buckets; empty for the host's default.
    pub buckets: Vec<f64>,
}

impl World {
    /// Returns the series of a metric with these labels, in any order, or `None` if it was never
    /// recorded. Like the host, a world keeps metrics between runs.
    ///
    /// The world rejects what the host rejects, with the same text: a name in conflicting use, too
    /// many series, a value that is not finite.
    ///
    /// ```
    /// use vitals_sdk::{metrics, testing::World};
    ///
    /// let world = World::new();
    /// let seen = metrics::counter("rows_seen_total", "Rows.").label("table", "orders");
    /// world.run(|| seen.add(3.0))?;
    /// world.run(|| seen.increment())?;
    ///
    /// let orders = world.metric("rows_seen_total", &[("table", "orders")]).unwrap();
    /// assert_eq!(orders.value, 4.0);
    /// assert_eq!(world.metric("rows_seen_total", &[]), None);
    ///
    /// let error = world.run(|| metrics::gauge("rows_seen_total", "").set(1.0)).unwrap_err();
    /// assert!(error.to_string().ends_with("is already a counter, not a gauge: use another name"));
    /// # Ok::<(), metrics::Error>(())
    /// ```
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Option<Metric> {
        let mut labels = labels.to_vec();
        labels.sort_unstable();
        self.metrics().into_iter().find(|metric| {
            let own = metric.labels.iter();
            let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
            metric.name == name && own.eq(labels.iter().copied())
        })
    }

    /// Returns all series recorded so far, sorted by name and labels.
    ///
    /// ```
    /// use vitals_sdk::{metrics, testing::World};
    ///
    /// let world = World::new();
    /// world.run(|| metrics::histogram("lag_seconds", "Lag.").buckets([1.0]).observe(0.5))?;
    /// let [lag] = &world.metrics()[..] else { panic!("one series") };
    /// assert_eq!(lag.observed, [0.5]);
    /// # Ok::<(), metrics::Error>(())
    /// ```
    pub fn metrics(&self) -> Vec<Metric> {
        let store = lock(&self.0.metrics);
        let all = store.0.iter().flat_map(|(name, entry)| {
            let series = entry.series.iter();
            series.map(|(values, numbers)| entry.metric(name, values, numbers))
        });
        all.collect()
    }

    pub(crate) fn record(&self, series: &Series, update: MetricUpdate<'_>) -> Result<(), Problem> {
        let mut labels = series.labels.clone();
        labels.sort();
        let pairs = labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        check_metric_name(&series.name, str::to_owned)
            .and_then(|()| check_labels(pairs, str::to_owned))
            .and_then(|()| update.check())
            .map_err(Problem::Invalid)?;
        let (kind, value, buckets) = match update {
            MetricUpdate::Add(amount) => (MetricKind::Counter, amount, &[][..]),
            MetricUpdate::Set(value) => (MetricKind::Gauge, value, &[][..]),
            MetricUpdate::Observe { value, buckets } => (MetricKind::Histogram, value, buckets),
        };
        let (names, values): (Vec<_>, Vec<_>) = labels.into_iter().unzip();
        let mut store = lock(&self.0.metrics);
        store
            .check_conflict(kind, &series.name, &names)
            .map_err(Problem::Conflict)?;
        let count: usize = store.0.values().map(|entry| entry.series.len()).sum();
        let entry = store.0.get(&series.name);
        if count >= SERIES && entry.is_none_or(|entry| !entry.series.contains_key(&values)) {
            return Err(Problem::TooManySeries);
        }
        let entry = store.0.entry(series.name.clone()).or_insert_with(|| Entry {
            kind,
            help: series.help.clone(),
            labels: names,
            buckets: buckets.to_vec(),
            series: BTreeMap::new(),
        });
        let numbers = entry.series.entry(values).or_default();
        match (kind, &mut numbers[..]) {
            (MetricKind::Counter, [sum]) => *sum += value,
            (MetricKind::Gauge, [last]) => *last = value,
            _ => numbers.push(value),
        }
        Ok(())
    }
}

impl MetricStore {
    /// Checks that a call does not conflict with an earlier use of the name.
    fn check_conflict(
        &self,
        wanted: MetricKind,
        name: &str,
        labels: &[String],
    ) -> Result<(), String> {
        let Some(entry) = self.0.get(name) else {
            return self.check_suffixes(wanted, name);
        };
        if entry.kind != wanted {
            let (is, wanted) = (entry.kind.as_str(), wanted.as_str());
            return Err(format!(
                "`{name}` is already a {is}, not a {wanted}: use another name"
            ));
        }
        if entry.labels != labels {
            let (has, wanted) = (labels_text(&entry.labels), labels_text(labels));
            return Err(format!(
                "`{name}` already has {has}, not {wanted}: use the same label names each time, \
                 or use another name"
            ));
        }
        Ok(())
    }

    /// Checks that the name does not collide with the series of a histogram.
    fn check_suffixes(&self, wanted: MetricKind, name: &str) -> Result<(), String> {
        let part = |name: &str, histogram: &str| {
            Err(format!(
                "`{name}` would be mistaken for a part of the histogram `{histogram}`, which has a \
                 series of that name: use another name"
            ))
        };
        for suffix in ["_bucket", "_count", "_sum"] {
            if let Some(whole) = name.strip_suffix(suffix)
                && let Some(entry) = self.0.get(whole)
                && entry.kind == MetricKind::Histogram
            {
                return part(name, whole);
            }
            let of_it = format!("{name}{suffix}");
            if wanted == MetricKind::Histogram && self.0.contains_key(&of_it) {
                return part(&of_it, name);
            }
        }
        Ok(())
    }
}

impl Entry {
    fn metric(&self, name: &str, values: &[String], numbers: &[f64]) -> Metric {
        let is_histogram = self.kind == MetricKind::Histogram;
        let count = numbers.iter().map(|_| 1.0).sum();
        Metric {
            name: name.to_owned(),
            kind: self.kind,
            help: self.help.clone(),
            labels: self.labels.iter().cloned().zip(values.to_vec()).collect(),
            value: if is_histogram { count } else { numbers[0] },
            observed: if is_histogram {
                numbers.to_vec()
            } else {
                Vec::new()
            },
            buckets: self.buckets.clone(),
        }
    }
}

/// Formats the names of labels for a sentence.
fn labels_text(names: &[String]) -> String {
    match names {
        [] => "no labels".to_owned(),
        [one] => format!("the label `{one}`"),
        many => format!("the labels `{}`", many.join("`, `")),
    }
}

/// The host's limit on series per check.
const SERIES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{counter, gauge, histogram};

    #[test]
    fn what_the_host_rejects_is_rejected_with_its_text() {
        let world = World::new();
        world.run(|| {
            histogram("lag", "").observe(1.0).unwrap();
            gauge("depth", "").label("queue", "a").set(2.0).unwrap();
            for (recorded, problem) in [
                (
                    counter("seen", "").label("check", "a").increment(),
                    "the label `check` is reserved: use another name",
                ),
                (
                    counter("seen", "").add(-1.0),
                    "a counter only grows, and -1 is negative: use a gauge",
                ),
                (
                    gauge("depth", "").set(1.0),
                    "it conflicts with an earlier use: `depth` already has the label `queue`, not \
                     no labels: use the same label names each time, or use another name",
                ),
                (
                    counter("lag_sum", "").increment(),
                    "it conflicts with an earlier use: `lag_sum` would be mistaken for a part of \
                     the histogram `lag`, which has a series of that name: use another name",
                ),
            ] {
                assert_eq!(recorded.unwrap_err().problem().to_string(), problem);
            }
            let error = counter("Lag", "").increment().unwrap_err().to_string();
            assert!(
                error.starts_with("cannot record metric `Lag`: `Lag` is not a valid name"),
                "{error}"
            );
        });
        assert_eq!(world.metrics().len(), 2);
    }

    #[test]
    fn a_check_has_a_hundred_series() {
        let world = World::new();
        let take = |value: usize| {
            let seen = counter("seen", "Seen.").label("row", value.to_string());
            world.run(|| seen.increment())
        };
        for value in 0..100 {
            take(value).unwrap();
        }
        assert_eq!(take(100).unwrap_err().problem(), &Problem::TooManySeries);
        take(0).unwrap();
        let twice = world.metric("seen", &[("row", "0")]).unwrap();
        assert_eq!(twice.value.to_string(), "2");
    }
}
