//! One host process with the animals of a group in it, one after another, beside a good neighbour.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Patience;
use super::animal::{Animal, Body, FOUL, Group};
use super::watchdog::Watchdog;
use super::world::{OWN_NAME, World};
use crate::guests::{self, Guest};
use crate::serving::Serving;
use crate::vitals::Vitals;

/// A host with a check for every animal, of which none has its plugin yet.
pub(super) struct House {
    serving: Serving,
    watchdog: Watchdog,
    patience: Patience,
    slowest_neighbour: f64,
    /// The most memory that the host held beyond what it held before the animal, in bytes.
    peak: u64,
}

/// What was seen of one animal.
pub(super) struct Seen {
    /// Everything known of its check; null where nothing came.
    pub(super) page: Value,
    /// From the moment that its file was there to the moment that its result was seen.
    pub(super) took: Duration,
    /// What is wrong with the host or the neighbour.
    pub(super) faults: Vec<String>,
}

/// What the metrics say of the neighbour.
#[derive(Clone, Copy, Debug, Default)]
struct Neighbour {
    good: u64,
    bad: u64,
    skipped: u64,
}

impl House {
    /// Starts the host and lets it get warm.
    pub(super) async fn open(
        group: Group,
        animals: &[Animal],
        world: &World,
        patience: Patience,
    ) -> Self {
        let mut config = patience.config();
        config.extend([world.fill(group.host).as_str(), "\n"]);
        for animal in animals {
            let millis = animal.timeout.as_millis();
            let settings = world.fill(&animal.settings);
            let name = &animal.name;
            let check = format!("[checks.{name}]\nplugin = '{name}'\ntimeout = '{millis}ms'\n");
            config.extend([check.as_str(), &settings]);
        }
        let mut vitals = Vitals::new(["serve"])
            .config(&config)
            .env("HUNTER", SECRET)
            .env("RUST_BACKTRACE", "1")
            // With an arena for each thread the allocator keeps tens of MiB that nobody leaked.
            .env("MALLOC_ARENA_MAX", "1")
            .plugin("neighbour", guests::HELLO);
        if config.contains(OWN_NAME) {
            vitals = vitals.enclosed(world.network());
        }
        let serving = vitals.serve().await;
        let mut house = Self {
            watchdog: Watchdog::start(serving.address()),
            serving,
            patience,
            slowest_neighbour: 0.0,
            peak: 0,
        };
        house.warm_up().await;
        house
    }

    /// Whether the host still lives.
    pub(super) fn is_alive(&mut self) -> bool {
        self.serving.is_running()
    }

    /// What of the machine's memory the host holds, in bytes.
    pub(super) fn resident(&self) -> u64 {
        self.serving.resident()
    }

    /// The longest run of the neighbour that was seen, in milliseconds.
    pub(super) fn slowest_neighbour(&self) -> f64 {
        self.slowest_neighbour
    }

    /// The most memory that the host held beyond what it held before an animal, in bytes.
    pub(super) fn peak(&self) -> u64 {
        self.peak
    }

    /// The last lines of the host's log.
    pub(super) fn last_words(&self) -> String {
        let log = self.serving.log();
        log[log.len().saturating_sub(5)..].join(" | ")
    }

    /// Lets an animal in, watches what becomes of it, and takes it out again.
    pub(super) async fn watch(&mut self, animal: &Animal) -> Seen {
        let neighbour = self.neighbour().await;
        let path = self.path(animal.name());
        let said = self.serving.log().len();
        let resident = self.resident();
        self.serving.forget_peak();
        self.watchdog.take();
        let dropped = Instant::now();
        let page = match &animal.body {
            Body::Litter(files) => self.litter(&files()).await,
            Body::Crowd(crowd) => {
                let _gathered = crowd.gather(self.serving.address()).await;
                put(&path, &guests::HELLO.bytes());
                self.result(animal).await
            }
            Body::Beside(litter, guest) => self.beside(animal, *litter, *guest).await,
            body => {
                self.let_in(body, &path).await;
                self.result(animal).await
            }
        };
        let took = dropped.elapsed();
        tokio::time::sleep(animal.linger).await;
        let mut faults = Vec::new();
        if page.is_null() {
            faults.push(format!("nothing came of it within {took:?}"));
        }
        faults.extend(log_faults(&self.serving.log()[said..]));
        faults.extend(self.leaks(&page, said).await);
        if let (Some(before), Some(after)) = (neighbour, self.neighbour().await) {
            faults.extend(
                self.patience
                    .neighbour_faults(before, after, dropped.elapsed()),
            );
        } else {
            faults.push("`/metrics` is not what it should be".to_owned());
        }
        faults.extend(self.neighbour_page_fault().await);
        let peak = self.serving.peak().saturating_sub(resident);
        self.peak = self.peak.max(peak);
        if peak > MOST_PEAK {
            faults.push(format!("the host held {} MiB for it", peak >> 20));
        }
        let probes = self.watchdog.take();
        faults.extend(probes.failure);
        let slowest = self.patience.slowest_probe();
        if probes.slowest > slowest {
            faults.push(format!("`/health/live` took {:?}", probes.slowest));
        }
        remove(&path);
        Seen { page, took, faults }
    }

