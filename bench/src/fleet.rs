//! A real host with many checks of one guest, and what a run of them costs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tower::ServiceExt as _;
use vitals_host::Host;
use vitals_host::config::Config;

use crate::clock::{cpu_time, since};

/// A host with `count` checks, each due every `interval`.
pub(crate) struct Fleet {
    pub(crate) host: Host,
    _dir: tempfile::TempDir,
}

impl Fleet {
    pub(crate) async fn start(guest: &Path, count: usize, interval: &str) -> Result<Self> {
        use std::fmt::Write as _;
        let dir = tempfile::tempdir()?;
        let at = dir.path();
        std::fs::create_dir(at.join("plugins"))?;
        std::fs::copy(guest, at.join("plugins/empty.wasm"))?;
        let mut text = format!(
            "[plugins]\ndir = {:?}\ncache_dir = \"\"\n[metrics]\nenabled = true\n\
             [defaults]\ninterval = \"{interval}\"\ntimeout = \"{interval}\"\n",
            at.join("plugins").display().to_string(),
        );
        for number in 0..count {
            write!(text, "[checks.check-{number}]\nplugin = \"empty\"\n")?;
        }
        let config: Config = text.parse()?;
        let host = Host::builder().config(config).start().await?;
        host.first_round().await;
        tokio::time::sleep(WARM_UP).await;
        Ok(Self { host, _dir: dir })
    }

    /// CPU time of the whole process for one run, over a few seconds.
    pub(crate) async fn micros_per_run(&self) -> Result<f64> {
        let (runs, cpu) = (self.runs().await?, cpu_time());
        tokio::time::sleep(ROUND).await;
        // Counting the runs is work too, and no part of them.
        let cpu = since(cpu);
        let runs = self.runs().await? - runs;
        anyhow::ensure!(runs > 100.0, "only {runs} runs in {ROUND:?}");
        Ok(cpu.as_secs_f64() * 1e6 / runs)
    }

    pub(crate) async fn stop(self) {
        self.host.shutdown().await;
    }

    /// How many runs have been made.
    async fn runs(&self) -> Result<f64> {
        let request = axum::http::Request::get("/metrics").body(axum::body::Body::empty())?;
        let response = self.host.router().oneshot(request).await?;
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await?;
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
