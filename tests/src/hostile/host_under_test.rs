//! One host process with the cases of a group in it, one after another, beside a good neighbour.

mod access;
mod arrival;
mod config;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use vitals_servers::Response;

use self::arrival::{put, remove};
use self::config::HostConfig;
use super::Patience;
use super::case::{Body, FOUL, Group, HostileCase};
use super::watchdog::Watchdog;
use super::world::{OWN_NAME, World};
use crate::guests;
use crate::serving::Serving;
use crate::vitals::Vitals;

/// A host with a check for every case, of which none has its plugin yet.
pub(super) struct HostUnderTest {
    serving: Serving,
    watchdog: Watchdog,
    patience: Patience,
    /// The directory of the plugins that checks take.
    library: PathBuf,
    /// Whether some pages are for those with a token alone.
    is_closed: bool,
    slowest_neighbour: f64,
    /// The most memory that the host held beyond what it held before the case, in bytes.
    peak: u64,
}

/// What was seen of one case.
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

impl HostUnderTest {
    /// Starts the host and lets it get warm.
    pub(super) async fn open(
        group: Group,
        cases: &[HostileCase],
        world: &World,
        patience: Patience,
    ) -> Self {
        let config = HostConfig::new(group, world, patience);
        let text = config.text(cases, world);
        let mut vitals = Vitals::new(["serve"])
            .config(&text)
            .env("HUNTER", SECRET)
            .env("VITALS_ADMIN_TOKEN", access::TOKEN)
            .env("RUST_BACKTRACE", "1")
            // With an arena for each thread the allocator keeps tens of MiB that nobody leaked.
            .env("MALLOC_ARENA_MAX", "1");
        let library = vitals.place().path().join(config.library());
        put(&library.join("neighbour.wasm"), &guests::HELLO.bytes());
        if text.contains(OWN_NAME) {
            vitals = vitals.enclosed(world.network());
        }
        let serving = vitals.serve().await;
        let mut host = Self {
            watchdog: Watchdog::start(serving.address()),
            serving,
            patience,
            library,
            is_closed: config.is_closed(),
            slowest_neighbour: 0.0,
            peak: 0,
        };
        host.warm_up().await;
        host
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

    /// The most memory that the host held beyond what it held before a case, in bytes.
    pub(super) fn peak(&self) -> u64 {
        self.peak
    }

    /// The last lines of the host's log.
    pub(super) fn last_words(&self) -> String {
        let log = self.serving.log();
        log[log.len().saturating_sub(5)..].join(" | ")
    }

    /// Lets a case in, watches what becomes of it, and takes it out again.
    pub(super) async fn watch(&mut self, case: &HostileCase) -> Seen {
        let neighbour = self.neighbour().await;
        let said = self.serving.log().len();
        let resident = self.resident();
        self.serving.forget_peak();
        self.watchdog.take();
        let dropped = Instant::now();
        let mut faults = Vec::new();
        let page = self.let_in(case, &mut faults).await;
        let took = dropped.elapsed();
        tokio::time::sleep(case.linger).await;
        if page.is_null() {
            faults.push(format!("nothing came of it within {took:?}"));
        }
        faults.extend(log_faults(&self.serving.log()[said..]));
        faults.extend(self.leaks(&page, said).await);
        if self.is_closed {
            faults.extend(self.disclosures(case).await);
        }
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
        remove(&self.path(case.name()));
        Seen { page, took, faults }
    }

    /// Waits until the host has let go of every case.
    pub(super) async fn is_empty(&self) {
        let until = Instant::now() + self.patience.longest(Duration::ZERO);
        while Instant::now() < until {
            let page = self.get("/plugins").await;
            let plugins = page.map(|answer| answer.json()["plugins"].clone());
            if plugins.is_ok_and(|all| all.as_array().is_some_and(|all| all.len() <= 1)) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn warm_up(&mut self) {
        let warm = HostileCase::new("warm-up", "").built(guests::FILL);
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
    async fn result(&mut self, case: &HostileCase) -> Value {
        let absent = format!("there is no {}.wasm in ", case.name());
        let is_known = |page: &Value| {
            let message = page["message"].as_str().unwrap_or_default();
            page["checked_at"].is_string() && !message.contains(&absent)
        };
        // What stands while others still come is not yet what must become of it.
        let is_last = matches!(
            case.body,
            Body::Series(_) | Body::Trickle(_) | Body::Impostor(..)
        );
        let is_so =
            |page: &Value| is_known(page) && (!is_last || case.expected.faults(page).is_empty());
        let page = self.page_when(case.name(), case.timeout, is_so).await;
        if is_known(&page) { page } else { Value::Null }
    }

    /// What is known of a check, once it is so; what is known last where it is not so within `time` and
    /// some patience.
    async fn page_when(
        &mut self,
        name: &str,
        time: Duration,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        let until = Instant::now() + self.patience.longest(time);
        loop {
            let page = self.page(name).await;
            if is_so(&page) || Instant::now() >= until || !self.serving.is_running() {
                return page;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn page(&self, name: &str) -> Value {
        let answer = self.get(&format!("/health/checks/{name}")).await;
        answer.map(|answer| answer.json()).unwrap_or_default()
    }

    /// Where the secret stands that no guest may show, in whatever company.
    async fn leaks(&self, page: &Value, said: usize) -> Vec<String> {
        let metrics = self.get("/metrics").await;
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
        let metrics = self.get("/metrics").await.ok()?;
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

    /// Gets a page as somebody who may see all of it.
    async fn get(&self, path: &str) -> Result<Response, String> {
        access::get(self.serving.address(), path, Some(access::TOKEN)).await
    }

    /// Where the plugin of a check lies.
    fn path(&self, name: &str) -> PathBuf {
        self.library.join(format!("{name}.wasm"))
    }

    /// Where a file is dropped in.
    fn dropped(&self, name: &str) -> PathBuf {
        self.serving.place().plugins().join(format!("{name}.wasm"))
    }
}

/// What a guest brought into the host's log that nobody may be shown.
fn log_faults(log: &[String]) -> Vec<String> {
    let long = log
        .iter()
        .filter(|line| line.len() > LOG_LINE_BYTES)
        .count();
    let foul = log.iter().filter(|line| line.contains(FOUL)).count();
    let guests = log.iter().filter(|line| line.contains("guest log")).count();
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

/// What is in the host's environment as `HUNTER`, for checks that are told it.
pub(super) const SECRET: &str = "hunter2_of_the_house";
/// What a line of a guest may come to with what the log puts around it.
const LOG_LINE_BYTES: usize = 8 << 10;
/// Lines of a guest that the log takes from one run.
const LOG_LINES: usize = 64;
const NEIGHBOUR: &str = "neighbour";
/// How much memory the host may hold for one case: the largest guest, its file and its answers.
const MOST_PEAK: u64 = 128 << 20;
const PAUSE: Duration = Duration::from_millis(10);
