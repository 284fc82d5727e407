//! The metrics of the embedding program.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::proto::MetricFamily;

use super::series_table::{Kind, Series, SeriesConflict, SeriesRequest, SeriesTable};

/// The metrics of the embedding program, which `GET /metrics` shows with those of the host. Cheap
/// to clone.
///
/// Requesting a series defines its metric, by name, HELP text and labels with their values.
/// Requesting the same series again returns the same one. Series are kept as long as the host, so
/// labels should have few values. While metrics are disabled, all calls are accepted and ignored.
#[derive(Clone, Debug, Default)]
pub struct ServiceMetrics(Option<Arc<Mutex<SeriesTable>>>);

/// A number that only increases. Clones share the value.
#[derive(Clone, Debug)]
pub struct Counter(Option<prometheus::Counter>);

/// A number that goes up and down. Clones share the value.
#[derive(Clone, Debug)]
pub struct Gauge(Option<prometheus::Gauge>);

/// A distribution of numbers. Clones share the values.
#[derive(Clone, Debug)]
pub struct Histogram(Option<prometheus::Histogram>);

/// The reason why a metric of the embedding program can't be defined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// The name is invalid.
    #[error(
        "cannot define metric `{0}`: a name contains only a-z, A-Z, 0-9 and `_`, and does not start \
         with a digit"
    )]
    Name(String),
    /// The name is reserved for the host.
    #[error(
        "cannot define metric `{name}`: names that start with `{kept}` are reserved for the host, \
         start with the name of the service"
    )]
    Reserved {
        /// The name.
        name: String,
        /// The reserved prefix.
        kept: &'static str,
    },
    /// The HELP text is missing.
    #[error("cannot define metric `{0}`: the HELP text is empty, describe the metric in one line")]
    Help(String),
    /// A label is invalid.
    #[error("cannot define metric `{name}`: {problem}")]
    Label {
        /// The name of the metric.
        name: String,
        /// What is wrong with which label.
        problem: String,
    },
    /// The buckets of a histogram are invalid.
    #[error(
        "cannot define histogram `{0}`: the bounds of its buckets must be finite, distinct and in \
         ascending order"
    )]
    Buckets(String),
    /// The definition contradicts an existing metric.
    #[error("cannot define metric: {0}")]
    Conflict(String),
}

impl ServiceMetrics {
    /// Creates metrics that are kept. The default is disabled ones.
    pub(super) fn enabled() -> Self {
        Self(Some(Arc::default()))
    }

    pub(super) fn families(&self) -> impl Iterator<Item = MetricFamily> {
        let tables = self.0.iter().map(|table| table.lock().clone());
        tables.flat_map(|table| table.families(""))
    }

