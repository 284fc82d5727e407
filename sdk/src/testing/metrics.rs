//! What was counted in a world, held to the rules of the host.

mod rules;

use std::collections::BTreeMap;

use super::{World, lock};
use crate::metrics::{MetricsError, Series};

/// Metrics by their names, as the host keeps them.
#[derive(Default)]
pub(super) struct Book(BTreeMap<String, Entry>);

struct Entry {
    kind: Kind,
    help: String,
    labels: Vec<String>,
    buckets: Vec<f64>,
    /// By the values of their labels.
    series: BTreeMap<Vec<String>, Vec<f64>>,
}

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution of values.
    Histogram,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One series of a metric, as it stands. See [`World::metric`].
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The metric, without what the host puts in front.
    pub name: String,
    /// What kind of metric it is.
    pub kind: Kind,
    /// The line for a person; the first call decided.
    pub help: String,
    /// Its labels, sorted, without the host's own.
    pub labels: Vec<(String, String)>,
    /// The number: of a counter the sum, of a gauge the last one, of a histogram how many it has observed.
    pub value: f64,
    /// What a histogram observed, in its order.
    pub observed: Vec<f64>,
    /// The upper bounds of a histogram's buckets; none for the host's own.
    pub buckets: Vec<f64>,
}

impl World {
    /// The series of a metric with these labels, in any order; nothing where it was never taken. Like the
    /// host, a world keeps it from run to run.
    ///
    /// What the host refuses is refused here too, in its words: a name that is used differently, too many
    /// series, a value that is not finite.
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
    /// # Ok::<(), metrics::MetricsError>(())
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

    /// All series that were taken so far, by name and labels.
    ///
    /// ```
    /// use vitals_sdk::{metrics, testing::World};
    ///
    /// let world = World::new();
    /// world.run(|| metrics::histogram("lag_seconds", "Lag.").buckets([1.0]).observe(0.5))?;
    /// let [lag] = &world.metrics()[..] else { panic!("one series") };
    /// assert_eq!(lag.observed, [0.5]);
    /// # Ok::<(), metrics::MetricsError>(())
    /// ```
    pub fn metrics(&self) -> Vec<Metric> {
        let book = lock(&self.0.metrics);
        let all = book.0.iter().flat_map(|(name, entry)| {
            let series = entry.series.iter();
            series.map(|(values, numbers)| entry.metric(name, values, numbers))
        });
        all.collect()
    }

    pub(crate) fn counter_add(&self, series: &Series, amount: f64) -> Result<(), MetricsError> {
        self.take(Kind::Counter, series, &[], amount)
    }

    pub(crate) fn gauge_set(&self, series: &Series, value: f64) -> Result<(), MetricsError> {
        self.take(Kind::Gauge, series, &[], value)
    }

    pub(crate) fn histogram_observe(
        &self,
        series: &Series,
        buckets: &[f64],
        value: f64,
    ) -> Result<(), MetricsError> {
        self.take(Kind::Histogram, series, buckets, value)
    }

    fn take(
        &self,
        kind: Kind,
        series: &Series,
        buckets: &[f64],
        value: f64,
    ) -> Result<(), MetricsError> {
        let name = || series.name.clone();
        let mut labels = series.labels.clone();
        labels.sort();
        rules::name("metric", &series.name)
            .and_then(|()| rules::labels(&labels))
            .and_then(|()| rules::number(kind, value, buckets))
            .map_err(|problem| MetricsError::Invalid {
                name: name(),
                problem,
            })?;
        let (names, values): (Vec<_>, Vec<_>) = labels.into_iter().unzip();
        let mut book = lock(&self.0.metrics);
        book.fits(kind, &series.name, &names)
            .map_err(|problem| MetricsError::Conflict {
                name: name(),
                problem,
            })?;
        let count: usize = book.0.values().map(|entry| entry.series.len()).sum();
        let entry = book.0.get(&series.name);
        if count >= SERIES && entry.is_none_or(|entry| !entry.series.contains_key(&values)) {
            return Err(MetricsError::TooManySeries { name: name() });
        }
        let entry = book.0.entry(name()).or_insert_with(|| Entry {
            kind,
            help: series.help.clone(),
            labels: names,
            buckets: buckets.to_vec(),
            series: BTreeMap::new(),
        });
        let numbers = entry.series.entry(values).or_default();
        match (kind, &mut numbers[..]) {
            (Kind::Counter, [sum]) => *sum += value,
            (Kind::Gauge, [last]) => *last = value,
            _ => numbers.push(value),
        }
        Ok(())
    }
}

