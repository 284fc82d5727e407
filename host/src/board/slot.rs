//! The place of one check on the board.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use serde_json::{Map, Value};

use super::page::seconds;
use crate::check::{
    Breaker, CheckName, Code, Digest, Measurement, Refusal, RunError, RunReport, Status, Text,
};
use crate::schedule::JobGeneration;

/// What is known about a check besides its results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckFacts {
    /// Whether it makes the host unready while unhealthy.
    pub critical: bool,
    /// How often it runs, in milliseconds.
    pub interval_ms: u64,
    /// How long one run may take, in milliseconds.
    pub timeout_ms: u64,
    /// What runs it; nothing for a native check.
    pub plugin: Option<PluginFacts>,
    /// What it may reach, as the operator would write it.
    pub grants: Vec<String>,
}

/// The plugin behind a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginFacts {
    /// The name: the stem of its file.
    pub name: String,
    /// Its own version; nothing while no version of it could be loaded.
    pub version: Option<String>,
    /// SHA-256 of its file.
    pub digest: Option<Digest>,
    /// How many versions of it this host has loaded.
    pub generation: u64,
}

/// A result as it is published.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// The job generation of the check that the result is of.
    pub job_generation: JobGeneration,
    /// The status to show, after `fall` and `rise`.
    pub status: Status,
    /// What the run found and cost.
    pub report: Arc<RunReport>,
    /// When the run ended.
    pub checked_at: Timestamp,
    /// Failing runs in a row.
    pub consecutive_failures: u32,
    /// By how much the interval is stretched.
    pub breaker: Breaker,
    /// When it is due again; nothing where it does not run.
    pub next_run: Option<Timestamp>,
    /// From when on the result is too old to stand; never where nothing runs.
    pub stale_at: Option<Instant>,
}

/// A new job generation of a check, with its first result.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The check.
    pub name: CheckName,
    /// What is known of it from here on.
    pub facts: CheckFacts,
    /// The result; it is of the new job generation.
    pub result: CheckResult,
}

/// What became of a result that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is the first of its check.
    First,
    /// It stands where this stood.
    After(Before),
    /// It came too late: the check has been taken off, or a later job generation of it has a result.
    Refused,
}

/// What a result stands after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The status that was shown.
    pub status: Status,
    /// How the last run ended that did not find the watched thing healthy, if not by an answer.
    pub code: Option<Code>,
}

/// A result that has become too old.
#[derive(Clone, Debug)]
pub struct Expired {
    /// The check.
    pub check: CheckName,
    /// The status that was shown before.
    pub before: Status,
    /// What was known of the check when it was published.
    pub facts: Arc<CheckFacts>,
}

/// What stands in a slot at one moment.
pub(super) struct Snapshot {
    pub(super) status: Status,
    pub(super) critical: bool,
    pub(super) full: Bytes,
    pub(super) bare: Bytes,
}

/// See [`Board::order`](super::Board::order). Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order(Arc<Mutex<()>>);

impl Order {
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.0.lock()
    }
}

#[derive(Debug)]
pub(super) struct Slot {
    name: CheckName,
    order: Order,
    job_generation: JobGeneration,
    facts: Arc<CheckFacts>,
    /// Those of the job generation before, whose run may still be going on.
    facts_before: Option<(JobGeneration, Arc<CheckFacts>)>,
    current: Mutex<Current>,
}

#[derive(Clone, Debug)]
struct Current {
    result: Option<CheckResult>,
    /// What was known of the check when the run that published began.
    published_under: Arc<CheckFacts>,
    /// How the last run ended that did not find the watched thing healthy, if not by an answer.
    failed_with: Option<Code>,
    stale: bool,
    full: Bytes,
    bare: Bytes,
}

impl Slot {
    /// The place of a check; the result that stands in the place `before` stays.
    pub(super) fn new(
        name: CheckName,
        job_generation: JobGeneration,
        facts: CheckFacts,
        before: Option<&Self>,
    ) -> Self {
        let facts = Arc::new(facts);
        let current = match before {
            None => Current::new(&name, None, Arc::clone(&facts), false),
            Some(before) => before.lock().clone().due_now(&facts),
        };
        let facts_before = before.map(|slot| (slot.job_generation, Arc::clone(&slot.facts)));
        Self {
            name,
            order: before.map(Self::order).unwrap_or_default(),
            job_generation,
            facts,
            facts_before,
            current: Mutex::new(current),
        }
    }

    pub(super) fn name(&self) -> &CheckName {
        &self.name
    }

    /// The order of its changes, which later slots of the same check go on with.
    pub(super) fn order(&self) -> Order {
        self.order.clone()
    }

    pub(super) fn facts(&self) -> &CheckFacts {
        &self.facts
    }