    /// Returns a series of a counter. Its name should end in `_total`.
    ///
    /// # Errors
    ///
    /// See [`MetricError`]; none while metrics are disabled.
    pub fn counter(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<Counter, MetricError> {
        match self.series(name, help, labels, Kind::Counter, &[])? {
            Some(Series::Counter(counter)) => Ok(Counter(Some(counter))),
            _ => Ok(Counter(None)),
        }
    }

    /// Returns a series of a gauge.
    ///
    /// # Errors
    ///
    /// See [`MetricError`]; none while metrics are disabled.
    pub fn gauge(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Result<Gauge, MetricError> {
        match self.series(name, help, labels, Kind::Gauge, &[])? {
            Some(Series::Gauge(gauge)) => Ok(Gauge(Some(gauge))),
            _ => Ok(Gauge(None)),
        }
    }

    /// Returns a series of a histogram. `buckets` are upper bounds, the same for all series of a
    /// name, without the infinite one. If empty, there are ten from 1 ms to 10 s, in seconds.
    ///
    /// # Errors
    ///
    /// See [`MetricError`]; none while metrics are disabled.
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        buckets: &[f64],
    ) -> Result<Histogram, MetricError> {
        match self.series(name, help, labels, Kind::Histogram, buckets)? {
            Some(Series::Histogram(histogram)) => Ok(Histogram(Some(histogram))),
            _ => Ok(Histogram(None)),
        }
    }

    fn series(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        kind: Kind,
        buckets: &[f64],
    ) -> Result<Option<Series>, MetricError> {
        let Some(table) = &self.0 else {
            return Ok(None);
        };
        let labels = valid(name, help, labels)?;
        let ascending = buckets.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || !buckets.iter().all(|bound| bound.is_finite()) {
            return Err(MetricError::Buckets(name.to_owned()));
        }
        let wanted = SeriesRequest {
            name,
            kind,
            labels: &labels,
            buckets,
        };
        let mut table = table.lock();
        let found = table.find(&wanted)?;
        if table.buckets(name).is_some_and(|known| known != buckets) {
            let problem =
                format!("`{name}` already has other buckets: use the same buckets each time");
            return Err(MetricError::Conflict(problem));
        }
        let add = || table.add(&wanted, || help.to_owned());
        Ok(Some(found.unwrap_or_else(add)))
    }
}

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1.0);
    }

    /// Adds `amount`. A negative or non-finite amount is ignored.
    pub fn add(&self, amount: f64) {
        if let Some(counter) = &self.0
            && amount >= 0.0
            && amount.is_finite()
        {
            counter.inc_by(amount);
        }
    }
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        if let Some(gauge) = &self.0 {
            gauge.set(value);
        }
    }

    /// Adds `amount`, which may be negative.
    pub fn add(&self, amount: f64) {
        if let Some(gauge) = &self.0 {
            gauge.add(amount);
        }
    }
}

impl Histogram {
    /// Observes `value`. A non-finite value is ignored.
    pub fn observe(&self, value: f64) {
        if let Some(histogram) = &self.0
            && value.is_finite()
        {
            histogram.observe(value);
        }
    }
}

impl From<SeriesConflict> for MetricError {
    fn from(conflict: SeriesConflict) -> Self {
        Self::Conflict(conflict.to_string())
    }
}

/// Validates a definition by Prometheus' rules, and returns the labels sorted by name.
fn valid<'a>(
    name: &str,
    help: &str,
    labels: &[(&'a str, &'a str)],
) -> Result<Vec<(&'a str, &'a str)>, MetricError> {
    if !is_name(name) {
        return Err(MetricError::Name(name.to_owned()));
    }
    if let Some(kept) = RESERVED.into_iter().find(|kept| name.starts_with(kept)) {
        let name = name.to_owned();
        return Err(MetricError::Reserved { name, kept });
    }
    if help.trim().is_empty() {
        return Err(MetricError::Help(name.to_owned()));
    }
    let wrong = |problem: String| MetricError::Label {
        name: name.to_owned(),
        problem,
    };
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    for (label, _) in &labels {
        if !is_name(label) {
            let rule = "contains only a-z, A-Z, 0-9 and `_`, and does not start with a digit";
            return Err(wrong(format!(
                "`{label}` is not a valid label, which {rule}"
            )));
        }
        if label.starts_with("__") || RESERVED_LABELS.contains(label) {
            let problem =
                format!("the label `{label}` is reserved by Prometheus: use another name");
            return Err(wrong(problem));
        }
    }
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(wrong(format!(
            "the label `{}` appears twice: leave one out",
            pair[0].0
        ))),
        None => Ok(labels),
    }
}

fn is_name(text: &str) -> bool {
    let begins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    text.bytes().next().is_some_and(begins)
        && text
            .bytes()
            .all(|byte| begins(byte) || byte.is_ascii_digit())
}

