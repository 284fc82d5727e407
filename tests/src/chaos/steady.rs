//! The checks that nobody touches, and whether they ran whenever they were due.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::serving::Serving;

/// The plugins that are left alone, and where they lie.
pub(super) const PLUGINS: [(&str, &str); 2] =
    [("steady", "plugins"), ("steady-in-library", "library")];
/// Their checks, each with its plugin.
pub(super) const CHECKS: [(&str, &str); 3] = [
    ("steady", "steady"),
    ("steady-beside", "steady"),
    ("steady-in-library", "steady-in-library"),
];

const CHECK_COUNT: f64 = 3.0;

/// What the configuration says of them, where they run every so often.
pub(super) fn lines(every: Duration) -> String {
    let (mut lines, every) = (String::new(), every.as_millis());
    for (name, plugin) in CHECKS {
        let written = writeln!(
            lines,
            "[checks.{name}]\ncritical = true\nplugin = '{plugin}'\ninterval = '{every}ms'\n\
             timeout = '{every}ms'"
        );
        written.expect("memory takes it");
    }
    lines
}

/// How often the steady ones had run at a moment.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    asked: Instant,
    answered: Instant,
    healthy: [u64; CHECKS.len()],
    others: u64,
    skipped: u64,
}

impl Runs {
    /// Reads the metrics.
    pub(super) async fn read(serving: &Serving) -> Result<Self, String> {
        let asked = Instant::now();
        let page = serving.get("/metrics").await?;
        let mut runs = Self {
            asked,
            answered: Instant::now(),
            healthy: [0; CHECKS.len()],
            others: 0,
            skipped: 0,
        };
        for line in page.text().lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let value: u64 = value.parse().unwrap_or(0);
            if series.starts_with("vitals_runs_skipped_total") {
                runs.skipped += value;
            }
            if !series.starts_with("vitals_check_runs_total{") {
                continue;
            }
            for (at, (name, _)) in CHECKS.iter().enumerate() {
                if !series.contains(&format!("check=\"{name}\"")) {
                    continue;
                }
                if series.contains("result=\"healthy\"") {
                    runs.healthy[at] = value;
                } else {
                    runs.others += value;
                }
            }
        }
        Ok(runs)
    }

    /// What was missed, or came too often, since an earlier moment. Where the machine stood still, no
    /// run was made, or it had no time.
    pub(super) fn faults_since(
        &self,
        before: &Self,
        every: Duration,
        lost: Duration,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        if self.skipped > before.skipped {
            let skipped = self.skipped - before.skipped;
            faults.push(format!("{skipped} runs were skipped"));
        }
        let due = |time: Duration| time.as_secs_f64() / every.as_secs_f64();
        let excused = due(lost).ceil();
        let others = u32::try_from(self.others - before.others).unwrap_or(u32::MAX);
        if f64::from(others) > excused * CHECK_COUNT {
            faults.push(format!(
                "checks that were left alone failed in {others} runs"
            ));
        }
        let least =
            due(self.asked.saturating_duration_since(before.answered)).floor() - 1.0 - excused;
        let most = due(self.answered.saturating_duration_since(before.asked)).ceil() + 1.0;
        for (at, (name, _)) in CHECKS.iter().enumerate() {
            let ran = self.healthy[at].saturating_sub(before.healthy[at]);
            let runs = f64::from(u32::try_from(ran).unwrap_or(u32::MAX));
            if runs < least || runs > most {
                faults.push(format!(
                    "{name} was left alone and ran {ran} times, where {least} to {most} were due"
                ));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(250);

    fn runs(begun: Instant, after: Duration, healthy: u64) -> Runs {
        Runs {
            asked: begun + after,
            answered: begun + after + Duration::from_millis(10),
            healthy: [healthy; CHECKS.len()],
            others: 0,
            skipped: 0,
        }
    }

    #[test]
    fn a_run_that_is_missing_or_too_many_is_found() {
        let begun = Instant::now();
        let before = runs(begun, Duration::ZERO, 10);
        let later = Duration::from_secs(10);
        for (ran, is_well) in [(40, true), (39, true), (41, true), (37, false), (43, false)] {
            let faults = runs(begun, later, 10 + ran).faults_since(&before, EVERY, Duration::ZERO);
            assert_eq!(faults.is_empty(), is_well, "{ran}: {faults:?}");
        }
    }

    #[test]
    fn a_run_that_failed_or_was_skipped_is_found() {
        let begun = Instant::now();
        let before = runs(begun, Duration::ZERO, 0);
        let after = runs(begun, Duration::from_secs(10), 40);
        let others = Runs {
            others: 1,
            ..after.clone()
        };
        assert_eq!(others.faults_since(&before, EVERY, Duration::ZERO).len(), 1);
        let skipped = Runs {
            skipped: 1,
            ..after
        };
        assert_eq!(
            skipped.faults_since(&before, EVERY, Duration::ZERO).len(),
            1
        );
    }
}
