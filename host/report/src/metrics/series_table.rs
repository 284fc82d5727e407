//! Metrics that others define at run time: plugins, and the embedding program.
//!
//! The first use of a metric name fixes its kind, label names and buckets. The table does not know
//! who defines a metric. It does not use the vectors of the `prometheus` crate, because they
//! identify a series by a hash of the concatenated label values, so that `a`, `bc` would equal
//! `ab`, `c`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus::core::Metric as _;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Counter, Gauge, Histogram, HistogramOpts, Opts};

/// Metrics by name. A clone has the same values, and can be encoded without holding a lock.
#[derive(Clone, Debug, Default)]
pub(super) struct SeriesTable(BTreeMap<String, Entry>);

/// A request for a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeriesRequest<'a> {
    /// A valid name.
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    /// Valid names with their values, always in the same order.
    pub(super) labels: &'a [(&'a str, &'a str)],
    /// The bounds of a histogram: finite, in ascending order.
    pub(super) buckets: &'a [f64],
}

/// The kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One series. Clones share its value.
#[derive(Clone, Debug)]
pub(super) enum Series {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// A request contradicts an existing metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SeriesConflict {
    #[error("`{name}` is already a {is}, not a {wanted}: use another name")]
    Kind {
        name: String,
        is: Kind,
        wanted: Kind,
    },
    #[error(
        "`{name}` already has {}, not {}: use the same label names each time, or use \
         another name", labels(.has), labels(.wanted)
    )]
    Labels {
        name: String,
        has: Vec<String>,
        wanted: Vec<String>,
    },
    #[error(
        "`{name}` would be mistaken for a part of the histogram `{histogram}`, which has a series \
         of that name: use another name"
    )]
    Part { name: String, histogram: String },
}

#[derive(Clone, Debug)]
struct Entry {
    kind: Kind,
    help: Arc<str>,
    labels: Arc<[String]>,
    buckets: Arc<[f64]>,
    /// The series by label values.
    series: BTreeMap<Arc<[String]>, Series>,
}

impl SeriesTable {
    /// Returns the series, if it exists.
    pub(super) fn find(
        &self,
        wanted: &SeriesRequest<'_>,
    ) -> Result<Option<Series>, SeriesConflict> {
        let Some(entry) = self.0.get(wanted.name) else {
            self.check_name_is_free(wanted)?;
            return Ok(None);
        };
        entry.check_request(wanted)?;
        let values: Vec<_> = wanted.values().collect();
        Ok(entry.series.get(values.as_slice()).cloned())
    }

    /// Returns the maximum text size in bytes of a series that [`SeriesTable::find`] did not find.
    /// `prefix` is the length of the prefix of its exposed name.
    pub(super) fn exposed_bytes(&self, wanted: &SeriesRequest<'_>, prefix: usize) -> usize {
        let entry = self.0.get(wanted.name);
        let name = prefix + wanted.name.len();
        let bounds = match (wanted.kind, entry.map_or(wanted.buckets, |it| &it.buckets)) {
            (Kind::Counter | Kind::Gauge, _) => &[],
            (Kind::Histogram, []) => &DEFAULT_BUCKETS[..],
            (Kind::Histogram, bounds) => bounds,
        };
        // The text format escapes a backslash, a quote and a line break with one more byte.
        let escaped = |value: &str| {
            let special = |byte: &u8| matches!(byte, b'\\' | b'"' | b'\n');
            value.len() + value.bytes().filter(special).count()
        };
        let labels = wanted.labels.iter();
        let labels = labels.map(|(label, value)| label.len() + escaped(value) + LABEL_FRAME);
        let line = name + LINE_FRAME + labels.sum::<usize>();
        let parts = match wanted.kind {
            Kind::Counter | Kind::Gauge => line,
            Kind::Histogram => PARTS.len() * line,
        };
        let buckets = bounds.iter().map(|bound| line + bound.to_string().len());
        let head = if entry.is_some() { 0 } else { 2 * name + HEAD };
        head + NUMBER + parts + buckets.sum::<usize>()
    }

