//! A campaign: a host, those who change its files, those who ask it, and the moments of quiet between.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::Part;
use super::campaign_log::Counts;
use super::configuration::{Configuration, FILE};
use super::files::Files;
use super::ground::Ground;
use super::model::{Model, by_itself};
use super::probes::Probes;
use super::quiet::Quiet;
use super::steady::{self, Runs};
use super::tenant::{Home, STORE, Tenant};
use super::versions::Version;
use crate::serving::Serving;
use crate::vitals::Vitals;

/// How long to go on, from which seed, and what to leave out.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// How long files are changed.
    pub time: Duration,
    /// Determines what is done in each bout, one thing after the other; not just when.
    pub seed: u64,
    /// From one run of the checks that are left alone to the next: a machine that is busy with other
    /// things needs more than one that is not.
    pub every: Duration,
    /// What is left out, to narrow a failure down.
    pub without: Vec<Part>,
}

/// What a campaign did that found nothing.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What was done and asked.
    pub counts: Counts,
    /// Moments at which the host showed just what was on disk.
    pub quiet: u64,
    /// Plugins that were loaded, by the host's log.
    pub loaded: usize,
    /// Files that were refused, by the host's log.
    pub refused: usize,
    /// How long the machine stood still: for so long nothing is held to its time.
    pub lost: Duration,
}

/// What was wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    campaign: Campaign,
    report: String,
    log: Vec<String>,
}

/// All that take part.
struct Stage<'a> {
    serving: Serving,
    ground: &'a Ground,
    files: [Files<'a>; 2],
    configuration: Configuration<'a>,
    steady: Vec<(String, Version)>,
    generations: BTreeMap<String, u64>,
    without: Arc<[Part]>,
}

impl Campaign {
    /// All of it, for so long, from a seed that nobody chose.
    pub fn new(time: Duration) -> Self {
        Self {
            time,
            seed: Rng::new().u64(..1 << 32),
            every: Duration::from_secs(2),
            without: Vec::new(),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// What was wrong, with what was done before it.
    ///
    /// # Panics
    ///
    /// The host can't be started.
    pub async fn run(&self) -> Result<Summary, Failure> {
        let vitals = Vitals::new(["serve", "--config", FILE]);
        let ground = Arc::new(Ground::new(vitals.place().path()));
        let mut rng = Rng::with_seed(self.seed);
        let begun = Instant::now();
        let mut stage = self.set(vitals, &ground).await;
        let ended = stage.play(self, &ground, &mut rng).await;
        let log = stage.serving.log();
        let count = |what: &str| log.iter().filter(|line| line.contains(what)).count();
        match ended {
            Ok(quiet) => Ok(Summary {
                counts: ground.log.counts(),
                quiet,
                loaded: count("plugin loaded") + count("plugin replaced"),
                refused: count("plugin rejected"),
                lost: ground.pulse.lost_since(begun),
            }),
            Err(()) => Err(Failure {
                campaign: self.clone(),
                report: ground.log.report(),
                log: log[log.len().saturating_sub(LAST_WORDS)..].to_vec(),
            }),
        }
    }

    /// Puts everything in its place and starts the host.
    async fn set<'a>(&self, vitals: Vitals, ground: &'a Ground) -> Stage<'a> {
        let expect = "the campaign can write its files";
        std::fs::create_dir(ground.beside(STORE)).expect(expect);
        let mut steady = Vec::new();
        for (plugin, directory) in steady::PLUGINS {
            let (version, bytes) = ground.foundry.next();
            vitals
                .place()
                .write(&format!("{directory}/{plugin}.wasm"), bytes);
            steady.push((plugin.to_owned(), version));
        }
        let mut tenants = tenants(ground);
        let checks = checks(&tenants);
        let others = tenants.split_off(tenants.len() / 2);
        let mut files = [tenants, others].map(|some| Files::new(ground, some, &self.without));
        for some in &mut files {
            some.settle_in().await.expect(expect);
        }
        let mut configuration = Configuration::new(ground, self.every, checks);
        configuration.mend().expect(expect);
        // The code of thousands of versions would drive out that of others.
        let cache = ground.beside("cache").display().to_string();
        let serving = vitals.env("XDG_CACHE_HOME", &cache).serve().await;
        Stage {
            serving,
            ground,
            files,
            configuration,
            steady,
            generations: BTreeMap::new(),
            without: self.without.as_slice().into(),
        }
    }
}

