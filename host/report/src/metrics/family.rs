//! The declarations of all metrics of the host: name, type, labels and, as the doc comment, the
//! HELP text. Series are created from label values alone, so that they always have the declared
//! labels.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prometheus::proto::{Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{HistogramOpts, Opts};

/// The declaration of a metric of the host.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    kind: MetricType,
}

impl Family {
    /// Returns the name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the label names, in the order in which a series takes their values.
    pub fn labels(&self) -> &'static [&'static str] {
        self.labels
    }

    /// Returns the HELP text: the doc comment without its leading space.
    pub fn help(&self) -> &'static str {
        self.help.trim_start()
    }

    /// Returns the type, as Prometheus spells it.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY => "summary",
            MetricType::UNTYPED => "untyped",
        }
    }

    /// Returns the family without series.
    fn empty(&self) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help().to_owned());
        family.set_field_type(self.kind);
        family
    }

    /// Returns a series with these label values and no value yet.
    fn labelled(&self, values: &[&str]) -> Metric {
        debug_assert_eq!(self.labels.len(), values.len(), "labels of {}", self.name);
        let pair = |(name, value): (&&str, &&str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        Metric::from_label(self.labels.iter().zip(values).map(pair).collect())
    }

    /// Returns the options for a counter or gauge that keeps its own value.
    pub(super) fn opts(&self) -> Opts {
        Opts::new(self.name, self.help())
    }

    /// Returns the options for a histogram that keeps its own values.
    pub(super) fn histogram(&self, buckets: &[f64]) -> HistogramOpts {
        HistogramOpts::new(self.name, self.help()).buckets(buckets.to_vec())
    }
}

/// Series that are made for one scrape, by the name of their family.
#[derive(Default)]
pub(super) struct FamilySeries(BTreeMap<&'static str, MetricFamily>);

impl FamilySeries {
    /// Adds a gauge with these label values.
    pub(super) fn gauge(&mut self, family: &Family, labels: &[&str], value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        self.add(family, labels).set_gauge(gauge);
    }

    /// Adds a counter with these label values.
    pub(super) fn counter(&mut self, family: &Family, labels: &[&str], value: u64) {
        let mut counter = Counter::default();
        counter.set_value(number(value));
        self.add(family, labels).set_counter(counter);
    }

    /// Adds a histogram with these label values.
    pub(super) fn histogram(&mut self, family: &Family, labels: &[&str], histogram: Histogram) {
        self.add(family, labels).set_histogram(histogram);
    }

    fn add(&mut self, family: &Family, labels: &[&str]) -> &mut Metric {
        let known = self.0.entry(family.name).or_insert_with(|| family.empty());
        let series = known.mut_metric();
        series.push(family.labelled(labels));
        series.last_mut().expect("it was added just now")
    }

    pub(super) fn into_families(self) -> impl Iterator<Item = MetricFamily> {
        self.0.into_values()
    }
}

/// Converts to a Prometheus value. Above 2^53 it is the nearest one.
#[expect(
    clippy::cast_precision_loss,
    reason = "every Prometheus value is a double"
)]
pub(super) fn number(value: u64) -> f64 {
    value as f64
}

/// Converts to seconds since 1970, to the millisecond.
pub(super) fn seconds(at: Timestamp) -> f64 {
    number(at.as_millisecond().try_into().unwrap_or(0)) / 1e3
}

/// Converts to 1 or 0.
pub(super) fn bool_value(value: bool) -> f64 {
    f64::from(u8::from(value))
}