/// The prefixes of the names of the host's and the plugins' metrics.
const RESERVED: [&str; 5] = [
    "vitals_",
    "plugin_",
    "process_",
    "http_requests_total",
    "http_request_duration_seconds",
];
const RESERVED_LABELS: [&str; 2] = ["le", "quantile"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_definition_is_the_same_series() {
        let metrics = ServiceMetrics::enabled();
        let labels = [("a", "1"), ("b", "2")];
        let one = metrics.counter("orders_total", "Orders.", &labels).unwrap();
        let other = [("b", "2"), ("a", "1")];
        let two = metrics.counter("orders_total", "Orders.", &other).unwrap();
        one.increment();
        two.add(2.0);
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            one.add(wrong);
        }
        let gauge = metrics.gauge("waiting", "Orders that wait.", &[]).unwrap();
        gauge.set(5.0);
        gauge.add(-2.0);
        let histogram = metrics.histogram("time_seconds", "Time.", &[], &[1.0]);
        let histogram = histogram.unwrap();
        histogram.observe(0.5);
        histogram.observe(f64::NAN);
        let families: Vec<_> = metrics.families().collect();
        let mut page = String::new();
        let encoder = prometheus::TextEncoder::new();
        encoder.encode_utf8(&families, &mut page).unwrap();
        for line in [
            r#"orders_total{a="1",b="2"} 3"#,
            "time_seconds_count 1",
            "time_seconds_sum 0.5",
            "waiting 3",
        ] {
            assert!(page.lines().any(|shown| shown == line), "{line} in\n{page}");
        }
    }

    #[test]
    fn invalid_definitions_are_rejected_with_a_reason() {
        let metrics = ServiceMetrics::enabled();
        let counter = |name: &str, labels: &[(&str, &str)]| {
            let made = metrics.counter(name, "Help.", labels);
            made.err().map(|error| error.to_string())
        };
        assert_eq!(counter("orders_total", &[("a", "1")]), None);
        for bad in ["", "9", "a b", "a-b", "ü", "a:b"] {
            let error = counter(bad, &[]).unwrap();
            assert!(error.contains("a name contains only"), "{error}");
        }
        for name in [
            "vitals_x_total",
            "plugin_x_total",
            "process_cpu_seconds_total",
            "http_requests_total",
            "http_request_duration_seconds_count",
        ] {
            let error = counter(name, &[]).unwrap();
            assert!(error.contains("are reserved for the host"), "{error}");
        }
        for (label, why) in [
            ("", "is not a valid label"),
            ("a-b", "is not a valid label"),
            ("__name__", "reserved by Prometheus"),
            ("le", "reserved by Prometheus"),
        ] {
            let error = counter("x_total", &[(label, "1")]).unwrap();
            assert!(error.contains(why), "{error}");
        }
        let error = counter("x_total", &[("a", "1"), ("a", "2")]).unwrap();
        assert!(error.contains("appears twice"), "{error}");
        let error = counter("orders_total", &[("b", "1")]).unwrap();
        assert!(error.contains("already has the label `a`"), "{error}");
        let error = metrics.gauge("orders_total", "Help.", &[("a", "1")]);
        assert!(matches!(error, Err(MetricError::Conflict(_))), "{error:?}");
        let error = metrics.gauge("x", " ", &[]);
        assert!(matches!(error, Err(MetricError::Help(_))), "{error:?}");
        for buckets in [&[2.0, 1.0][..], &[1.0, 1.0], &[f64::INFINITY], &[f64::NAN]] {
            let error = metrics.histogram("h", "Help.", &[], buckets);
            assert!(matches!(error, Err(MetricError::Buckets(_))), "{error:?}");
        }
        metrics.histogram("h", "Help.", &[], &[1.0]).unwrap();
        let error = metrics.histogram("h", "Help.", &[], &[2.0]);
        assert!(matches!(error, Err(MetricError::Conflict(_))), "{error:?}");
    }

    #[test]
    fn disabled_metrics_accept_everything() {
        let metrics = ServiceMetrics::default();
        metrics.counter("", "", &[("", "")]).unwrap().increment();
        metrics.gauge("vitals_ready", "", &[]).unwrap().set(0.0);
        let histogram = metrics.histogram("h", "", &[], &[2.0, 1.0]).unwrap();
        histogram.observe(1.0);
    }
}
