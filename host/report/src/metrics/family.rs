//! Every metric of the host, declared once: name, type, labels and, as its doc comment, the HELP text.
//! Series are made of the values of their labels alone, so that no other labels can come out.

use jiff::Timestamp;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{HistogramOpts, Opts};

/// A metric of the host as it is declared.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    kind: MetricType,
}

impl Family {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The names of its labels, in the order in which a series is given their values.
    pub fn labels(&self) -> &'static [&'static str] {
        self.labels
    }

    /// What it says: the doc comment without the space that one begins with.
    pub fn help(&self) -> &'static str {
        self.help.trim_start()
    }

    /// Its type, as Prometheus spells it.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY => "summary",
            MetricType::UNTYPED => "untyped",
        }
    }

    /// The family with its series; nothing where there are none.
    pub(super) fn of(&self, series: Vec<Metric>) -> Option<MetricFamily> {
        if series.is_empty() {
            return None;
        }
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help().to_owned());
        family.set_field_type(self.kind);
        family.set_metric(series);
        Some(family)
    }

    /// One series of a gauge, by the values of its labels.
    pub(super) fn gauge(&self, values: &[&str], value: f64) -> Metric {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut series = self.labelled(values);
        series.set_gauge(gauge);
        series
    }

    /// One series of a counter, by the values of its labels.
    pub(super) fn counter(&self, values: &[&str], value: u64) -> Metric {
        let mut counter = Counter::default();
        counter.set_value(number(value));
        let mut series = self.labelled(values);
        series.set_counter(counter);
        series
    }

    /// One series, without a value yet.
    pub(super) fn labelled(&self, values: &[&str]) -> Metric {
        debug_assert_eq!(self.labels.len(), values.len(), "labels of {}", self.name);
        let pair = |(name, value): (&&str, &&str)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        };
        Metric::from_label(self.labels.iter().zip(values).map(pair).collect())
    }

    /// For a counter or a gauge that counts by itself.
    pub(super) fn opts(&self) -> Opts {
        Opts::new(self.name, self.help())
    }

    /// For a histogram that counts by itself.
    pub(super) fn histogram(&self, buckets: &[f64]) -> HistogramOpts {
        HistogramOpts::new(self.name, self.help()).buckets(buckets.to_vec())
    }
}

/// A whole number as Prometheus has it; above 2^53 it is the nearest one.
#[expect(
    clippy::cast_precision_loss,
    reason = "every Prometheus value is a double"
)]
pub(super) fn number(value: u64) -> f64 {
    value as f64
}

/// Seconds since 1970, to the millisecond.
pub(super) fn seconds(at: Timestamp) -> f64 {
    number(at.as_millisecond().try_into().unwrap_or(0)) / 1e3
}

/// True as 1, false as 0.
pub(super) fn truth(value: bool) -> f64 {
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

        /// Every metric of the host. Beside them `/metrics` shows those of its process, of the
        /// plugins and of a program that embeds it.
        pub const FAMILIES: &[&Family] = &[$(&$constant),+];
    };
}