macro_rules! families {
    ($($(#[doc = $help:literal])+ $kind:ident $constant:ident = $name:literal [$($label:literal),*];)+) => {
        $(
            $(#[doc = $help])+
            pub(super) const $constant: Family = Family {
                name: $name,
                labels: &[$($label),*],
                help: concat!($($help),+),
                kind: MetricType::$kind,
            };
        )+

        /// Every metric of the host. `/metrics` also shows those of the process, the plugins and
        /// the embedding program.
        pub const FAMILIES: &[&Family] = &[$(&$constant),+];
    };
}

families! {
    /// Whether the check has this status (0 or 1).
    GAUGE CHECK_STATE = "vitals_check_state" ["check", "state"];
    /// Duration of the check's runs in seconds, without the wait for a permit.
    HISTOGRAM CHECK_DURATION = "vitals_check_duration_seconds" ["check"];
    /// Runs of the check by result: the reported status, or the error code.
    COUNTER CHECK_RUNS = "vitals_check_runs_total" ["check", "result"];
    /// Unix time in seconds when the check's last run ended.
    GAUGE CHECK_LAST_RUN = "vitals_check_last_run_timestamp_seconds" ["check"];
    /// Unix time in seconds when the check was last shown as healthy after a run.
    GAUGE CHECK_LAST_HEALTHY = "vitals_check_last_healthy_timestamp_seconds" ["check"];
    /// Consecutive failing runs of the check.
    GAUGE CHECK_CONSECUTIVE_FAILURES = "vitals_check_consecutive_failures" ["check"];
    /// Whether the check's breaker is open and stretches its interval, because runs exceeded limits
    /// (0 or 1).
    GAUGE CHECK_BREAKER_OPEN = "vitals_check_breaker_open" ["check"];
    /// Fuel used by all runs of the check.
    COUNTER CHECK_FUEL = "vitals_check_fuel_total" ["check"];
    /// Fuel used by the check's last run.
    GAUGE CHECK_LAST_FUEL = "vitals_check_last_fuel" ["check"];
    /// Peak memory of the check's last run in bytes.
    GAUGE CHECK_MEMORY_PEAK = "vitals_check_memory_peak_bytes" ["check"];
    /// A measurement from the check's last run, in the unit of the label.
    GAUGE CHECK_MEASUREMENT = "vitals_check_measurement" ["check", "name", "unit"];
    /// A point in time that the check measured, as Unix time in seconds. A failed run that does not
    /// measure it leaves the last one.
    GAUGE CHECK_MEASUREMENT_TIMESTAMP = "vitals_check_measurement_timestamp_seconds" ["check", "name"];
    /// Facts of the check: its plugin (empty for a native check), and whether the host is not ready
    /// while it is unhealthy. Always 1.
    GAUGE CHECK_INFO = "vitals_check_info" ["check", "plugin", "critical"];
    /// Denied attempts of the check's runs to reach something without a grant, by kind of grant.
    COUNTER DENIED = "vitals_denied_total" ["check", "kind"];
    /// Whether the verdict over all checks is this status (0 or 1).
    GAUGE HEALTH_STATE = "vitals_health_state" ["state"];
    /// Whether the host answers as ready (0 or 1).
    GAUGE READY = "vitals_ready" [];
    /// Version and digest of the plugin's active version. Always 1.
    GAUGE PLUGIN_INFO = "vitals_plugin_info" ["plugin", "version", "digest"];
    /// Versions of the plugin that this host has loaded.
    GAUGE PLUGIN_GENERATION = "vitals_plugin_generation" ["plugin"];
    /// Whether the newest file of the plugin was loaded (0 or 1).
    GAUGE PLUGIN_LAST_LOAD_SUCCESSFUL = "vitals_plugin_last_load_successful" ["plugin"];
    /// Time in seconds to compile the active version, or to read its compiled code from the cache.
    GAUGE PLUGIN_COMPILE = "vitals_plugin_compile_seconds" ["plugin"];
    /// Loads of the plugin by result: success or failure.
    COUNTER PLUGIN_LOADS = "vitals_plugin_loads_total" ["plugin", "result"];
    /// Runs in flight.
    GAUGE RUNS_IN_FLIGHT = "vitals_runs_in_flight" [];
    /// Permits for runs by state: busy or free.
    GAUGE GUEST_SLOTS = "vitals_guest_slots" ["state"];
    /// Time in seconds that due runs waited for a permit, including runs that got none.
    HISTOGRAM RUN_QUEUE_WAIT = "vitals_run_queue_wait_seconds" [];
    /// Due runs that were skipped, by reason.
    COUNTER RUNS_SKIPPED = "vitals_runs_skipped_total" ["reason"];
    /// Requests to receivers of notifications by result: sent, failed (will be retried) or refused.
    COUNTER NOTIFICATIONS = "vitals_notifications_total" ["receiver", "result"];
    /// Notifications dropped because their receiver was too slow or unreachable.
    COUNTER NOTIFICATIONS_DROPPED = "vitals_notifications_dropped_total" ["receiver"];
    /// Notifications waiting for their receiver.
    GAUGE NOTIFICATIONS_WAITING = "vitals_notifications_waiting" ["receiver"];
    /// Panics of the host's own code, each contained in its task.
    COUNTER HOST_PANICS = "vitals_host_panics_total" [];
    /// Times that the plugins directory, the library or the configuration did not answer within 10
    /// seconds.
    COUNTER DISK_HANGS = "vitals_disk_hangs_total" [];
    /// Ticks of the epoch clock, which interrupts guests.
    COUNTER EPOCH_TICKS = "vitals_epoch_ticks_total" [];
    /// Whether the last configuration that was read was applied (0 or 1).
    GAUGE CONFIG_LAST_RELOAD_SUCCESSFUL = "vitals_config_last_reload_successful" [];
    /// Unix time in seconds when a configuration was last applied.
    GAUGE CONFIG_LAST_RELOAD_SUCCESS = "vitals_config_last_reload_success_timestamp_seconds" [];
    /// Whether the last scan could read the plugins directory (0 or 1).
    GAUGE PLUGINS_DIR_READABLE = "vitals_plugins_dir_readable" [];
    /// Versions of the host and of its WebAssembly engine. Always 1.
    GAUGE BUILD_INFO = "vitals_build_info" ["version", "wasmtime"];
    /// Answered HTTP requests by method, route and status.
    COUNTER HTTP_REQUESTS = "http_requests_total" ["method", "endpoint", "status"];
    /// Time in seconds until an HTTP response was ready, by route.
    HISTOGRAM HTTP_REQUEST_DURATION = "http_request_duration_seconds" ["endpoint"];
}
