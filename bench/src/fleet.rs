//! A real host with many checks of one guest, and the cost of their runs.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use vitals_host::Host;
use vitals_host::config::Config;

use crate::clock::{cpu_time, since};
use crate::pages::body_of;

/// A host with `count` checks, each due every `interval`.
pub(crate) struct Fleet {
    pub(crate) host: Host,
    /// The number of runs that are due in a second.
    due: f64,
    counts: bool,
    _dir: tempfile::TempDir,
}

/// How a host reports, besides its pages.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reporting {
    pub(crate) metrics: bool,
    /// The address of an error tracker.
    pub(crate) tracker: Option<SocketAddr>,
}

impl Fleet {
    pub(crate) async fn start(guest: &Path, count: u32, interval: Duration) -> Result<Self> {
        let reporting = Reporting {
            metrics: true,
            tracker: None,
        };
        Self::with(guest, count, interval, reporting).await
    }

    pub(crate) async fn with(
        guest: &Path,
        count: u32,
        interval: Duration,
        reporting: Reporting,
    ) -> Result<Self> {
        Self::with_line(guest, count, interval, reporting, "").await
    }

    /// A host whose checks also have this line in their tables.
    pub(crate) async fn with_line(
        guest: &Path,
        count: u32,
        interval: Duration,
        reporting: Reporting,
        line: &str,
    ) -> Result<Self> {
        use std::fmt::Write as _;
        let dir = tempfile::tempdir()?;
        let at = dir.path();
        std::fs::create_dir(at.join("plugins"))?;
        std::fs::copy(guest, at.join("plugins/empty.wasm"))?;
        let mut text = format!(
            "[plugins]\ndir = \"\"\nlibrary = {:?}\ncache_dir = \"\"\n[metrics]\nenabled = {}\n\
             [defaults]\ninterval = \"{interval}\"\ntimeout = \"{interval}\"\n",
            at.join("plugins").display().to_string(),
            reporting.metrics,
            interval = format_args!("{}ms", interval.as_millis()),
        );
        if let Some(tracker) = reporting.tracker {
            write!(text, "[sentry]\ndsn = \"http://key@{tracker}/1\"\n")?;
        }
        for number in 0..count {
            write!(
                text,
                "[checks.check-{number}]\nplugin = \"empty\"\n{line}\n"
            )?;
        }
        let config: Config = text.parse()?;
        let host = Host::builder().config(config).start().await?;
        host.first_round().await;
        tokio::time::sleep(WARM_UP).await;
        let fleet = Self {
            host,
            due: f64::from(count) / interval.as_secs_f64(),
            counts: reporting.metrics,
            _dir: dir,
        };
        // A host that runs nothing would be fast.
        let page = fleet.health().await?;
        let check = &page["checks"][0];
        anyhow::ensure!(check["error"]["code"] != "load", "{}", check["message"]);
        Ok(fleet)
    }

    /// Average CPU time of the process for each due run, over a few seconds. Works for a host that does not
    /// count its runs. Returns `None` if a host that counts them has skipped some.
    pub(crate) async fn micros_per_due_run(&self) -> Result<Option<f64>> {
        let before = if self.counts { self.runs().await? } else { 0.0 };
        let (cpu, started) = (cpu_time(), Instant::now());
        tokio::time::sleep(ROUND).await;
        let (cpu, due) = (since(cpu), self.due * started.elapsed().as_secs_f64());
        if self.counts && self.runs().await? - before < 0.98 * due {
            return Ok(None);
        }
        Ok(Some(cpu.as_secs_f64() * 1e6 / due))
    }

    /// Average CPU time of the process for each run, over a few seconds.
    pub(crate) async fn micros_per_run(&self) -> Result<f64> {
        let (runs, cpu) = (self.runs().await?, cpu_time());
        tokio::time::sleep(ROUND).await;
        // Read the clock first: counting the runs takes CPU time too.
        let cpu = since(cpu);
        let runs = self.runs().await? - runs;
        anyhow::ensure!(runs > 100.0, "only {runs} runs in {ROUND:?}");
        Ok(cpu.as_secs_f64() * 1e6 / runs)
    }

    /// The page `/health`.
    pub(crate) async fn health(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(
            &body_of(&self.host, "/health").await?,
        )?)
    }

    pub(crate) async fn stop(self) {
        self.host.shutdown().await;
    }

    /// The number of runs so far.
    async fn runs(&self) -> Result<f64> {
        let body = body_of(&self.host, "/metrics").await?;
        let text = str::from_utf8(&body)?;
        let counters = text
            .lines()
            .filter(|line| line.starts_with("vitals_check_runs_total{"));
        let values = counters.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Some(values.sum()).context("no runs are counted")
    }
}

const ROUND: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(1);