impl Book {
    /// Whether what is asked for contradicts what is there.
    fn fits(&self, wanted: Kind, name: &str, labels: &[String]) -> Result<(), String> {
        let Some(entry) = self.0.get(name) else {
            return self.is_free(wanted, name);
        };
        if entry.kind != wanted {
            let (is, wanted) = (entry.kind.as_str(), wanted.as_str());
            return Err(format!(
                "`{name}` is already a {is}, not a {wanted}: use another name"
            ));
        }
        if entry.labels != labels {
            let (has, wanted) = (
                rules::labels_text(&entry.labels),
                rules::labels_text(labels),
            );
            return Err(format!(
                "`{name}` already has {has}, not {wanted}: use the same label names each time, \
                 or use another name"
            ));
        }
        Ok(())
    }

    /// Whether no histogram has a series of that name, and the other way round.
    fn is_free(&self, wanted: Kind, name: &str) -> Result<(), String> {
        let part = |name: &str, histogram: &str| {
            Err(format!(
                "`{name}` would be mistaken for a part of the histogram `{histogram}`, which has a \
                 series of that name: use another name"
            ))
        };
        for suffix in ["_bucket", "_count", "_sum"] {
            if let Some(whole) = name.strip_suffix(suffix)
                && let Some(entry) = self.0.get(whole)
                && entry.kind == Kind::Histogram
            {
                return part(name, whole);
            }
            let of_it = format!("{name}{suffix}");
            if wanted == Kind::Histogram && self.0.contains_key(&of_it) {
                return part(&of_it, name);
            }
        }
        Ok(())
    }
}

impl Entry {
    fn metric(&self, name: &str, values: &[String], numbers: &[f64]) -> Metric {
        let is_histogram = self.kind == Kind::Histogram;
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

/// Series that one check may have, as in the host.
const SERIES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{counter, gauge, histogram};

    #[test]
    fn what_the_host_refuses_is_refused_in_its_words() {
        let world = World::new();
        let problem = |taken: Result<(), MetricsError>| taken.unwrap_err().to_string();
        world.run(|| {
            histogram("lag", "").observe(1.0).unwrap();
            gauge("depth", "").label("queue", "a").set(2.0).unwrap();
            for (taken, text) in [
                (
                    counter("Lag", "").increment(),
                    "cannot take metric `Lag`: `Lag` is no name of a metric: it has 1 to 64 of a-z, \
                     0-9 and `_`, the first a letter",
                ),
                (
                    counter("seen", "").add(-1.0),
                    "cannot take metric `seen`: a counter only grows, and -1 is negative: use a gauge",
                ),
                (
                    gauge("depth", "").set(f64::NAN),
                    "cannot take metric `depth`: NaN is not a finite number: leave the call out",
                ),
                (
                    gauge("depth", "").set(1.0),
                    "cannot take metric `depth`: it was used differently before: `depth` already has the \
                     label `queue`, not no labels: use the same label names each time, or use another \
                     name",
                ),
                (
                    counter("lag_sum", "").increment(),
                    "cannot take metric `lag_sum`: it was used differently before: `lag_sum` would be \
                     mistaken for a part of the histogram `lag`, which has a series of that name: use \
                     another name",
                ),
                (
                    counter("seen", "").label("check", "a").increment(),
                    "cannot take metric `seen`: the label `check` is reserved: use another name",
                ),
                (
                    histogram("other", "").buckets([2.0, 1.0]).observe(1.0),
                    "cannot take metric `other`: the bucket 2 stands before 1: sort the bounds, each \
                     once",
                ),
            ] {
                assert_eq!(problem(taken), text);
            }
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
        assert!(matches!(take(100), Err(MetricsError::TooManySeries { .. })));
        take(0).unwrap();
        let twice = world.metric("seen", &[("row", "0")]).unwrap();
        assert_eq!(twice.value.to_string(), "2");
    }
}
