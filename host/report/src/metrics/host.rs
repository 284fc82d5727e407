//! The metrics of the host itself, in a registry of their own.

use std::time::Duration;

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Registry,
};

use super::family::{self, Family};
use crate::delivery_metrics::{ReceiverMetrics, RequestResult};
use vitals_core::RequestCounter;
use vitals_core::schedule::Skipped;

/// The host's own instruments.
pub(super) struct HostMetrics {
    registry: Registry,
    pub(super) queue_wait: Histogram,
    skipped: IntCounterVec,
    pub(super) panics: IntCounter,
    pub(super) disk_hangs: IntCounter,
    notifications: IntCounterVec,
    dropped: IntCounterVec,
    waiting: IntGaugeVec,
    reload_successful: IntGauge,
    reload_success: Gauge,
    requests: IntCounterVec,
    request_duration: HistogramVec,
}

impl HostMetrics {
    pub(super) fn new(version: &str, wasmtime: &str) -> Self {
        let registry = Registry::new();
        let queue_wait = family::RUN_QUEUE_WAIT.histogram(&WAIT_BUCKETS);
        let duration = &family::HTTP_REQUEST_DURATION;
        let request_duration =
            HistogramVec::new(duration.histogram(&REQUEST_BUCKETS), duration.labels());
        let counters = |family: &Family| IntCounterVec::new(family.opts(), family.labels());
        let waiting = &family::NOTIFICATIONS_WAITING;
        let waiting = IntGaugeVec::new(waiting.opts(), waiting.labels());
        let build = GaugeVec::new(family::BUILD_INFO.opts(), family::BUILD_INFO.labels());
        let build = register(&registry, build);
        build.with_label_values(&[version, wasmtime]).set(1.0);
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(
                prometheus::process_collector::ProcessCollector::for_self(),
            ))
            .expect("no other collector has its names");
        let host = Self {
            queue_wait: register(&registry, Histogram::with_opts(queue_wait)),
            skipped: register(&registry, counters(&family::RUNS_SKIPPED)),
            panics: register(&registry, IntCounter::with_opts(family::HOST_PANICS.opts())),
            disk_hangs: register(&registry, IntCounter::with_opts(family::DISK_HANGS.opts())),
            notifications: register(&registry, counters(&family::NOTIFICATIONS)),
            dropped: register(&registry, counters(&family::NOTIFICATIONS_DROPPED)),
            waiting: register(&registry, waiting),
            reload_successful: register(
                &registry,
                IntGauge::with_opts(family::CONFIG_LAST_RELOAD_SUCCESSFUL.opts()),
            ),
            reload_success: register(
                &registry,
                Gauge::with_opts(family::CONFIG_LAST_RELOAD_SUCCESS.opts()),
            ),
            requests: register(&registry, counters(&family::HTTP_REQUESTS)),
            request_duration: register(&registry, request_duration),
            registry,
        };
        for reason in [Skipped::Busy, Skipped::Full, Skipped::Late] {
            host.skipped.with_label_values(&[reason.as_str()]);
        }
        host
    }

    pub(super) fn runs_skipped(&self, reason: Skipped, count: u64) {
        let skipped = self.skipped.with_label_values(&[reason.as_str()]);
        skipped.inc_by(count);
    }

    pub(super) fn receiver(&self, receiver: &str) -> Receiver {
        let series = |result| self.notifications.with_label_values(&[receiver, result]);
        Receiver {
            requests: RESULTS.map(series),
            dropped: self.dropped.with_label_values(&[receiver]),
            waiting: self.waiting.with_label_values(&[receiver]),
        }
    }

    pub(super) fn receiver_removed(&self, receiver: &str) {
        for result in RESULTS {
            let labels = [receiver, result];
            // Removing a series that was never counted is an error, which is ignored.
            let _ = self.notifications.remove_label_values(&labels);
        }
        let _ = self.dropped.remove_label_values(&[receiver]);
        let _ = self.waiting.remove_label_values(&[receiver]);
    }

    /// Records whether a configuration that was read was applied.
    pub(super) fn config_reloaded(&self, successful: bool, at: Timestamp) {
        self.reload_successful.set(successful.into());
        if successful {
            self.reload_success.set(family::seconds(at));
        }
    }

    pub(super) fn requests(&self, endpoint: &'static str) -> Requests {
        let duration = self.request_duration.with_label_values(&[endpoint]);
        Requests {
            endpoint,
            total: self.requests.clone(),
            duration,
        }
    }

    pub(super) fn families(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

/// The series of one receiver of notifications.
pub(super) struct Receiver {
    /// In the order of [`RESULTS`].
    requests: [IntCounter; RESULTS.len()],
    dropped: IntCounter,
    waiting: IntGauge,
}

impl ReceiverMetrics for Receiver {
    fn requested(&self, result: RequestResult) {
        self.requests[result as usize].inc();
    }

    fn dropped(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.dropped.inc_by(count);
    }

    fn waiting(&self, count: usize) {
        self.waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

/// The counters of one endpoint's requests.
pub(super) struct Requests {
    endpoint: &'static str,
    total: IntCounterVec,
    duration: Histogram,
}

impl RequestCounter for Requests {
    fn answered(&self, method: &'static str, status: &str, took: Duration) {
        let labels = [method, self.endpoint, status];
        self.total.with_label_values(&labels).inc();
        self.duration.observe(took.as_secs_f64());
    }
}

/// Registers an instrument and returns it.
fn register<T: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<T>) -> T {
    let instrument = made.expect("names and labels are written here, and valid");
    let registered = registry.register(Box::new(instrument.clone()));
    registered.expect("each name is registered once");
    instrument
}

/// The results of requests as labels, in the order of [`RequestResult`].
const RESULTS: [&str; 3] = ["sent", "failed", "refused"];
/// Upper bounds in seconds. A run that finds a free permit does not wait.
const WAIT_BUCKETS: [f64; 9] = [0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];
/// Upper bounds in seconds. Pages are prepared before they are requested.
const REQUEST_BUCKETS: [f64; 9] = [0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1, 1.0, 10.0];
