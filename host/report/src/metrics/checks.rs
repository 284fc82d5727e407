//! The metrics of each check.
//!
//! All values of a check share one lock, so that recording a run costs one lookup, a removed check
//! leaves no series behind, and 10,000 checks take little more memory than their values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use prometheus::proto::{Bucket, Histogram};

use super::family::{self, FamilySeries, bool_value, number, seconds};
use vitals_core::schedule::FinishedRun;
use vitals_model::{CheckName, Measurement, PluginName, Status, Usage};

/// The current checks with their values.
#[derive(Debug, Default)]
pub(super) struct Checks(RwLock<BTreeMap<CheckName, Arc<Mutex<Values>>>>);

/// The values of one check.
#[derive(Debug)]
struct Values {
    plugin: String,
    critical: bool,
    runs: LabelCounts,
    denied: LabelCounts,
    durations: Durations,
    last: Option<Last>,
    last_healthy: Option<Timestamp>,
    fuel: u64,
    breaker_open: bool,
}

/// The values of the last run.
#[derive(Debug)]
struct Last {
    at: Timestamp,
    consecutive_failures: u32,
    /// `None` for a native check, which has no usage.
    usage: Option<Usage>,
    measurements: Vec<Measurement>,
}

impl Checks {
    /// Adds a check, or updates its facts. Returns the plugin that the check ran on before, if it
    /// has changed.
    pub(super) fn upsert(&self, check: &CheckName, plugin: &str, critical: bool) -> Option<String> {
        let plugin = plugin.to_owned();
        let mut checks = self.0.write();
        if let Some(known) = checks.get(check) {
            let mut values = known.lock();
            let is_other = values.plugin != plugin;
            let before = std::mem::replace(&mut values.plugin, plugin);
            values.critical = critical;
            values.breaker_open = false;
            return is_other.then_some(before);
        }
        checks.insert(
            check.clone(),
            Arc::new(Mutex::new(Values::new(plugin, critical))),
        );
        None
    }

    /// Removes a check. Returns the plugin that it ran on.
    pub(super) fn remove(&self, check: &CheckName) -> Option<String> {
        let mut checks = self.0.write();
        let removed = checks.remove(check)?;
        drop(checks);
        let mut values = removed.lock();
        Some(std::mem::take(&mut values.plugin))
    }

    /// Runs `work` if the check runs on the plugin, and keeps it from moving to another meanwhile.
    /// Returns `None` otherwise.
    pub(super) fn while_running_on<T>(
        &self,
        check: &CheckName,
        plugin: &PluginName,
        work: impl FnOnce() -> T,
    ) -> Option<T> {
        let checks = self.0.read();
        let values = checks.get(check)?;
        let values = values.lock();
        let runs_on_it = values.plugin == plugin.as_str();
        drop(values);
        runs_on_it.then(work)
    }

    pub(super) fn finish(&self, run: &FinishedRun, at: Timestamp) {
        let checks = self.0.read();
        let Some(values) = checks.get(&run.check).cloned() else {
            return;
        };
        drop(checks);
        values.lock().finish(run, at);
    }

    /// Adds the series of all checks.
    pub(super) fn add_to(&self, series: &mut FamilySeries) {
        let checks = self.0.read().clone();
        for (name, values) in checks {
            values.lock().add_to(series, name.as_str());
        }
    }
}

impl Values {
    fn new(plugin: String, critical: bool) -> Self {
        let mut runs = LabelCounts::default();
        // The series start at zero, because `rate` does not see a step from no series to one.
        for status in [Status::Healthy, Status::Degraded, Status::Unhealthy] {
            runs.0.push((status.as_str(), 0));
        }
        Self {
            plugin,
            critical,
            runs,
            denied: LabelCounts::default(),
            durations: Durations::default(),
            last: None,
            last_healthy: None,
            fuel: 0,
            breaker_open: false,
        }
    }

    fn finish(&mut self, run: &FinishedRun, at: Timestamp) {
        let report = &run.report;
        self.runs.add(report.result(), 1);
        for &(kind, count) in &report.denied {
            self.denied.add(kind, count);
        }
        self.durations.observe(report.elapsed);
        if run.status == Status::Healthy {
            self.last_healthy = Some(at);
        }
        self.fuel = self.fuel.saturating_add(report.usage.fuel);
        self.breaker_open = run.breaker.is_open();
        let mut measurements = report.outcome.measurements().to_vec();
        if report.outcome.status() == Status::Unhealthy {
            self.keep_points_in_time(&mut measurements);
        }
        self.last = Some(Last {
            at,
            consecutive_failures: run.consecutive_failures,
            usage: (report.usage != Usage::default()).then_some(report.usage),
            measurements,
        });
    }

