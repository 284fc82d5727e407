//! Resident memory after many runs of many guests, good and hostile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;
use vitals_host::check::Code;
use vitals_host::config::{Config, Limits, Secrets};
use vitals_host::plugin::{Grants, Plugin, Sandbox, Task};
use vitals_host::{Roots, sandbox_options};

use crate::table::{Bound, Row};

/// A guest, its configuration, the expected error code, and its share in a hundred runs.
type Guest = (&'static str, &'static str, Option<Code>, u32);

const GUESTS: [Guest; 10] = [
    ("hello", "{}", None, 70),
    ("noise", r#"{"stdout":50,"log":100}"#, None, 5),
    ("text", "{}", None, 5),
    ("spin", "{}", Some(Code::Fuel), 4),
    ("spin", r#"{"calls":4000000000}"#, Some(Code::Fuel), 3),
    ("fill", "{}", Some(Code::Memory), 3),
    ("recurse", r#"{"depth":1000000}"#, Some(Code::Stack), 3),
    ("leak", "{}", Some(Code::Resources), 2),
    (
        "status",
        r#"{"fail":"panic","message":"no"}"#,
        Some(Code::Trap),
        3,
    ),
    ("sleep", r#"{"time":"1h"}"#, Some(Code::Timeout), 2),
];

/// The guests, each as often as its share.
type Mix = Arc<[(Arc<Plugin>, Arc<Task>, Option<Code>)]>;

/// Makes [`RUNS`] runs and compares resident memory at the end with that after a tenth of them.
pub(crate) async fn row(guests: &Path) -> Result<Row> {
    let mut options = sandbox_options(&Config::default(), None);
    options.cache_dir = None;
    let sandbox = Sandbox::new(options)?;
    let mut mix = Vec::new();
    for (guest, config, expected, share) in GUESTS {
        let bytes = Plugin::read(&guests.join(format!("{guest}.wasm")))?;
        let plugin = Plugin::admit(&sandbox, guest.parse()?, bytes).await?;
        let timeout = match expected {
            Some(Code::Timeout) => Duration::from_millis(2),
            _ => Duration::from_secs(20),
        };
        let task = Arc::new(Task {
            check: guest.parse()?,
            config: config.into(),
            grants: Arc::new(Grants::default()),
            limits: Limits {
                fuel: match expected {
                    Some(Code::Fuel) => 200_000,
                    _ => 500_000_000,
                },
                memory: 4 << 20,
                ..Limits::default()
            },
            timeout,
            secrets: Arc::new(Secrets::default()),
            roots: Roots::default(),
        });
        for _ in 0..share {
            mix.push((Arc::clone(&plugin), Arc::clone(&task), expected));
        }
    }
    let mix: Mix = mix.into();
    anyhow::ensure!(mix.len() == 100, "the shares are hundredths");
    runs(&mix, RUNS / 10).await?;
    let warm = resident()?;
    runs(&mix, RUNS - RUNS / 10).await?;
    Ok(Row {
        what: "resident memory after 1,000,000 runs, 20 of 100 hostile / after 100,000",
        unit: "MiB",
        measured: resident()?.into(),
        baseline: warm.into(),
        bound: Bound::AtMost(1.1),
    })
}

async fn runs(mix: &Mix, count: u64) -> Result<()> {
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..CONCURRENCY {
        let (mix, next) = (Arc::clone(mix), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(());
                }
                // A stride that reaches all guests in mixed order.
                let (plugin, task, expected) = &mix[usize::try_from(number * 37 % 100)?];
                let report = plugin.run(Arc::clone(task), None).await;
                let code = report.error.as_ref().map(|error| error.code);
                anyhow::ensure!(
                    code == *expected,
                    "run {number}, {}: {report:?}",
                    task.check
                );
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

/// Resident memory of this process, in MiB.
pub(crate) fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: f64 = kibibytes.context("no line VmRSS in kB")?.parse()?;
    Ok(kibibytes / 1024.0)
}

const RUNS: u64 = 1_000_000;
const CONCURRENCY: u32 = 32;
