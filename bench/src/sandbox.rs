//! Runs in the sandbox without a host, each on a guest thread.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use vitals_host::config::{Config, Limits, Secrets};
use vitals_host::plugin::{Grants, Plugin, Sandbox, Task};
use vitals_host::{Roots, sandbox_options};

use crate::clock::{cpu_time, since};

pub(crate) struct Loop {
    plugin: Arc<Plugin>,
    task: Arc<Task>,
}

impl Loop {
    pub(crate) async fn new(guest: &Path) -> Result<Self> {
        let options = sandbox_options(&Config::default(), None);
        let sandbox = Sandbox::new(options)?;
        let bytes = Plugin::read(guest)?;
        let plugin = Plugin::admit(&sandbox, "empty".parse()?, bytes).await?;
        let task = Task {
            check: "empty".parse()?,
            config: "{}".into(),
            grants: Arc::new(Grants::default()),
            limits: Limits::default(),
            timeout: Duration::from_secs(5),
            secrets: Arc::new(Secrets::default()),
            roots: Roots::default(),
        };
        Ok(Self {
            plugin,
            task: Arc::new(task),
        })
    }

    /// Average CPU time of a run, with [`CONCURRENCY`] runs at once.
    pub(crate) async fn micros_per_run(&self) -> f64 {
        let before = cpu_time();
        let workers: Vec<_> = (0..CONCURRENCY)
            .map(|_| {
                let (plugin, task) = (Arc::clone(&self.plugin), Arc::clone(&self.task));
                tokio::spawn(async move {
                    for _ in 0..RUNS / CONCURRENCY {
                        plugin.run(Arc::clone(&task), None).await;
                    }
                })
            })
            .collect();
        for worker in workers {
            // A run always returns a report.
            let _ = worker.await;
        }
        since(before).as_secs_f64() * 1e6 / f64::from(RUNS)
    }
}

const CONCURRENCY: u32 = 32;
const RUNS: u32 = 20_000;
