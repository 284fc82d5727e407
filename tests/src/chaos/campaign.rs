//! A campaign: a host, the workers that change its files, the probes, and the convergence after each
//! bout.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::campaign_log::{CampaignLog, Counts};
use super::configuration::{Configuration, FILE};
use super::convergence::Convergence;
use super::files::Files;
use super::model::{Model, unnamed};
use super::plugin_file::{Layout, PluginFile, STORE};
use super::state::CampaignState;
use super::steady::{self, Runs};
use super::versions::Version;
use super::{Part, probes};
use crate::serving::Serving;
use crate::vitals::Vitals;

/// The options of a campaign.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// How long files are changed.
    pub time: Duration,
    /// Determines the operations of each bout in their order, but not their timing.
    pub seed: u64,
    /// The interval of the checks that are not changed. A busy machine needs a longer one.
    pub interval: Duration,
    /// What is left out, to narrow a failure down.
    pub without: Vec<Part>,
}

/// What a campaign without faults did.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The operations and requests.
    pub counts: Counts,
    /// How often the host converged to what was on disk.
    pub convergences: u64,
    /// How often the host logged each event.
    pub events: BTreeMap<&'static str, usize>,
    /// How long the machine stalled. That time excuses missing runs.
    pub stalled: Duration,
}

/// A campaign that runs.
struct Running<'a> {
    campaign: &'a Campaign,
    rng: Rng,
    state: Arc<CampaignState>,
    serving: Serving,
    files: [Files; 2],
    configuration: Configuration,
    steady: Vec<(&'static str, Version)>,
    /// The generation of each plugin when the host last converged.
    generations: BTreeMap<String, u64>,
    convergences: u64,
}

impl Campaign {
    /// All of it, for this long, with a random seed.
    pub fn new(time: Duration) -> Self {
        Self {
            time,
            seed: Rng::new().u64(..1 << 32),
            interval: Duration::from_secs(2),
            without: Vec::new(),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// The faults, and what was done before them.
    ///
    /// # Panics
    ///
    /// The host cannot be started.
    pub async fn run(&self) -> Result<Summary, String> {
        let started = Instant::now();
        let mut running = self.start().await;
        let finished = running.finish().await;
        let log = running.serving.log();
        let state = running.state;
        if let Err(fault) = finished {
            state.log.fault(&fault);
        }
        if !running.serving.is_running() {
            state.log.fault("the host has ended");
        }
        if state.log.has_faults() {
            return Err(self.report(&state.log, &log));
        }
        let count = |event| log.iter().filter(|line| line.contains(event)).count();
        Ok(Summary {
            counts: state.log.counts(),
            convergences: running.convergences,
            events: EVENTS.map(|event| (event, count(event))).into(),
            stalled: state.stalls.since(started),
        })
    }

    /// Writes all files, and starts the host.
    async fn start(&self) -> Running<'_> {
        let written = "the campaign can write its files";
        let vitals = Vitals::new(["serve", "--config", FILE]);
        let state = CampaignState::new(vitals.place().path(), &self.without);
        let state = Arc::new(state);
        fs::create_dir(state.path(STORE)).expect(written);
        let steady = steady::PLUGINS.map(|(plugin, directory)| {
            let version = state.versions.next();
            let file = format!("{directory}/{plugin}.wasm");
            vitals.place().write(&file, state.versions.bytes(version));
            (plugin, version)
        });
        let plugins = PLUGINS.map(plugin_files);
        let checks = checks(plugins.iter().flatten());
        let mut files = plugins.map(|plugins| Files::new(&state, plugins));
        for files in &mut files {
            files.repair().await.expect(written);
        }
        let mut configuration = Configuration::new(&state, self.interval, checks);
        configuration.repair().expect(written);
        // Thousands of versions would evict the code of others from a shared cache.
        let cache = state.path("cache").display().to_string();
        Running {
            campaign: self,
            rng: Rng::with_seed(self.seed),
            serving: vitals.env("XDG_CACHE_HOME", &cache).serve().await,
            state,
            files,
            configuration,
            steady: steady.into(),
            generations: BTreeMap::new(),
            convergences: 0,
        }
    }

    fn report(&self, campaign_log: &CampaignLog, host_log: &[String]) -> String {
        let last = host_log.len().saturating_sub(LAST_LINES);
        let without = self.without.iter();
        let without = without.map(|part| format!(" --without {}", part.name()));
        format!(
            "{}\nthe last lines of the host's log:\n  {}\nrepeat it with: cargo xtask chaos \
             --seconds {} --seed {} --every {}{}",
            campaign_log.report(),
            host_log[last..].join("\n  "),
            self.time.as_secs(),
            self.seed,
            self.interval.as_millis(),
            without.collect::<String>()
        )
    }
}

impl Running<'_> {
    /// Alternates bouts and convergences, until the time is over or something is wrong.
    async fn finish(&mut self) -> Result<(), String> {
        self.converge().await?;
        let before = Runs::read(&self.serving).await?;
        let started = Instant::now();
        let end = started + self.campaign.time;
        let seed = self.rng.u64(..);
        let mut probes = probes::start(self.serving.address(), &self.state, seed);
        while Instant::now() < end && !self.state.log.has_faults() {
            let longest = SHORTEST_BOUT + BOUT_RANGE.mul_f64(self.rng.f64());
            self.bout(end.min(Instant::now() + longest)).await;
            self.converge().await?;
            if let Some(ended) = probes.try_join_next() {
                panic!("a probe ended: {ended:?}");
            }
        }
        drop(probes);
        let stalled = self.state.stalls.since(started);
        let after = Runs::read(&self.serving).await?;
        for fault in after.faults_since(&before, self.campaign.interval, stalled) {
            self.state.log.fault(&fault);
        }
        Ok(())
    }

