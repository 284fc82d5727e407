//! What each first-party plugin costs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use vitals_host::config::{Config, Environment, Limits, Secrets};
use vitals_host::plugin::{Compiler, Grants, Plugin, Roots, Sandbox, SandboxOptions, Task};
use vitals_host::workbench::{AdHoc, Plan, Workbench};

use crate::served::Served;
use crate::table;

/// Prints a table of the plugins.
pub(crate) async fn print() -> Result<()> {
    let server = Served::start()?;
    let plugins = all()?;
    table::print(&format!(
        "{:20} {:>9} {:>10} {:>14} {:>10} {:>10} {:>10}",
        "plugin", "size", "compiled", "instance", "one run", "CPU time", "fuel"
    ));
    for file in &plugins {
        let code = file.file_stem().unwrap_or_default().to_string_lossy();
        let cost = match settings(&code, &server) {
            Some(told) => of_runs(file, told).await?,
            None => of_an_instance(file).await?,
        };
        table::print(&format!("{code:20} {}", cost.text()));
    }
    Ok(())
}

/// What is found out of a plugin.
struct Cost {
    size_bytes: u64,
    compile: Duration,
    instance: Duration,
    run: Option<Run>,
}

/// What a run costs that follows on another one.
struct Run {
    time: Duration,
    /// Of the whole process, the making of instances included.
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

/// How a plugin is told to look at something that is here; nothing where it needs more than that.
fn settings(code: &str, server: &Served) -> Option<AdHoc> {
    let here = env!("CARGO_MANIFEST_DIR");
    let (settings, allow) = match code {
        "http" => (
            json!({ "url": format!("http://{}/", server.address) }),
            None,
        ),
        "tcp" => (json!({ "address": server.address.to_string() }), None),
        // However full it is, it is looked at.
        "disk" => (json!({ "paths": ["/"] }), None),
        "file" => (json!({ "path": format!("{here}/Cargo.toml") }), None),
        "load" | "memory" => (json!({}), Some(("system".to_owned(), code.to_owned()))),
        _ => return None,
    };
    let Value::Object(settings) = settings else {
        return None;
    };
    Some(AdHoc {
        settings,
        allow: allow.into_iter().collect(),
        timeout: None,
    })
}

async fn of_runs(file: &Path, told: AdHoc) -> Result<Cost> {
    let workbench = Workbench::open(uncached()?, Environment::default(), Compiler::default())?;
    let plan = Plan {
        runs: RUNS,
        time: Duration::from_secs(5),
        at_once: 1,
        done: Arc::new(AtomicU32::new(0)),
    };
    let cost = workbench.bench(file, told, &plan).await?;
    let broken: Vec<_> = cost
        .results
        .keys()
        .filter(|result| !STATUSES.contains(result))
        .collect();
    anyhow::ensure!(
        broken.is_empty(),
        "{}: runs ended by {broken:?}",
        file.display()
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

/// Of a plugin that looks at what is not here. It is run without the settings that it needs, and says so: that
/// takes little more than its instance.
async fn of_an_instance(file: &Path) -> Result<Cost> {
    let sandbox = Sandbox::new(SandboxOptions::new(&uncached()?, None))?;
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

/// A configuration under which every plugin is compiled.
fn uncached() -> Result<Config> {
    Ok("[plugins]\ndir = \"\"\ncache_dir = \"\"\n".parse()?)
}

/// The files of all plugins: built by `cargo xtask plugins`.
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
const STATUSES: [&str; 3] = ["healthy", "degraded", "unhealthy"];