    /// Those of this job generation or the one before it.
    pub(super) fn facts_of(&self, job_generation: JobGeneration) -> Option<&Arc<CheckFacts>> {
        match &self.facts_before {
            _ if job_generation == self.job_generation => Some(&self.facts),
            Some((before, facts)) if *before == job_generation => Some(facts),
            _ => None,
        }
    }

    pub(super) fn status(&self) -> Status {
        self.lock().status()
    }

    pub(super) fn has_result(&self) -> bool {
        self.lock().result.is_some()
    }

    /// What stands here at one moment.
    pub(super) fn snapshot(&self) -> Snapshot {
        let current = self.lock();
        let (full, bare) = (current.full.clone(), current.bare.clone());
        Snapshot {
            status: current.status(),
            critical: self.facts.critical,
            full,
            bare,
        }
    }

    /// Posts a result, unless it comes too late.
    pub(super) fn publish(&self, result: CheckResult) -> Published {
        let mut current = self.lock();
        let newest = current.result.as_ref().map(|result| result.job_generation);
        let Some(facts) = self.facts_of(result.job_generation) else {
            return Published::Refused;
        };
        if newest.is_some_and(|newest| newest > result.job_generation) {
            return Published::Refused;
        }
        let published = match &current.result {
            None => Published::First,
            Some(_) => Published::After(Before {
                status: current.status(),
                code: current.failed_with,
            }),
        };
        let failed_with = match result.report.outcome.status() {
            Status::Healthy => current.failed_with,
            _ => result.report.error.as_ref().map(|error| error.code),
        };
        *current = Current {
            failed_with,
            ..Current::new(&self.name, Some(result), Arc::clone(facts), false)
        };
        published
    }

    /// When its result becomes too old; nothing where that changes nothing.
    pub(super) fn expires_at(&self) -> Option<Instant> {
        self.lock().expires_at()
    }

    /// Turns its result into `unknown`, if it is too old.
    pub(super) fn expire(&self, now: Instant) -> Option<Expired> {
        let mut current = self.lock();
        current.expires_at().filter(|at| *at <= now)?;
        let expired = Expired {
            check: self.name.clone(),
            before: current.status(),
            facts: Arc::clone(&current.published_under),
        };
        let result = current.result.take();
        let facts = Arc::clone(&expired.facts);
        *current = Current {
            failed_with: current.failed_with,
            ..Current::new(&self.name, result, facts, true)
        };
        Some(expired)
    }

    /// Everything known of the check, as JSON.
    pub(super) fn page(&self, authorized: bool) -> Bytes {
        let current = self.lock();
        let page = CheckPage {
            check: current.fragment(&self.name, authorized),
            facts: Facts::new(&self.facts, &current.published_under, authorized),
            result: current
                .result
                .as_ref()
                .map(|result| ResultPage::new(result, &self.facts, authorized)),
        };
        serde_json::to_vec(&page)
            .expect("a page has string keys only")
            .into()
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock()
    }
}

impl Current {
    fn new(
        name: &CheckName,
        result: Option<CheckResult>,
        published_under: Arc<CheckFacts>,
        stale: bool,
    ) -> Self {
        let mut current = Self {
            result,
            published_under,
            failed_with: None,
            stale,
            full: Bytes::new(),
            bare: Bytes::new(),
        };
        current.full = current.fragment(name, true).to_json();
        current.bare = current.fragment(name, false).to_json();
        current
    }

    /// The same result of a check that runs at once from here on, in its new time.
    fn due_now(mut self, facts: &CheckFacts) -> Self {
        if let Some(result) = &mut self.result
            && let Some(stale_at) = &mut result.stale_at
        {
            let patience = facts.timeout_ms.saturating_add(facts.interval_ms);
            *stale_at = Instant::now() + Duration::from_millis(patience);
            result.next_run = Some(Timestamp::now());
            result.breaker = Breaker::default();
        }
        self
    }

    fn fragment<'a>(&'a self, name: &'a CheckName, authorized: bool) -> Fragment<'a> {
        match &self.result {
            Some(result) => Fragment::of(name, result, self.stale, authorized),
            None => Fragment::not_run(name, authorized),
        }
    }

    fn expires_at(&self) -> Option<Instant> {
        let result = self.result.as_ref().filter(|_| !self.stale)?;
        match result.status {
            Status::Unhealthy | Status::Unknown => None,
            Status::Healthy | Status::Degraded => result.stale_at,
        }
    }

    fn status(&self) -> Status {
        match &self.result {
            Some(result) if !self.stale => result.status,
            _ => Status::Unknown,
        }
    }
}