impl Stage<'_> {
    /// Lets everybody loose; answers how often all was quiet.
    async fn play(
        &mut self,
        campaign: &Campaign,
        ground: &Arc<Ground>,
        rng: &mut Rng,
    ) -> Result<u64, ()> {
        let log = &self.ground.log;
        if let Err(fault) = self.quiet(None).await {
            log.fault(&format!("before anything was done: {fault}"));
            return Err(());
        }
        let before = Runs::read(&self.serving).await;
        let probes = Probes::start(self.serving.address(), ground, rng.u64(..), &self.without);
        let begun = Instant::now();
        let (mut quiet, until) = (0, begun + campaign.time);
        while Instant::now() < until && !log.has_faults() {
            let bout = Duration::from_secs(2) + LONGEST_BOUT.mul_f64(rng.f64());
            log.note("a bout begins");
            let seeds = [rng.u64(..), rng.u64(..), rng.u64(..)];
            self.bout(seeds, until.min(Instant::now() + bout)).await;
            match self.quiet(Some(&probes)).await {
                Ok(()) => quiet += 1,
                Err(fault) => log.fault(&fault),
            }
        }
        probes.end().await;
        if !self.serving.is_running() {
            log.fault("the host has ended");
        }
        let lost = self.ground.pulse.lost_since(begun);
        match (before, Runs::read(&self.serving).await) {
            (Ok(before), Ok(after)) => {
                for fault in after.faults_since(&before, campaign.every, lost) {
                    log.fault(&fault);
                }
            }
            (before, after) => log.fault(&format!("{before:?}, {after:?}")),
        }
        if log.has_faults() { Err(()) } else { Ok(quiet) }
    }

    /// Everybody works at once.
    async fn bout(&mut self, seeds: [u64; 3], until: Instant) {
        let [some, others] = &mut self.files;
        let configuration = async {
            if !self.without.contains(&Part::Configuration) {
                self.configuration.work(seeds[2], until).await;
            }
        };
        tokio::join!(
            some.work(seeds[0], until),
            others.work(seeds[1], until),
            configuration
        );
    }

    /// Makes everything right, waits until the host is so, and takes that for the only truth.
    async fn quiet(&mut self, probes: Option<&Probes>) -> Result<(), String> {
        for files in &mut self.files {
            let mended = files.mend().await;
            mended.map_err(|error| format!("the campaign itself: {error}"))?;
        }
        let mended = self.configuration.mend();
        mended.map_err(|error| format!("the campaign itself: {error}"))?;
        self.ground.log.note("all is mended");
        let exact = self.exact();
        let checks = self.configuration.checks();
        let intervals = checks.map(|(name, line)| (name.clone(), line.interval_ms));
        let quiet = Quiet {
            ground: self.ground,
            exact: &exact,
            intervals: &intervals.collect(),
            without: &self.without,
        };
        let generations = quiet.comes(&self.serving).await?;
        self.ground.log.note("all is quiet");
        let narrow = || *self.ground.model() = exact;
        match probes {
            Some(probes) => probes.between(narrow).await,
            None => narrow(),
        }
        let result = self.unmoved(&generations);
        self.generations = generations;
        for tenant in self.files.iter_mut().flat_map(|files| &mut files.tenants) {
            tenant.is_changed = false;
        }
        result
    }

    /// What was not written anew was not loaded anew.
    fn unmoved(&self, generations: &BTreeMap<String, u64>) -> Result<(), String> {
        let tenants = self.files.iter().flat_map(|files| &files.tenants);
        let unchanged = tenants.filter(|it| !it.is_changed).map(|it| &it.name);
        let steady = self.steady.iter().map(|(name, _)| name);
        for name in unchanged.chain(steady) {
            let (before, now) = (self.generations.get(name), generations.get(name));
            if before.is_some() && before != now {
                return Err(format!(
                    "{name} was not written, and went from generation {before:?} to {now:?}"
                ));
            }
        }
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
        for (name, line) in self.configuration.checks() {
            exact.add_check(name, &line.plugin, line.critical);
        }
        for tenant in self.files.iter().flat_map(|files| &files.tenants) {
            exact.add_plugin(&tenant.name, tenant.version);
            if !exact
                .checks
                .values()
                .any(|check| check.plugin == tenant.name)
            {
                exact.add_check(&by_itself(&tenant.name), &tenant.name, false);
            }
        }
        exact
    }
}

/// The plugins that are changed. The first half is one worker's, the other one another's.
fn tenants(ground: &Ground) -> Vec<Tenant> {
    let (version, _) = ground.foundry.next();
    let half = |side: &str, more: &[(&str, Home, bool)]| {
        let plain = (0..3).map(|at| (format!("kept-{at}"), Home::Plain, false));
        let loose = (0..3).map(|at| (format!("loose-{at}"), Home::Plain, true));
        let more = more
            .iter()
            .map(|(name, home, may)| ((*name).to_owned(), *home, *may));
        let all = plain.chain(loose).chain(more);
        let tenant = |(name, home, may_leave)| {
            Tenant::new(format!("{side}-{name}"), home, may_leave, version)
        };
        all.map(tenant).collect::<Vec<_>>()
    };
    let linked = [
        ("linked", Home::Linked, false),
        ("linked-loose", Home::Linked, true),
    ];
    let mounted = ["one", "two", "three"].map(|name| (name, Home::Mounted, false));
    let mut tenants = half("a", &linked);
    tenants.extend(half("b", &mounted));
    tenants
}

/// The checks of the configuration: of most plugins two or three, of some none. Those whose file is
/// always there are critical.
fn checks(tenants: &[Tenant]) -> Vec<(String, String, bool)> {
    let mut checks = Vec::new();
    for (at, tenant) in tenants.iter().enumerate() {
        let name = &tenant.name;
        for suffix in ["", "-too", "-three"].iter().take(at % 4) {
            checks.push((format!("{name}{suffix}"), name.clone(), !tenant.may_leave));
        }
    }
    checks
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            counts,
            quiet,
            loaded,
            refused,
            lost,
        } = self;
        write!(
            f,
            "{counts}\n{loaded} plugins loaded, {refused} files refused, {quiet} times all was quiet \
             and the host showed what was on disk; the machine stood still for {lost:.1?}"
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            campaign,
            report,
            log,
        } = self;
        let log = log.join("\n  ");
        let (seconds, seed) = (campaign.time.as_secs(), campaign.seed);
        let every = campaign.every.as_millis();
        write!(
            f,
            "{report}the host's last words:\n  {log}\nrepeat it with: cargo xtask chaos --seconds \
             {seconds} --seed {seed} --every {every}"
        )?;
        let mut without = campaign.without.iter();
        without.try_for_each(|part| write!(f, " --without {}", part.name()))
    }
}

/// A bout takes so long at most, and two seconds more.
const LONGEST_BOUT: Duration = Duration::from_secs(8);
/// Lines of the host's log that a failure shows.
const LAST_WORDS: usize = 40;
