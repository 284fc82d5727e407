//! The answer to `GET /health/checks/{name}`: everything known of one check.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::fragment::{Fragment, seconds};
use super::posting::{CheckFacts, CheckResult, PluginFacts};
use vitals_model::{Denial, Measurement, Status, Text};

/// `GET /health/checks/{name}`.
#[derive(Serialize)]
pub(super) struct CheckPage<'a> {
    #[serde(flatten)]
    check: Fragment<'a>,
    #[serde(flatten)]
    facts: Facts<'a>,
    result: Option<ResultPage<'a>>,
}

impl<'a> CheckPage<'a> {
    /// The page of a check whose last result was published under other facts than hold now, perhaps.
    pub(super) fn new(
        check: Fragment<'a>,
        facts: &'a CheckFacts,
        published_under: &'a CheckFacts,
        result: Option<&'a CheckResult>,
        authorized: bool,
    ) -> Self {
        Self {
            check,
            facts: Facts::new(facts, published_under, authorized),
            result: result.map(|result| ResultPage::new(result, facts, authorized)),
        }
    }

    pub(super) fn to_json(&self) -> Bytes {
        serde_json::to_vec(self)
            .expect("a page has string keys only")
            .into()
    }
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
    denials: &'a [Denial],
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
            denials: &report.denials,
            output: &report.output,
            dropped_log_lines: report.dropped_log_lines,
        };
        let breaker = BreakerPage {
            open: result.breaker.is_open(),
            runs: result.breaker.violations(),
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
