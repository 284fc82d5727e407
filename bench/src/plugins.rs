//! The cost of each first-party plugin.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use vitals_host::config::{Config, Environment, Limits, Secrets};
use vitals_host::plugin::{Compiler, Grants, Plugin, Sandbox, Task};
use vitals_host::workbench::{Plan, Workbench};
use vitals_host::{Roots, sandbox_options};

use crate::table;
use crate::target_server::TargetServer;
use crate::targets::{self, Target};

/// Prints a table of the plugins.
pub(crate) async fn print() -> Result<()> {
    let server = TargetServer::start()?;
    let plugins = all()?;
    table::print(&format!(
        "{:20} {:>9} {:>10} {:>14} {:>10} {:>10} {:>10}",
        "plugin", "size", "compiled", "instance", "one run", "CPU time", "fuel"
    ));
    for file in &plugins {
        let code = file.file_stem().unwrap_or_default().to_string_lossy();
        let cost = match targets::of(&code, &server).await {
            Ok(target) => measure_runs(file, &target).await?,
            Err(why) => {
                table::print(&format!("no runs of `{code}`: {why}"));
                measure_instance(file).await?
            }
        };
        table::print(&format!("{code:20} {}", cost.text()));
    }
    Ok(())
}

/// The cost of a plugin.
struct Cost {
    size_bytes: u64,
    compile: Duration,
    instance: Duration,
    run: Option<Run>,
}

/// The cost of a run after the first one.
struct Run {
    time: Duration,
    /// CPU time of the whole process, including instantiation.
    cpu: Duration,
    fuel: u64,
}

impl Cost {
    fn text(&self) -> String {
        let micros = |time: Duration| format!("{:.0} µs", time.as_secs_f64() * 1e6);
        let (instance, run) = match &self.run {
            Some(Run { time, cpu, fuel }) => (
                micros(self.instance),
                format!("{:>10} {:>10} {fuel:>10}", micros(*time), micros(*cpu)),
            ),
            None => (
                format!("at most {}", micros(self.instance)),
                format!("{:>10} {:>10} {:>10}", "–", "–", "–"),
            ),
        };
        format!(
            "{:>5} KiB {:>7} ms {instance:>14} {run}",
            self.size_bytes.div_ceil(1024),
            self.compile.as_millis(),
        )
    }
}

async fn measure_runs(file: &Path, target: &Target) -> Result<Cost> {
    let workbench = Workbench::open(
        uncached(target.roots.as_deref())?,
        Environment::default(),
        Compiler::default(),
    )?;
    let plan = Plan {
        runs: RUNS,
        time: Duration::from_secs(5),
        at_once: 1,
        done: Arc::new(AtomicU32::new(0)),
    };
    let cost = workbench.bench(file, target.ad_hoc(), &plan).await?;
    let broken: Vec<_> = cost
        .results
        .keys()
        .filter(|result| !target.expected.contains(result))
        .collect();
    anyhow::ensure!(
        broken.is_empty(),
        "{}: runs ended by {broken:?}; the first said: {}",
        file.display(),
        cost.first.outcome.message()
    );
    let median = |times: &[Duration]| times.get(times.len() / 2).copied();
    Ok(Cost {
        size_bytes: cost.size_bytes,
        compile: cost.compile,
        instance: median(&cost.instances).context("no instances were made")?,
        run: Some(Run {
            time: median(&cost.times).context("no runs were made")?,
            cpu: cost.cpu / u32::try_from(cost.times.len())?,
            fuel: cost.fuel[cost.fuel.len() / 2],
        }),
    })
}

/// Measures a plugin whose server is not installed. It runs without the settings that it needs and reports
/// that, which takes little more than its instantiation.
async fn measure_instance(file: &Path) -> Result<Cost> {
    let sandbox = Sandbox::new(sandbox_options(&uncached(None)?, None))?;
    let plugin = Plugin::admit(&sandbox, "plugin".parse()?, Plugin::read(file)?).await?;
    let task = Arc::new(Task {
        check: "plugin".parse()?,
        config: Value::Object(Map::new()).to_string().into(),
        grants: Arc::new(Grants::default()),
        limits: Limits::default(),
        timeout: Duration::from_secs(5),
        secrets: Arc::new(Secrets::default()),
        roots: Roots::default(),
    });
    let mut times = Vec::new();
    for _ in 0..RUNS {
        times.push(plugin.run(Arc::clone(&task), None).await.elapsed);
    }
    times.sort_unstable();
    Ok(Cost {
        size_bytes: plugin.size(),
        compile: plugin.compile_time(),
        instance: times[times.len() / 2],
        run: None,
    })
}

/// A configuration without a cache, so that every plugin is compiled, and with these extra roots.
fn uncached(roots: Option<&Path>) -> Result<Config> {
    let roots = roots.map(|file| format!("[tls]\nroots = [{:?}]\n", file.display().to_string()));
    let roots = roots.unwrap_or_default();
    Ok(format!("[plugins]\ndir = \"\"\ncache_dir = \"\"\n{roots}").parse()?)
}

/// The files of all plugins, which `cargo xtask plugins` builds.
pub(crate) fn all() -> Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the crate has a parent")?;
    let directory = root.join("target/plugins");
    let entries = std::fs::read_dir(&directory).context("no plugins: run `cargo xtask plugins`")?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

const RUNS: u32 = 1_000;