/// One entry of `checks` in `GET /health`.
#[derive(Serialize)]
struct Fragment<'a> {
    name: &'a str,
    status: Status,
    message: &'a str,
    latency_ms: f64,
    details: &'a Map<String, Value>,
    checked_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorFragment<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ErrorFragment<'a> {
    Full(&'a RunError),
    Bare { code: Code },
}

impl<'a> Fragment<'a> {
    fn of(name: &'a CheckName, result: &'a CheckResult, stale: bool, authorized: bool) -> Self {
        let outcome = &result.report.outcome;
        let error = result.report.error.as_ref().map(|error| {
            if authorized {
                ErrorFragment::Full(error)
            } else {
                ErrorFragment::Bare { code: error.code }
            }
        });
        Self {
            name: name.as_str(),
            status: if stale {
                Status::Unknown
            } else {
                result.status
            },
            message: match (authorized, stale) {
                (false, _) => "",
                (true, true) => STALE,
                (true, false) => outcome.message().as_str(),
            },
            latency_ms: milliseconds(result.report.elapsed),
            details: if authorized {
                outcome.details()
            } else {
                &NO_DETAILS
            },
            checked_at: Some(seconds(result.checked_at)),
            error,
        }
    }

    fn not_run(name: &'a CheckName, authorized: bool) -> Self {
        Self {
            name: name.as_str(),
            status: Status::Unknown,
            message: if authorized { NOT_RUN } else { "" },
            latency_ms: 0.0,
            details: &NO_DETAILS,
            checked_at: None,
            error: None,
        }
    }

    fn to_json(&self) -> Bytes {
        serde_json::to_vec(self)
            .expect("a fragment has string keys only")
            .into()
    }
}

/// `GET /health/checks/{name}`.
#[derive(Serialize)]
struct CheckPage<'a> {
    #[serde(flatten)]
    check: Fragment<'a>,
    #[serde(flatten)]
    facts: Facts<'a>,
    result: Option<ResultPage<'a>>,
}

#[derive(Serialize)]
struct Facts<'a> {
    critical: bool,
    interval_ms: u64,
    timeout_ms: u64,
    plugin: Option<&'a PluginFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<&'a [String]>,
}

impl<'a> Facts<'a> {
    /// What holds of the check now, with the plugin that made the result.
    fn new(facts: &'a CheckFacts, published_under: &'a CheckFacts, authorized: bool) -> Self {
        Self {
            critical: facts.critical,
            interval_ms: facts.interval_ms,
            timeout_ms: facts.timeout_ms,
            plugin: published_under.plugin.as_ref().filter(|_| authorized),
            grants: authorized.then_some(&facts.grants),
        }
    }
}

#[derive(Serialize)]
struct ResultPage<'a> {
    /// What the last run itself found, before `fall` and `rise`.
    status: Status,
    consecutive_failures: u32,
    next_run: Option<Timestamp>,
    breaker: BreakerPage,
    fuel: u64,
    memory_peak_bytes: u64,
    #[serde(flatten)]
    open: Option<OpenResult<'a>>,
}

/// Whether the check runs less often than it should, and why.
#[derive(Serialize)]
struct BreakerPage {
    open: bool,
    /// Runs in a row that broke a limit.
    runs: u32,
    /// The interval in force.
    interval_ms: u64,
}

/// What only those may see who may see messages.
#[derive(Serialize)]
struct OpenResult<'a> {
    message: &'a Text,
    measurements: &'a [Measurement],
    truncated: &'a [&'static str],
    refusals: &'a [Refusal],
    output: &'a [Text],
    dropped_log_lines: u32,
}

impl<'a> ResultPage<'a> {
    fn new(result: &'a CheckResult, facts: &CheckFacts, authorized: bool) -> Self {
        let report = &result.report;
        let open = || OpenResult {
            message: report.outcome.message(),
            measurements: report.outcome.measurements(),
            truncated: report.outcome.truncated(),
            refusals: &report.refusals,
            output: &report.output,
            dropped_log_lines: report.dropped_log_lines,
        };
        let breaker = BreakerPage {
            open: result.breaker.is_open(),
            runs: result.breaker.runs_in_a_row(),
            interval_ms: facts
                .interval_ms
                .saturating_mul(result.breaker.stretch().into()),
        };
        Self {
            status: report.outcome.status(),
            breaker,
            consecutive_failures: result.consecutive_failures,
            next_run: result.next_run.map(seconds),
            fuel: report.usage.fuel,
            memory_peak_bytes: report.usage.memory_peak_bytes,
            open: authorized.then(open),
        }
    }
}

/// Milliseconds, to the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

static NO_DETAILS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
const NOT_RUN: &str = "not run yet";
pub(crate) const STALE: &str = "the last result is too old: the check has not run since";