    /// Waits until the host has let go of every animal.
    pub(super) async fn is_empty(&self) {
        let until = Instant::now() + self.patience.longest(Duration::ZERO);
        while Instant::now() < until {
            let page = self.serving.get("/plugins").await;
            let plugins = page.map(|answer| answer.json()["plugins"].clone());
            if plugins.is_ok_and(|all| all.as_array().is_some_and(|all| all.len() <= 1)) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn warm_up(&mut self) {
        let warm = Animal::new("warm-up", "").built(guests::FILL);
        let seen = self.watch(&warm).await;
        assert_eq!(
            seen.page["status"],
            "healthy",
            "the first guest of the host: {:#}; its log: {}",
            seen.page,
            self.last_words()
        );
        self.slowest_neighbour = 0.0;
        self.peak = 0;
    }

    /// What is known of the check, once it is more than that its plugin is not there.
    async fn result(&mut self, animal: &Animal) -> Value {
        let absent = format!("there is no {}.wasm in ", animal.name());
        let until = Instant::now() + self.patience.longest(animal.timeout);
        // What stands while others still come is not yet what must become of it.
        let is_last = matches!(animal.body, Body::Series(_) | Body::Trickle(_));
        let mut last = Value::Null;
        while Instant::now() < until && self.serving.is_running() {
            let page = self.page(animal.name()).await;
            let message = page["message"].as_str().unwrap_or_default();
            if page["checked_at"].is_string() && !message.contains(&absent) {
                if !is_last || animal.expected.faults(&page).is_empty() {
                    return page;
                }
                last = page;
            }
            tokio::time::sleep(PAUSE).await;
        }
        last
    }

    async fn let_in(&self, body: &Body, path: &Path) {
        match body {
            Body::Built(guest) => put(path, &guest.bytes()),
            Body::Made(make) => put(path, &make()),
            Body::Placed(place) => place(path),
            Body::Litter(_) | Body::Crowd(_) | Body::Beside(..) => {}
            Body::Series(files) => {
                for bytes in files() {
                    put(path, &bytes);
                    tokio::time::sleep(REPLACED_AFTER).await;
                }
            }
            Body::Trickle(guest) => {
                let bytes = guest.bytes();
                let mut written = Vec::new();
                for piece in bytes.chunks(bytes.len() / TRICKLES + 1) {
                    written.extend_from_slice(piece);
                    fs::write(path, &written).expect("the file can be written");
                    tokio::time::sleep(REPLACED_AFTER).await;
                }
            }
        }
    }

    /// Drops many files in and waits until each is refused; the page of a check that sums it up.
    async fn litter(&mut self, files: &[(String, Vec<u8>)]) -> Value {
        for (name, bytes) in files {
            put(&self.path(name), bytes);
        }
        let until = Instant::now() + self.patience.longest(Duration::from_secs(20));
        let mut page = Value::Null;
        while Instant::now() < until && self.serving.is_running() {
            let health = self.serving.get("/health").await;
            let health = health.map(|answer| answer.json()).unwrap_or_default();
            let checks = health["checks"].as_array().cloned().unwrap_or_default();
            // No check names them, so that each is one by itself. (What it is called there where no
            // plugin can have its name is the host's to say.)
            let mut refused = checks.iter().filter(|check| {
                let name = check["name"].as_str().unwrap_or_default();
                name.starts_with("module:") && check["error"]["code"] == "load"
            });
            if refused.clone().count() >= files.len() {
                page = refused.next_back().cloned().unwrap_or_default();
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        for (name, _) in files {
            remove(&self.path(name));
        }
        page
    }

    /// Makes something in the plugins directory, lets a good guest in after it, and waits until everything
    /// that is there is known; the page of the guest's check, and null where something never is.
    async fn beside(&mut self, animal: &Animal, litter: fn(&Path), guest: Guest) -> Value {
        let dir = self.serving.place().plugins();
        let before = entries(&dir);
        let there = dir.clone();
        let littering = tokio::task::spawn_blocking(move || litter(&there));
        littering.await.expect("the directory takes it");
        put(&self.path(animal.name()), &guest.bytes());
        let page = self.result(animal).await;
        let until = Instant::now() + self.patience.longest(Duration::from_secs(20));
        let mut is_known = false;
        while !is_known && Instant::now() < until && self.serving.is_running() {
            let plugins = self.serving.get("/plugins").await;
            let plugins = plugins.map(|answer| answer.json()["plugins"].clone());
            let plugins = plugins.unwrap_or_default();
            let plugins = plugins.as_array().cloned().unwrap_or_default();
            let is_loading = |plugin: &Value| plugin["state"] == "loading";
            is_known = !plugins.is_empty() && !plugins.iter().any(is_loading);
            tokio::time::sleep(PAUSE).await;
        }
        for path in entries(&dir).difference(&before) {
            remove(path);
        }
        if is_known { page } else { Value::Null }
    }

    async fn page(&self, name: &str) -> Value {
        let answer = self.serving.get(&format!("/health/checks/{name}")).await;
        answer.map(|answer| answer.json()).unwrap_or_default()
    }

    /// Where the secret stands that no guest may show, in whatever company.
    async fn leaks(&self, page: &Value, said: usize) -> Vec<String> {
        let metrics = self.serving.get("/metrics").await;
        let metrics = metrics.map(|answer| answer.text().to_owned());
        let shown = [
            ("its page", page.to_string()),
            ("`/metrics`", metrics.unwrap_or_default()),
            ("the host's log", self.serving.log()[said..].join("\n")),
        ];
        let has_secret = |text: &str| {
            let seen: String = text.chars().filter(char::is_ascii).collect();
            seen.contains(SECRET)
        };
        let leaks = shown.iter().filter(|(_, text)| has_secret(text));
        leaks
            .map(|(what, _)| format!("{what} shows a secret"))
            .collect()
    }

    async fn neighbour_page_fault(&mut self) -> Option<String> {
        let page = self.page(NEIGHBOUR).await;
        let latency = page["latency_ms"].as_f64().unwrap_or_default();
        self.slowest_neighbour = self.slowest_neighbour.max(latency);
        if page["status"] != "healthy" || page["message"] != "hello" {
            return Some(format!(
                "the neighbour is {}: {}",
                page["status"], page["message"]
            ));
        }
        let most = self.patience.neighbour_latency_ms();
        (latency > most).then(|| format!("the neighbour took {latency} ms"))
    }

    async fn neighbour(&self) -> Option<Neighbour> {
        let metrics = self.serving.get("/metrics").await.ok()?;
        let mut neighbour = Neighbour::default();
        let series = metrics.text().lines().filter(|line| !line.starts_with('#'));
        for line in series {
            // A guest that could end a line could write others.
            let (series, value) = line.rsplit_once(' ')?;
            value.parse::<f64>().ok()?;
            let value = || value.parse().unwrap_or(0);
            let of_neighbour = format!("check=\"{NEIGHBOUR}\"");
            if series.starts_with("vitals_check_runs_total{") && series.contains(&of_neighbour) {
                if series.contains("result=\"healthy\"") {
                    neighbour.good += value();
                } else {
                    neighbour.bad += value();
                }
            } else if series.starts_with("vitals_runs_skipped_total") {
                neighbour.skipped += value();
            }
        }
        Some(neighbour)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.serving.place().plugins().join(format!("{name}.wasm"))
    }
}

impl Patience {
    /// The configuration of a host, but for the animals.
    fn config(self) -> String {
        let every = self.neighbour_interval().as_millis();
        let mut config = String::new();
        let written = write!(
            config,
            "[server]\nlisten = '127.0.0.1:0'\n[plugins]\nrescan = '20ms'\n\
             [metrics]\nenabled = true\n[defaults]\ninterval = '1h'\n\
             [checks.{NEIGHBOUR}]\nplugin = 'neighbour'\ninterval = '{every}ms'\n\
             timeout = '{every}ms'\n\
             [checks.warm-up]\nplugin = 'warm-up'\ntimeout = '30s'\nconfig = {{ mebibytes = 48 }}\n",
        );
        written.expect("memory takes it");
        config
    }

    fn neighbour_interval(self) -> Duration {
        match self {
            Self::Busy => Duration::from_secs(1),
            Self::Quiet => Duration::from_millis(100),
        }
    }

    /// How long a run of the neighbour may take: the promise is 50 ms over what it takes alone,
    /// which is nothing.
    fn neighbour_latency_ms(self) -> f64 {
        match self {
            Self::Busy => 1000.0,
            Self::Quiet => 50.0,
        }
    }

    /// How long `/health/live` may take.
    fn slowest_probe(self) -> Duration {
        match self {
            Self::Busy => Duration::from_secs(2),
            Self::Quiet => Duration::from_millis(200),
        }
    }

    fn neighbour_faults(self, before: Neighbour, after: Neighbour, time: Duration) -> Vec<String> {
        let mut faults = Vec::new();
        if after.bad > before.bad {
            let bad = after.bad - before.bad;
            faults.push(format!("the neighbour failed {bad} times"));
        }
        if after.skipped > before.skipped {
            let skipped = after.skipped - before.skipped;
            faults.push(format!("{skipped} runs were skipped"));
        }
        let due = time.as_secs_f64() / self.neighbour_interval().as_secs_f64();
        let ran = u32::try_from(after.good - before.good).unwrap_or(u32::MAX);
        // One is on its way, and its moment is anywhere within the interval.
        if f64::from(ran) < (due - 2.0).floor() {
            faults.push(format!(
                "the neighbour ran {ran} times where {due:.0} were due"
            ));
        }
        faults
    }

    /// How long something is waited for that takes `time` by itself.
    fn longest(self, time: Duration) -> Duration {
        time + match self {
            Self::Busy => Duration::from_secs(30),
            Self::Quiet => Duration::from_secs(12),
        }
    }
}

/// What a guest brought into the host's log that nobody may be shown.
fn log_faults(log: &[String]) -> Vec<String> {
    let long = log
        .iter()
        .filter(|line| line.len() > LOG_LINE_BYTES)
        .count();
    let foul = log.iter().filter(|line| line.contains(FOUL)).count();
    let guests = log
        .iter()
        .filter(|line| line.contains("guest says"))
        .count();
    let mut faults = Vec::new();
    for (count, most, what) in [
        (long, 0, "too long"),
        (foul, 0, "foul"),
        (guests, LOG_LINES, "of the guest"),
    ] {
        if count > most {
            faults.push(format!("{count} lines of the host's log are {what}"));
        }
    }
    faults
}

fn entries(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(dir).expect("it is there");
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

fn put(path: &Path, bytes: &[u8]) {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, path))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

/// Whatever lies there goes: a file, a link, a directory, a pipe.
fn remove(path: &Path) {
    if fs::remove_file(path).is_err() {
        // It may have been nothing but an idea.
        let _ = fs::remove_dir_all(path);
    }
}

/// What is in the host's environment as `HUNTER`, for checks that are told it.
pub(super) const SECRET: &str = "hunter2_of_the_house";
/// What a line of a guest may come to with what the log puts around it.
const LOG_LINE_BYTES: usize = 8 << 10;
/// Lines of a guest that the log takes from one run.
const LOG_LINES: usize = 64;
const NEIGHBOUR: &str = "neighbour";
/// How much memory the host may hold for one animal: the largest guest, its file and its answers.
const MOST_PEAK: u64 = 128 << 20;
const PAUSE: Duration = Duration::from_millis(10);
/// How long a file of a series stands.
const REPLACED_AFTER: Duration = Duration::from_millis(10);
/// In how many pieces a file comes that comes slowly.
const TRICKLES: usize = 20;