    /// Adds the points in time that earlier runs measured and a failed one did not: they are still
    /// true, and the end of a certificate must not vanish when it matters.
    fn keep_points_in_time(&mut self, measurements: &mut Vec<Measurement>) {
        let earlier = self.last.take().map(|last| last.measurements);
        for measurement in earlier.into_iter().flatten() {
            let is_new = measurements.iter().all(|new| new.name != measurement.name);
            if is_new && measurement.unit == TIMESTAMP {
                measurements.push(measurement);
            }
        }
    }

    fn add_to(&self, series: &mut FamilySeries, check: &str) {
        let critical = if self.critical { "true" } else { "false" };
        let info = [check, &self.plugin, critical];
        series.gauge(&family::CHECK_INFO, &info, 1.0);
        for &(result, count) in &self.runs.0 {
            series.counter(&family::CHECK_RUNS, &[check, result], count);
        }
        for &(kind, count) in &self.denied.0 {
            series.counter(&family::DENIED, &[check, kind], count);
        }
        let durations = self.durations.histogram();
        series.histogram(&family::CHECK_DURATION, &[check], durations);
        let open = bool_value(self.breaker_open);
        series.gauge(&family::CHECK_BREAKER_OPEN, &[check], open);
        if let Some(at) = self.last_healthy {
            series.gauge(&family::CHECK_LAST_HEALTHY, &[check], seconds(at));
        }
        if self.fuel > 0 {
            series.counter(&family::CHECK_FUEL, &[check], self.fuel);
        }
        let Some(last) = &self.last else { return };
        series.gauge(&family::CHECK_LAST_RUN, &[check], seconds(last.at));
        let failures = last.consecutive_failures.into();
        series.gauge(&family::CHECK_CONSECUTIVE_FAILURES, &[check], failures);
        if let Some(usage) = last.usage {
            series.gauge(&family::CHECK_LAST_FUEL, &[check], number(usage.fuel));
            let peak = number(usage.memory_peak_bytes);
            series.gauge(&family::CHECK_MEMORY_PEAK, &[check], peak);
        }
        for Measurement {
            name, unit, value, ..
        } in &last.measurements
        {
            if unit == TIMESTAMP {
                let family = &family::CHECK_MEASUREMENT_TIMESTAMP;
                series.gauge(family, &[check, name], *value);
            } else {
                let labels = [check, name.as_ref(), unit.as_ref()];
                series.gauge(&family::CHECK_MEASUREMENT, &labels, *value);
            }
        }
    }
}

/// Counts by label value, of which there are few.
#[derive(Debug, Default)]
struct LabelCounts(Vec<(&'static str, u64)>);

impl LabelCounts {
    fn add(&mut self, word: &'static str, more: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count = count.saturating_add(more),
            None => self.0.push((word, more)),
        }
    }
}

/// Durations of runs, counted in [`BUCKETS`] and one bucket for longer ones.
#[derive(Debug, Default)]
struct Durations {
    counts: [u64; BUCKETS.len() + 1],
    sum_seconds: f64,
}

impl Durations {
    fn observe(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS
            .iter()
            .position(|&bound| seconds <= bound)
            .unwrap_or(BUCKETS.len());
        self.counts[bucket] += 1;
        self.sum_seconds += seconds;
    }

    fn histogram(&self) -> Histogram {
        let mut total = 0;
        let mut buckets = Vec::with_capacity(BUCKETS.len());
        for (&bound, &count) in BUCKETS.iter().zip(&self.counts) {
            total += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(total);
            buckets.push(bucket);
        }
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(self.counts.iter().sum());
        histogram.set_sample_sum(self.sum_seconds);
        histogram
    }
}

/// The unit of a point in time.
const TIMESTAMP: &str = "timestamp";
/// Upper bounds in seconds: from a run that only computes to one that takes the default timeout.
const BUCKETS: [f64; 9] = [0.0001, 0.0005, 0.0025, 0.01, 0.05, 0.25, 1.0, 2.5, 5.0];