    /// Adds a series that [`SeriesTable::find`] did not find. For the first series of a metric,
    /// `help` and the buckets are kept.
    pub(super) fn add(
        &mut self,
        wanted: &SeriesRequest<'_>,
        help: impl FnOnce() -> String,
    ) -> Series {
        let entry = self.0.entry(wanted.name.to_owned());
        let entry = entry.or_insert_with(|| Entry {
            kind: wanted.kind,
            help: help().into(),
            labels: wanted.names().collect(),
            buckets: wanted.buckets.into(),
            series: BTreeMap::new(),
        });
        let series = Series::new(wanted.name, entry.kind, &entry.buckets);
        entry
            .series
            .insert(wanted.values().collect(), series.clone());
        series
    }

    /// Returns the bounds of a histogram.
    pub(super) fn buckets(&self, name: &str) -> Option<&[f64]> {
        self.0.get(name).map(|entry| &*entry.buckets)
    }

    /// Removes series by the value of their first label, and metrics without series.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|_, entry| {
            let stays = |values: &Arc<[String]>| values.first().is_none_or(|first| keep(first));
            entry.series.retain(|values, _| stays(values));
            !entry.series.is_empty()
        });
    }

    /// Returns the exposed families, with `prefix` before their names.
    pub(super) fn families(self, prefix: &str) -> impl Iterator<Item = MetricFamily> {
        let metrics = self.0.into_iter();
        metrics.map(move |(name, entry)| entry.family(format!("{prefix}{name}")))
    }

    /// Checks that the name conflicts with no series of a histogram, and vice versa.
    fn check_name_is_free(&self, wanted: &SeriesRequest<'_>) -> Result<(), SeriesConflict> {
        let part = |name: &str, histogram: &str| SeriesConflict::Part {
            name: name.to_owned(),
            histogram: histogram.to_owned(),
        };
        let is_histogram = |name: &str| {
            let entry = self.0.get(name);
            entry.is_some_and(|entry| entry.kind == Kind::Histogram)
        };
        for suffix in PARTS {
            if let Some(whole) = wanted.name.strip_suffix(suffix)
                && is_histogram(whole)
            {
                return Err(part(wanted.name, whole));
            }
            let of_it = format!("{}{suffix}", wanted.name);
            if wanted.kind == Kind::Histogram && self.0.contains_key(&of_it) {
                return Err(part(&of_it, wanted.name));
            }
        }
        Ok(())
    }
}

impl SeriesRequest<'_> {
    fn names(&self) -> impl Iterator<Item = String> {
        self.labels.iter().map(|(name, _)| (*name).to_owned())
    }

    fn values(&self) -> impl Iterator<Item = String> {
        self.labels.iter().map(|(_, value)| (*value).to_owned())
    }
}

impl Entry {
    fn check_request(&self, wanted: &SeriesRequest<'_>) -> Result<(), SeriesConflict> {
        if self.kind != wanted.kind {
            return Err(SeriesConflict::Kind {
                name: wanted.name.to_owned(),
                is: self.kind,
                wanted: wanted.kind,
            });
        }
        let mut names = wanted.labels.iter().map(|(name, _)| *name);
        if self.labels.len() == wanted.labels.len()
            && self.labels.iter().all(|known| names.next() == Some(known))
        {
            return Ok(());
        }
        Err(SeriesConflict::Labels {
            name: wanted.name.to_owned(),
            has: self.labels.to_vec(),
            wanted: wanted.names().collect(),
        })
    }

    fn family(self, name: String) -> MetricFamily {
        let series = self.series.into_iter().map(|(values, series)| {
            let pairs = self.labels.iter().zip(values.iter()).map(|(name, value)| {
                let mut pair = LabelPair::default();
                pair.set_name(name.clone());
                pair.set_value(value.clone());
                pair
            });
            let mut metric = series.metric();
            metric.set_label(pairs.collect());
            metric
        });
        let mut family = MetricFamily::default();
        family.set_name(name);
        family.set_help(self.help.to_string());
        family.set_field_type(match self.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        family.set_metric(series.collect());
        family
    }
}

impl Series {
    /// The HELP text is kept with the metric, not with each series.
    fn new(name: &str, kind: Kind, buckets: &[f64]) -> Self {
        let made = match kind {
            Kind::Counter => Counter::with_opts(Opts::new(name, name)).map(Self::Counter),
            Kind::Gauge => Gauge::with_opts(Opts::new(name, name)).map(Self::Gauge),
            Kind::Histogram => {
                let buckets = if buckets.is_empty() {
                    &DEFAULT_BUCKETS
                } else {
                    buckets
                };
                let opts = HistogramOpts::new(name, name).buckets(buckets.to_vec());
                Histogram::with_opts(opts).map(Self::Histogram)
            }
        };
        made.expect("names and buckets of a request are valid")
    }

