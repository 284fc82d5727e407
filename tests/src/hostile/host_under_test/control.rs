//! The control check: a good guest that has to run on time and unchanged beside every case.

use std::time::Instant;

use super::HostUnderTest;

/// What the metrics say of the control check.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Runs {
    healthy: u64,
    other: u64,
    /// Of all checks.
    skipped: u64,
}

impl HostUnderTest {
    /// The runs of the control check so far, if the metrics are well-formed.
    pub(super) async fn control_runs(&self) -> Option<Runs> {
        let metrics = self.get("/metrics").await.ok()?;
        let mut runs = Runs::default();
        let series = metrics.text().lines().filter(|line| !line.starts_with('#'));
        for line in series {
            // A guest that could end a line could write others.
            let (series, value) = line.rsplit_once(' ')?;
            value.parse::<f64>().ok()?;
            let of_control = series.contains(&format!("check=\"{CONTROL}\""));
            let count = if series.starts_with("vitals_runs_skipped_total") {
                &mut runs.skipped
            } else if !of_control || !series.starts_with("vitals_check_runs_total{") {
                continue;
            } else if series.contains("result=\"healthy\"") {
                &mut runs.healthy
            } else {
                &mut runs.other
            };
            *count += value.parse::<u64>().unwrap_or(0);
        }
        Some(runs)
    }

    /// Adds what is wrong with the control check since `begin`. Returns how long its last run took.
    pub(super) async fn control_faults(
        &self,
        before: Option<Runs>,
        begin: Instant,
        faults: &mut Vec<String>,
    ) -> f64 {
        let after = self.control_runs().await;
        let due = begin.elapsed().as_secs_f64() / self.bounds.control_interval.as_secs_f64();
        if let (Some(before), Some(after)) = (before, after) {
            faults.extend(after.faults_since(before, due));
        } else {
            faults.push("`/metrics` is not what it should be".to_owned());
        }
        let page = self.page(CONTROL).await;
        let latency = page["latency_ms"].as_f64().unwrap_or_default();
        let (status, message) = (&page["status"], &page["message"]);
        if status != "healthy" || message != "hello" {
            faults.push(format!("the control check is {status}: {message}"));
        } else if latency > self.bounds.control_latency_ms {
            faults.push(format!("the control check took {latency} ms"));
        }
        latency
    }
}

impl Runs {
    fn faults_since(self, before: Self, due: f64) -> Vec<String> {
        let mut faults = Vec::new();
        if self.other > before.other {
            let failed = self.other - before.other;
            faults.push(format!("the control check failed {failed} times"));
        }
        if self.skipped > before.skipped {
            let skipped = self.skipped - before.skipped;
            faults.push(format!("{skipped} runs were skipped"));
        }
        let ran = u32::try_from(self.healthy - before.healthy).unwrap_or(u32::MAX);
        // One is on its way, and its moment is anywhere within the interval.
        if f64::from(ran) < (due - 2.0).floor() {
            let fault = format!("the control check ran {ran} times where {due:.0} were due");
            faults.push(fault);
        }
        faults
    }
}

/// The name of its check and its plugin. No header of a response contains it.
pub(super) const CONTROL: &str = "control-check";