    /// All workers change files at the same time.
    async fn bout(&mut self, end: Instant) {
        self.state.log.note("a bout begins");
        let (state, log) = (&self.state, &self.state.log);
        let [first, second] = &mut self.files;
        let configuration = &mut self.configuration;
        first.worker.rng.seed(self.rng.u64(..));
        second.worker.rng.seed(self.rng.u64(..));
        configuration.worker.rng.seed(self.rng.u64(..));
        tokio::join!(
            repeat(end, log, async || first.operate().await),
            repeat(end, log, async || second.operate().await),
            async {
                if !state.leaves_out(Part::Configuration) {
                    repeat(end, log, async || configuration.operate().await).await;
                }
            }
        );
    }

    /// Repairs everything, waits until the host shows it, and narrows the model to it.
    async fn converge(&mut self) -> Result<(), String> {
        let io = |error: io::Error| format!("the campaign itself failed: {error}");
        for files in &mut self.files {
            files.repair().await.map_err(io)?;
        }
        self.configuration.repair().map_err(io)?;
        self.state.log.note("everything is repaired");
        let exact = self.exact();
        let checks = self.configuration.checks();
        let convergence = Convergence {
            state: &self.state,
            exact: &exact,
            intervals: checks
                .map(|(name, entry)| (name.clone(), entry.interval_ms))
                .collect(),
        };
        let generations = convergence.reached(&self.serving).await?;
        self.state.log.note("the host has converged");
        {
            let _no_request = self.state.requests.write().await;
            *self.state.model.lock() = exact;
        }
        let last = std::mem::replace(&mut self.generations, generations);
        let mut unchanged: Vec<_> = self.steady.iter().map(|(name, _)| *name).collect();
        for plugin in self.files.iter_mut().flat_map(|files| &mut files.plugins) {
            if !std::mem::take(&mut plugin.is_changed) {
                unchanged.push(&plugin.name);
            }
        }
        for name in unchanged {
            let (last, now) = (last.get(name), self.generations.get(name));
            if last.is_some() && last != now {
                return Err(format!(
                    "the file of {name} was not written, but its generation was {last:?} and is {now:?}"
                ));
            }
        }
        self.convergences += 1;
        Ok(())
    }

    /// What is on disk and in the configuration.
    fn exact(&self) -> Model {
        let mut exact = Model::default();
        for (name, version) in &self.steady {
            exact.add_plugin(name, *version);
        }
        for (name, plugin) in steady::CHECKS {
            exact.add_check(name, plugin, true);
        }
        for (name, entry) in self.configuration.checks() {
            exact.add_check(name, &entry.plugin, entry.critical);
        }
        for plugin in self.files.iter().flat_map(|files| &files.plugins) {
            let name = &plugin.name;
            exact.add_plugin(name, plugin.version);
            if !exact.checks.values().any(|check| check.plugin == *name) {
                exact.add_check(&unnamed(name), name, false);
            }
        }
        exact
    }
}

/// Repeats an operation.
async fn repeat(end: Instant, log: &CampaignLog, mut operate: impl AsyncFnMut() -> io::Result<()>) {
    while Instant::now() < end {
        if let Err(error) = operate().await {
            return log.fault(&format!("the campaign itself failed: {error}"));
        }
    }
}

fn plugin_files(kinds: &[(&str, u8, Layout, bool)]) -> Vec<PluginFile> {
    let kinds = kinds.iter();
    let plugins = kinds.flat_map(|(name, count, layout, is_removable)| {
        let plugin = move |at| PluginFile::new(format!("{name}-{at}"), *layout, *is_removable);
        (0..*count).map(plugin)
    });
    plugins.collect()
}

/// The configured checks. A plugin has up to three. Those whose file always exists are critical.
fn checks<'p>(plugins: impl Iterator<Item = &'p PluginFile>) -> Vec<(String, String, bool)> {
    let checks = plugins.enumerate().flat_map(|(at, plugin)| {
        let suffixes = ["", "-too", "-three"].into_iter().take(at % 4);
        suffixes.map(|suffix| {
            let name = plugin.name.clone();
            (format!("{name}{suffix}"), name, !plugin.is_removable)
        })
    });
    checks.collect()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n{} convergences, events: {:?}; the machine stalled for {:.1?}",
            self.counts, self.convergences, self.events, self.stalled
        )
    }
}

/// The plugins of each worker: name, number, layout, and whether the file may be absent.
const PLUGINS: [&[(&str, u8, Layout, bool)]; 2] = [
    &[
        ("a-kept", 3, Layout::Plain, false),
        ("a-loose", 3, Layout::Plain, true),
        ("a-linked", 1, Layout::Linked, false),
        ("a-linked-loose", 1, Layout::Linked, true),
    ],
    &[
        ("b-kept", 3, Layout::Plain, false),
        ("b-loose", 3, Layout::Plain, true),
        ("b-mounted", 3, Layout::Mounted, false),
    ],
];
const SHORTEST_BOUT: Duration = Duration::from_secs(2);
const BOUT_RANGE: Duration = Duration::from_secs(8);
/// Lines of the host's log that a report shows.
const LAST_LINES: usize = 40;
/// Events in the host's log that a summary counts.
const EVENTS: [&str; 5] = [
    "plugin loaded",
    "plugin replaced",
    "plugin rejected",
    "configuration applied",
    "configuration rejected",
];
