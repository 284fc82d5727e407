//! One host process that runs the cases of a group, one after another, beside a control check.

mod access;
mod arrival;
mod config;
mod control;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use vitals_servers::Response;

use self::config::HostConfig;
use self::control::CONTROL;
use super::case::{Body, Group, HostileCase, built, is_foul};
use super::patience::Bounds;
use super::watchdog::Watchdog;
use super::world::{OWN_NAME, World};
use crate::guests;
use crate::serving::Serving;
use crate::vitals::Vitals;

/// A host with a check for every case, none of which has its plugin yet.
pub(super) struct HostUnderTest {
    serving: Serving,
    watchdog: Watchdog,
    bounds: Bounds,
    /// The directory of the plugins of checks.
    library: String,
    /// Whether some pages are for clients with a token alone.
    is_closed: bool,
}

/// What was seen of one case.
pub(super) struct Seen {
    /// Everything known of its check; null if there was no result.
    pub(super) page: Value,
    /// The last run of the control check, in milliseconds.
    pub(super) control_ms: f64,
    /// The most memory that the host held beyond what it held before, in bytes.
    pub(super) peak: u64,
    /// What is wrong with the host or the control check.
    pub(super) faults: Vec<String>,
}

impl HostUnderTest {
    /// Starts the host and warms it up.
    pub(super) async fn open(
        group: Group,
        cases: &[HostileCase],
        world: &World,
        bounds: Bounds,
    ) -> Self {
        let config = HostConfig::new(group, cases, world, bounds.control_interval);
        let mut vitals = Vitals::new(["serve"])
            .config(&config.text)
            .env("HUNTER", SECRET)
            .env("VITALS_ADMIN_TOKEN", access::TOKEN)
            .env("RUST_BACKTRACE", "1")
            // With an arena for each thread the allocator keeps tens of MiB that nobody leaked.
            .env("MALLOC_ARENA_MAX", "1");
        let control = format!("{}/{CONTROL}.wasm", config.library);
        vitals.place().write(&control, guests::HELLO.bytes());
        if config.text.contains(OWN_NAME) {
            vitals = vitals.enclosed(world.network());
        }
        let serving = vitals.serve().await;
        let mut host = Self {
            watchdog: Watchdog::start(serving.address()),
            serving,
            bounds,
            library: config.library,
            is_closed: config.is_closed,
        };
        let warm_up = host.watch(&built("warm-up", "", guests::FILL)).await;
        assert_eq!(
            warm_up.page["status"],
            "healthy",
            "the first guest of the host: {:#}; its log: {}",
            warm_up.page,
            host.last_words()
        );
        host
    }

    /// Returns whether the host runs.
    pub(super) fn is_alive(&mut self) -> bool {
        self.serving.is_running()
    }

    /// Returns how much memory the host holds, in bytes.
    pub(super) fn resident(&self) -> u64 {
        self.serving.resident()
    }

    /// Returns the last lines of the host's log.
    pub(super) fn last_words(&self) -> String {
        let log = self.serving.log();
        log[log.len().saturating_sub(5)..].join(" | ")
    }

    /// Lets a case in, watches what happens, and takes it out again.
    pub(super) async fn watch(&mut self, case: &HostileCase) -> Seen {
        let before = self.control_runs().await;
        let said = self.serving.log().len();
        let resident = self.resident();
        self.serving.forget_peak();
        self.watchdog.take();
        let dropped = Instant::now();
        let mut faults = Vec::new();
        let page = self.let_in(case, &mut faults).await;
        if page.is_null() {
            let waited = dropped.elapsed();
            faults.push(format!("nothing came of it within {waited:?}"));
        }
        tokio::time::sleep(case.linger).await;
        faults.extend(log_faults(&self.serving.log()[said..]));
        faults.extend(self.leaks(&page, said).await);
        if self.is_closed {
            faults.extend(self.disclosures(case).await);
        }
        let control_ms = self.control_faults(before, dropped, &mut faults).await;
        let peak = self.serving.peak().saturating_sub(resident);
        if peak > MOST_PEAK {
            faults.push(format!("the host held {} MiB for it", peak >> 20));
        }
        let probes = self.watchdog.take();
        faults.extend(probes.failure);
        if probes.slowest > self.bounds.probe {
            faults.push(format!("`/health/live` took {:?}", probes.slowest));
        }
        self.remove(&self.in_library(case.name));
        Seen {
            page,
            control_ms,
            peak,
            faults,
        }
    }

