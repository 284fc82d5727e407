//! Measures the cost of a run by running a plugin many times.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::{AdHoc, NotRun, Workbench};
use vitals_model::RunReport;
use vitals_sandbox::{Plugin, Task};

/// The extent of a measurement.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The maximum number of runs.
    pub runs: u32,
    /// The time limit for starting runs. A run that has started is finished.
    pub time: Duration,
    /// The number of concurrent runs.
    pub at_once: u32,
    /// Counts finished runs, for showing progress.
    pub done: Arc<AtomicU32>,
}

/// The measured cost. The first run is separate, because caches may be cold.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The size of the file in bytes.
    pub size_bytes: u64,
    /// The time to compile it, or to load it from the cache.
    pub compile: Duration,
    /// The first run.
    pub first: RunReport,
    /// The durations of the runs after it, sorted.
    pub times: Vec<Duration>,
    /// The durations of creating an instance with its limits armed, without a call, sorted.
    pub instances: Vec<Duration>,
    /// The fuel of each run, sorted.
    pub fuel: Vec<u64>,
    /// The peak memory of all runs, in bytes.
    pub memory_peak_bytes: u64,
    /// The number of runs by status, or by error code.
    pub results: BTreeMap<&'static str, u32>,
    /// The wall-clock time of all runs, at the planned concurrency.
    pub wall: Duration,
    /// CPU time of this process meanwhile, including instances, protocols and DNS lookups.
    pub cpu: Duration,
}

impl Workbench {
    /// Runs a plugin file as often as planned.
    ///
    /// # Errors
    ///
    /// The file can't be loaded, or its settings are invalid.
    pub async fn bench(&self, path: &Path, ad_hoc: AdHoc, plan: &Plan) -> Result<Cost, NotRun> {
        let (plugin, task) = self.set_up(path, ad_hoc).await?;
        let first = plugin.run(Arc::clone(&task), None).await;
        let mut instances = Vec::new();
        let end = Instant::now() + plan.time / INSTANCES_PART;
        while instances.len() < INSTANCES && (instances.is_empty() || Instant::now() < end) {
            let made = plugin.instantiate(Arc::clone(&task)).await;
            instances.push(made.map_err(|error| {
                NotRun(format!(
                    "cannot instantiate {}: {}",
                    path.display(),
                    error.message
                ))
            })?);
        }
        instances.sort_unstable();
        let begun = Arc::new(AtomicU32::new(0));
        let (started, cpu) = (Instant::now(), cpu_time());
        let lanes: Vec<_> = (0..plan.at_once.max(1))
            .map(|_| {
                let (plugin, task) = (Arc::clone(&plugin), Arc::clone(&task));
                tokio::spawn(lane(plugin, task, plan.clone(), Arc::clone(&begun)))
            })
            .collect();
        let mut reports = Vec::new();
        for lane in lanes {
            reports.extend(lane.await.expect("a run never panics"));
        }
        let (wall, cpu) = (started.elapsed(), cpu_time().saturating_sub(cpu));
        let mut cost = Cost {
            size_bytes: plugin.size(),
            compile: plugin.compile_time(),
            first,
            times: Vec::with_capacity(reports.len()),
            instances,
            fuel: Vec::with_capacity(reports.len()),
            memory_peak_bytes: 0,
            results: BTreeMap::new(),
            wall,
            cpu,
        };
        for run in &reports {
            cost.times.push(run.elapsed);
            cost.fuel.push(run.fuel);
            cost.memory_peak_bytes = cost.memory_peak_bytes.max(run.memory_peak_bytes);
            *cost.results.entry(run.result).or_default() += 1;
        }
        cost.times.sort_unstable();
        cost.fuel.sort_unstable();
        Ok(cost)
    }
}

/// The kept part of a report, so that many runs do not fill the memory.
struct Ran {
    elapsed: Duration,
    fuel: u64,
    memory_peak_bytes: u64,
    result: &'static str,
}

/// Makes runs one after the other until the plan is fulfilled, at least one.
async fn lane(plugin: Arc<Plugin>, task: Arc<Task>, plan: Plan, begun: Arc<AtomicU32>) -> Vec<Ran> {
    let end = Instant::now() + plan.time;
    let mut ran = Vec::new();
    while begun.fetch_add(1, Ordering::Relaxed) < plan.runs.max(1) {
        let report = plugin.run(Arc::clone(&task), None).await;
        ran.push(Ran {
            elapsed: report.elapsed,
            fuel: report.usage.fuel,
            memory_peak_bytes: report.usage.memory_peak_bytes,
            result: report.result(),
        });
        plan.done.fetch_add(1, Ordering::Relaxed);
        if Instant::now() >= end {
            break;
        }
    }
    ran
}

/// Returns the CPU time of all threads of the process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}

/// The number of instances created without a call, and their share of the time.
const INSTANCES: usize = 200;
const INSTANCES_PART: u32 = 5;
