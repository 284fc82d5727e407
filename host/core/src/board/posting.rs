//! What is put on the board of a check, and what is answered to that.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use crate::schedule::JobGeneration;
use vitals_model::{Breaker, CheckName, Code, Digest, RunReport, Status};

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