families! {
    /// Whether the check is in this state: 0 or 1.
    GAUGE CHECK_STATE = "vitals_check_state" ["check", "state"];
    /// How long the runs of the check took, waiting for a slot excluded.
    HISTOGRAM CHECK_DURATION = "vitals_check_duration_seconds" ["check"];
    /// Runs of the check by result: a status, or the code of what ended the run.
    COUNTER CHECK_RUNS = "vitals_check_runs_total" ["check", "result"];
    /// When the last run of the check ended.
    GAUGE CHECK_LAST_RUN = "vitals_check_last_run_timestamp_seconds" ["check"];
    /// When the last run of the check ended that left it healthy.
    GAUGE CHECK_LAST_HEALTHY = "vitals_check_last_healthy_timestamp_seconds" ["check"];
    /// Failing runs of the check in a row.
    GAUGE CHECK_CONSECUTIVE_FAILURES = "vitals_check_consecutive_failures" ["check"];
    /// Whether the check runs less often, because its runs broke their limits: 0 or 1.
    GAUGE CHECK_BREAKER_OPEN = "vitals_check_breaker_open" ["check"];
    /// Fuel that all runs of the check used.
    COUNTER CHECK_FUEL = "vitals_check_fuel_total" ["check"];
    /// Fuel that the last run of the check used.
    GAUGE CHECK_LAST_FUEL = "vitals_check_last_fuel" ["check"];
    /// The most memory that the last run of the check held at a time.
    GAUGE CHECK_MEMORY_PEAK = "vitals_check_memory_peak_bytes" ["check"];
    /// A number that the last run of the check observed, in the unit of the label.
    GAUGE CHECK_MEASUREMENT = "vitals_check_measurement" ["check", "name", "unit"];
    /// What the check is: the plugin that runs it (none for a native check), and whether it makes the host unready. Always 1.
    GAUGE CHECK_INFO = "vitals_check_info" ["check", "plugin", "critical"];
    /// What the runs of the check asked for and no grant covers, by kind of grant.
    COUNTER DENIED = "vitals_denied_total" ["check", "kind"];
    /// Whether the verdict over all checks is this state: 0 or 1.
    GAUGE HEALTH_STATE = "vitals_health_state" ["state"];
    /// Whether the host answers as ready.
    GAUGE READY = "vitals_ready" [];
    /// The version of the plugin that is loaded. Always 1.
    GAUGE PLUGIN_INFO = "vitals_plugin_info" ["plugin", "version", "digest"];
    /// How many versions of the plugin this host has loaded.
    GAUGE PLUGIN_GENERATION = "vitals_plugin_generation" ["plugin"];
    /// Whether the newest file of the plugin could be loaded.
    GAUGE PLUGIN_LAST_LOAD_SUCCESSFUL = "vitals_plugin_last_load_successful" ["plugin"];
    /// What the compilation of the loaded version took, or the read of code compiled before.
    GAUGE PLUGIN_COMPILE = "vitals_plugin_compile_seconds" ["plugin"];
    /// Loads of the plugin by result: success or failure.
    COUNTER PLUGIN_LOADS = "vitals_plugin_loads_total" ["plugin", "result"];
    /// Runs that are being made now.
    GAUGE RUNS_IN_FLIGHT = "vitals_runs_in_flight" [];
    /// Slots for runs by state: busy or free.
    GAUGE GUEST_SLOTS = "vitals_guest_slots" ["state"];
    /// How long due runs waited for a slot, those that got none included.
    HISTOGRAM RUN_QUEUE_WAIT = "vitals_run_queue_wait_seconds" [];
    /// Runs that were due and not made, by reason.
    COUNTER RUNS_SKIPPED = "vitals_runs_skipped_total" ["reason"];
    /// Requests to receivers of notifications by result: sent, failed (tried again) or refused.
    COUNTER NOTIFICATIONS = "vitals_notifications_total" ["receiver", "result"];
    /// Notifications that were lost, because their receiver did not take them in time.
    COUNTER NOTIFICATIONS_DROPPED = "vitals_notifications_dropped_total" ["receiver"];
    /// Notifications that wait for their receiver.
    GAUGE NOTIFICATIONS_WAITING = "vitals_notifications_waiting" ["receiver"];
    /// Panics of the host's own code, each contained in its task.
    COUNTER HOST_PANICS = "vitals_host_panics_total" [];
    /// How often plugins directory, library or configuration did not answer within 10 seconds.
    COUNTER DISK_HANGS = "vitals_disk_hangs_total" [];
    /// Turns of the clock that interrupts guests.
    COUNTER EPOCH_TICKS = "vitals_epoch_ticks_total" [];
    /// Whether the configuration was taken over when it was last read.
    GAUGE CONFIG_LAST_RELOAD_SUCCESSFUL = "vitals_config_last_reload_successful" [];
    /// When a configuration was last taken over.
    GAUGE CONFIG_LAST_RELOAD_SUCCESS = "vitals_config_last_reload_success_timestamp_seconds" [];
    /// Whether the plugins directory could be read when it was last looked at.
    GAUGE PLUGINS_DIR_READABLE = "vitals_plugins_dir_readable" [];
    /// The versions of the host and of its WebAssembly engine. Always 1.
    GAUGE BUILD_INFO = "vitals_build_info" ["version", "wasmtime"];
    /// Answered requests by method, route and status.
    COUNTER HTTP_REQUESTS = "http_requests_total" ["method", "endpoint", "status"];
    /// How long it took until an answer was ready, by route.
    HISTOGRAM HTTP_REQUEST_DURATION = "http_request_duration_seconds" ["endpoint"];
}
