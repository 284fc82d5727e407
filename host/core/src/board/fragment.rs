//! The JSON fragment of one check, which pages are assembled from.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::check_result::CheckResult;
use vitals_model::{CheckName, Code, RunError, Status};

/// One entry of `checks` in `GET /health`.
#[derive(Serialize)]
pub(super) struct Fragment<'a> {
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
    pub(super) fn new(
        name: &'a CheckName,
        result: &'a CheckResult,
        stale: bool,
        authorized: bool,
    ) -> Self {
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

    pub(super) fn not_run(name: &'a CheckName, authorized: bool) -> Self {
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
}

/// Writes a page or a fragment as JSON.
pub(super) fn to_json(page: &impl Serialize) -> Bytes {
    let json = serde_json::to_vec(page);
    json.expect("all keys are strings").into()
}

/// Truncates a timestamp to whole seconds, as pages show it: RFC 3339, UTC.
pub(super) fn seconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// Converts to milliseconds, rounded to the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

static NO_DETAILS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
const NOT_RUN: &str = "not run yet";
pub(crate) const STALE: &str = "the last result is too old: the check has not run since";