    fn metric(&self) -> Metric {
        match self {
            Self::Counter(counter) => counter.metric(),
            Self::Gauge(gauge) => gauge.metric(),
            Self::Histogram(histogram) => histogram.metric(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

fn labels(names: &[String]) -> String {
    match names {
        [] => "no labels".to_owned(),
        [one] => format!("the label `{one}`"),
        many => format!("the labels `{}`", many.join("`, `")),
    }
}

/// `=""` and a comma.
const LABEL_FRAME: usize = 4;
/// The suffix of a histogram's series, braces, `le` without its bound, and a count.
const LINE_FRAME: usize = 48;
/// The longest number, because the format has no exponents.
const NUMBER: usize = 330;
/// A HELP text of 256 bytes, which escaping can double, and the words around it.
const HEAD: usize = 560;
/// The suffixes of a histogram's series.
pub(super) const PARTS: [&str; 3] = ["_bucket", "_count", "_sum"];
/// The default upper bounds in seconds, from a quick response to a timeout.
const DEFAULT_BUCKETS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0];

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted<'a>(
        name: &'a str,
        kind: Kind,
        labels: &'a [(&'a str, &'a str)],
    ) -> SeriesRequest<'a> {
        SeriesRequest {
            name,
            kind,
            labels,
            buckets: &[],
        }
    }

    fn add(table: &mut SeriesTable, wanted: SeriesRequest<'_>) -> Result<(), String> {
        match table.find(&wanted) {
            Ok(Some(_)) => {}
            Ok(None) => drop(table.add(&wanted, || "Help.".to_owned())),
            Err(conflict) => return Err(conflict.to_string()),
        }
        Ok(())
    }

    #[test]
    fn conflicts_say_what_to_do() {
        let mut table = SeriesTable::default();
        add(&mut table, wanted("a", Kind::Counter, &[("x", "1")])).unwrap();
        add(&mut table, wanted("a", Kind::Counter, &[("x", "2")])).unwrap();
        add(&mut table, wanted("h", Kind::Histogram, &[])).unwrap();
        add(&mut table, wanted("i_sum", Kind::Gauge, &[])).unwrap();
        let mut conflict =
            |name, kind, labels| add(&mut table, wanted(name, kind, labels)).unwrap_err();
        assert_eq!(
            conflict("a", Kind::Gauge, &[("x", "1")]),
            "`a` is already a counter, not a gauge: use another name"
        );
        assert_eq!(
            conflict("a", Kind::Counter, &[("x", "1"), ("y", "1")]),
            "`a` already has the label `x`, not the labels `x`, `y`: use the same label names \
             each time, or use another name"
        );
        assert!(conflict("a", Kind::Counter, &[]).contains("not no labels"));
        assert!(conflict("a", Kind::Counter, &[("y", "1")]).contains("not the label `y`"));
        for part in ["h_bucket", "h_count", "h_sum"] {
            assert!(
                conflict(part, Kind::Gauge, &[]).contains("a part of the histogram `h`"),
                "{part}"
            );
        }
        assert!(
            conflict("i", Kind::Histogram, &[]).starts_with("`i_sum` would be mistaken for a part"),
        );
    }

    #[test]
    fn label_values_are_compared_one_by_one() {
        let mut table = SeriesTable::default();
        for (x, y) in [("a", "bc"), ("ab", "c"), ("abc", "")] {
            add(&mut table, wanted("a", Kind::Gauge, &[("x", x), ("y", y)])).unwrap();
        }
        let family = table.families("").next().unwrap();
        assert_eq!(family.get_metric().len(), 3);
    }

    #[test]
    fn a_metric_is_removed_with_its_last_series() {
        let mut table = SeriesTable::default();
        add(&mut table, wanted("a", Kind::Gauge, &[("check", "one")])).unwrap();
        add(&mut table, wanted("a", Kind::Gauge, &[("check", "two")])).unwrap();
        table.retain(|check| check != "one");
        assert!(add(&mut table, wanted("a", Kind::Counter, &[("check", "one")])).is_err());
        table.retain(|check| check != "two");
        add(&mut table, wanted("a", Kind::Counter, &[("check", "one")])).unwrap();
    }
}
