//! The body of `GET /health/checks/{name}`: everything known about one check.

use jiff::Timestamp;
use serde::Serialize;

use super::check_result::{CheckFacts, CheckResult, PluginFacts};
use super::fragment::{Fragment, seconds};
use vitals_model::{Denial, Measurement, Status, Text};

/// The body of `GET /health/checks/{name}`.
#[derive(Serialize)]
pub(super) struct CheckPage<'a> {
    #[serde(flatten)]
    check: Fragment<'a>,
    critical: bool,
    interval_ms: u64,
    timeout_ms: u64,
    /// The plugin that produced the result.
    plugin: Option<&'a PluginFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grants: Option<&'a [String]>,
    result: Option<ResultPage<'a>>,
}

impl<'a> CheckPage<'a> {
    /// Builds the page of a check. `published_under` are the facts that its last result was
    /// published under; they may be older than `facts`.
    pub(super) fn new(
        check: Fragment<'a>,
        facts: &'a CheckFacts,
        published_under: &'a CheckFacts,
        result: Option<&'a CheckResult>,
        authorized: bool,
    ) -> Self {
        Self {
            check,
            critical: facts.critical,
            interval_ms: facts.interval_ms,
            timeout_ms: facts.timeout_ms,
            plugin: published_under.plugin.as_ref().filter(|_| authorized),
            grants: authorized.then_some(&facts.grants),
            result: result.map(|result| ResultPage::new(result, facts, authorized)),
        }
    }
}

#[derive(Serialize)]
struct ResultPage<'a> {
    /// The status that the last run found, before `fall` and `rise`.
    status: Status,
    consecutive_failures: u32,
    next_run: Option<Timestamp>,
    breaker: BreakerPage,
    fuel: u64,
    memory_peak_bytes: u64,
    #[serde(flatten)]
    open: Option<PrivateResult<'a>>,
}

/// Whether the breaker stretches the interval of the check, and after how many runs.
#[derive(Serialize)]
struct BreakerPage {
    open: bool,
    /// Consecutive runs that exceeded a limit.
    runs: u32,
    /// The current interval.
    interval_ms: u64,
}

/// Fields hidden from unauthenticated clients.
#[derive(Serialize)]
struct PrivateResult<'a> {
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
        let open = || PrivateResult {
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
