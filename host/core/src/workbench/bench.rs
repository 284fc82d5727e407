//! What one run of a plugin costs, found out by many of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::{AdHoc, NotRun, Workbench};
use vitals_model::RunReport;
use vitals_sandbox::{Plugin, Task};

/// How much is tried.
#[derive(Clone, Debug)]
pub struct Plan {
    /// At most so many runs.
    pub runs: u32,
    /// At most so long; a run that was begun is ended.
    pub time: Duration,
    /// So many at once.
    pub at_once: u32,
    /// Counts the runs that are over, for whoever waits.
    pub done: Arc<AtomicU32>,
}

/// What was found out. The first run is told apart: it may have found caches cold.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The size of the file in bytes.
    pub size_bytes: u64,
    /// How long it took to compile, or to load from the cache.
    pub compile: Duration,
    /// The first run.
    pub first: RunReport,
    /// The time of each run after it, in order of length.
    pub times: Vec<Duration>,
    /// The time of a fresh instance with its limits armed, without a call, in order of length.
    pub instances: Vec<Duration>,
    /// The fuel of each run, in order.
    pub fuel: Vec<u64>,
    /// The most memory that a run held at a time, in bytes.
    pub memory_peak_bytes: u64,
    /// How runs ended: statuses, and codes of those that ended otherwise.
    pub results: BTreeMap<&'static str, u32>,
    /// How long the runs took together, as many at once as planned.
    pub wall: Duration,
    /// CPU time that this process used meanwhile, instances, protocols and look-ups included.
    pub cpu: Duration,
}

impl Workbench {
    /// Runs a plugin file as often as is planned.
    ///
    /// # Errors
    ///
    /// It can't be loaded, or what it is told does not fit.
    pub async fn bench(&self, path: &Path, told: AdHoc, plan: &Plan) -> Result<Cost, NotRun> {
        let (plugin, task) = self.set_up(path, told).await?;
        let first = plugin.run(Arc::clone(&task), None).await;
        let mut instances = Vec::new();
        let end = Instant::now() + plan.time / INSTANCES_PART;
        while instances.len() < INSTANCES && (instances.is_empty() || Instant::now() < end) {
            let made = plugin.instantiate(Arc::clone(&task)).await;
            instances.push(made.map_err(|error| {
                NotRun(format!(
                    "cannot make an instance of {}: {}",
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
            reports.extend(
                lane.await
                    .expect("a run ends in a report, whatever it does"),
            );
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

/// What is kept of a run: many of them must not fill the memory with texts.
struct Ran {
    elapsed: Duration,
    fuel: u64,
    memory_peak_bytes: u64,
    result: &'static str,
}

/// Makes one run after the other until the plan is fulfilled; at least one.
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

/// CPU time of the whole process, all threads together.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}

/// How many instances are made without a call, and what part of the time they may take.
const INSTANCES: usize = 200;
const INSTANCES_PART: u32 = 5;
