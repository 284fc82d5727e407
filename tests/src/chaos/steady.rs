//! The checks that a campaign does not change, and whether they ran whenever they were due.

use std::time::{Duration, Instant};

use super::judge::Faults;
use super::metrics::sum;
use crate::serving::Serving;

/// The plugins that a campaign does not change, and their directories.
pub(super) const PLUGINS: [(&str, &str); 2] =
    [("steady", "plugins"), ("steady-in-library", "library")];
/// Their checks, each with its plugin.
pub(super) const CHECKS: [(&str, &str); 3] = [
    ("steady", "steady"),
    ("steady-beside", "steady"),
    ("steady-in-library", "steady-in-library"),
];
const CHECK_COUNT: f64 = 3.0;

/// The checks as TOML.
pub(super) fn checks(interval: Duration) -> String {
    let interval = interval.as_millis();
    let check = |(name, plugin)| {
        format!(
            "[checks.{name}]\ncritical = true\nplugin = '{plugin}'\ninterval = '{interval}ms'\n\
             timeout = '{interval}ms'\n"
        )
    };
    CHECKS.map(check).concat()
}

/// How often the checks had run at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    /// When the metrics were requested, and when they were there.
    requested: Instant,
    received: Instant,
    healthy: [f64; CHECKS.len()],
    failed: f64,
    skipped: f64,
}

impl Runs {
    /// Reads the metrics.
    pub(super) async fn read(serving: &Serving) -> Result<Self, String> {
        let requested = Instant::now();
        let page = serving.get("/metrics").await?;
        let received = Instant::now();
        let runs = |name: &str, is_healthy: bool| {
            sum(page.text(), |series| {
                series.starts_with("vitals_check_runs_total{")
                    && series.contains(&format!("check=\"{name}\""))
                    && series.contains("result=\"healthy\"") == is_healthy
            })
        };
        Ok(Self {
            requested,
            received,
            healthy: CHECKS.map(|(name, _)| runs(name, true)),
            failed: CHECKS.map(|(name, _)| runs(name, false)).iter().sum(),
            skipped: sum(page.text(), |series| {
                series.starts_with("vitals_runs_skipped_total")
            }),
        })
    }

    /// The runs that were missing, or too many, since an earlier moment. While the machine stalled,
    /// none could be made in time.
    pub(super) fn faults_since(
        &self,
        before: &Self,
        interval: Duration,
        stalled: Duration,
    ) -> Vec<String> {
        let due = |time: Duration| time.as_secs_f64() / interval.as_secs_f64();
        let excused = due(stalled).ceil();
        let shortest = self.requested.saturating_duration_since(before.received);
        let longest = self.received.saturating_duration_since(before.requested);
        let least = due(shortest).floor() - 1.0 - excused;
        let most = due(longest).ceil() + 1.0;
        let failed = self.failed - before.failed;
        let skipped = self.skipped - before.skipped;
        let is_well = failed <= excused * CHECK_COUNT;
        // A stall can skip a run of every check of the host.
        let is_whole = skipped <= 0.0 || excused > 0.0;
        let mut faults = Faults::default();
        faults.require(is_well, "unchanged checks failed", failed);
        faults.require(is_whole, "runs were skipped", skipped);
        for (at, (name, _)) in CHECKS.iter().enumerate() {
            let runs = self.healthy[at] - before.healthy[at];
            let is_due = (least..=most).contains(&runs);
            let subject = format_args!("{name} ran {runs} times, not {least} to {most}");
            faults.require(is_due, "a schedule was not kept", subject);
        }
        faults.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_are_missing_too_many_failed_or_skipped_are_found() {
        let cases = [
            (40.0, 0.0, 0.0, true),
            (39.0, 0.0, 0.0, true),
            (41.0, 0.0, 0.0, true),
            (37.0, 0.0, 0.0, false),
            (43.0, 0.0, 0.0, false),
            (40.0, 1.0, 0.0, false),
            (40.0, 0.0, 1.0, false),
        ];
        for (healthy, failed, skipped, is_good) in cases {
            let before = Runs {
                requested: Instant::now(),
                received: Instant::now() + Duration::from_millis(10),
                healthy: [10.0; CHECKS.len()],
                failed: 0.0,
                skipped: 0.0,
            };
            let after = Runs {
                requested: before.requested + Duration::from_secs(10),
                received: before.received + Duration::from_secs(10),
                healthy: [10.0 + healthy; CHECKS.len()],
                failed,
                skipped,
            };
            let interval = Duration::from_millis(250);
            let faults = after.faults_since(&before, interval, Duration::ZERO);
            assert_eq!(faults.is_empty(), is_good, "{faults:?}");
        }
    }
}