    /// Waits until the host has removed every case.
    pub(super) async fn until_empty(&mut self) {
        let is_empty = async |host: &Self| match host.plugins().await.as_array() {
            Some(plugins) if plugins.len() <= 1 => Ok(()),
            _ => Err(()),
        };
        let _ = self.until(Duration::ZERO, is_empty).await;
    }

    /// The result of a case; null if there is none.
    async fn result(&mut self, case: &HostileCase) -> Value {
        let absent = format!("there is no {}.wasm in ", case.name);
        let is_known = |page: &Value| {
            let message = page["message"].as_str().unwrap_or_default();
            page["checked_at"].is_string() && !message.contains(&absent)
        };
        // While more files arrive, a result may not be the last.
        let arrives = matches!(
            case.body,
            Body::Series(_) | Body::Trickle | Body::Impostor(_)
        );
        let is_so =
            |page: &Value| is_known(page) && (!arrives || case.expected.faults(page).is_empty());
        let page = self.page_when(case.name, case.timeout, is_so).await;
        if is_known(&page) { page } else { Value::Null }
    }

    /// The page of a check once it is so; the last one if it never is.
    async fn page_when(
        &mut self,
        name: &str,
        time: Duration,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        let page = async |host: &Self| {
            let page = host.page(name).await;
            if is_so(&page) { Ok(page) } else { Err(page) }
        };
        self.until(time, page).await.unwrap_or_else(|last| last)
    }

    /// Calls `probe` until it succeeds, for as long as something may take that takes `time` by
    /// itself; the last result.
    async fn until<T>(
        &mut self,
        time: Duration,
        probe: impl AsyncFn(&Self) -> Result<T, T>,
    ) -> Result<T, T> {
        let until = Instant::now() + time + self.bounds.slack;
        loop {
            let result = probe(self).await;
            if result.is_ok() || Instant::now() >= until || !self.is_alive() {
                return result;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn page(&self, name: &str) -> Value {
        self.json(&format!("/health/checks/{name}")).await
    }

    async fn plugins(&self) -> Value {
        self.json("/plugins").await["plugins"].take()
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        answer.map(|answer| answer.json()).unwrap_or_default()
    }

    /// Gets a page as a client that may see all of it.
    async fn get(&self, path: &str) -> Result<Response, String> {
        access::get(self.serving.address(), path, Some(access::TOKEN)).await
    }

    /// Where the secret is shown that no guest may show.
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

    /// The path of a check's plugin in the host's directory.
    fn in_library(&self, name: &str) -> String {
        format!("{}/{name}.wasm", self.library)
    }

    /// Writes a file into the host's directory.
    fn put(&self, file: &str, bytes: impl AsRef<[u8]>) {
        self.serving.place().write(file, bytes);
    }

    fn path(&self, file: &str) -> PathBuf {
        self.serving.place().path().join(file)
    }

    /// Removes a file, a link, a directory or a pipe, if there is one.
    fn remove(&self, file: &str) {
        let path = self.path(file);
        if std::fs::remove_file(&path).is_err() {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// What a guest brought into the host's log that nobody may be shown.
fn log_faults(log: &[String]) -> Vec<String> {
    let count = |is_so: fn(&str) -> bool| log.iter().filter(|line| is_so(line)).count();
    let counts = [
        (count(|line| line.len() > LOG_LINE_BYTES), 0, "too long"),
        (count(|line| line.contains(is_foul)), 0, "foul"),
        (
            count(|line| line.contains("guest log")),
            LOG_LINES,
            "of the guest",
        ),
    ];
    let faults = counts.into_iter().filter(|(count, most, _)| count > most);
    faults
        .map(|(count, _, what)| format!("{count} lines of the host's log are {what}"))
        .collect()
}

/// The variable `HUNTER` of the host, which checks are told.
const SECRET: &str = "hunter2_of_the_house";
/// The length of a guest's line with what the log adds.
const LOG_LINE_BYTES: usize = 8 << 10;
/// Lines of a guest that the log takes from one run.
const LOG_LINES: usize = 64;
/// How much memory the host may hold for one case: the largest guest, its file and its results.
const MOST_PEAK: u64 = 128 << 20;
const PAUSE: Duration = Duration::from_millis(10);
