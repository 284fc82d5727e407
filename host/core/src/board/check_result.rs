//! The values that are published to the board, and the outcomes of publishing.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use crate::schedule::JobGeneration;
use vitals_model::{Breaker, CheckName, Code, Digest, RunReport, Status};

/// Facts about a check besides its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFacts {
    /// Whether the host is not ready while the check is unhealthy.
    pub critical: bool,
    /// The interval between runs, in milliseconds.
    pub interval_ms: u64,
    /// The timeout of one run, in milliseconds.
    pub timeout_ms: u64,
    /// The plugin that runs the check, or `None` for a native check.
    pub plugin: Option<PluginFacts>,
    /// The grants of the check, in the configuration's syntax.
    pub grants: Vec<String>,
}

/// The plugin of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginFacts {
    /// The name of the plugin: the stem of its file name.
    pub name: String,
    /// The version that the plugin declares, or `None` while no version could be loaded.
    pub version: Option<String>,
    /// The SHA-256 digest of the plugin's file.
    pub digest: Option<Digest>,
    /// The number of versions of the plugin that this host has loaded.
    pub generation: u64,
}

/// A result to publish.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// The job generation that produced the result.
    pub job_generation: JobGeneration,
    /// The status to show, after `fall` and `rise`.
    pub status: Status,
    /// The report of the run.
    pub report: Arc<RunReport>,
    /// The time when the run ended.
    pub checked_at: Timestamp,
    /// Consecutive failing runs.
    pub consecutive_failures: u32,
    /// The breaker, which stretches the interval.
    pub breaker: Breaker,
    /// The time of the next run, or `None` if the check does not run.
    pub next_run: Option<Timestamp>,
    /// The time when the result becomes stale, or `None` if the check does not run.
    pub stale_at: Option<Instant>,
}

/// A new job generation of a check, with its first result.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The name of the check.
    pub name: CheckName,
    /// The facts of the new job generation.
    pub facts: CheckFacts,
    /// The first result of the new job generation.
    pub result: CheckResult,
}

/// The outcome of publishing a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// The result is the first one of its check.
    First,
    /// The result replaced an earlier one.
    After(Previous),
    /// The result was discarded as late: the check has been removed, or a later job generation has
    /// a result.
    Late,
}

/// The result that a new one replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous {
    /// The status that was shown.
    pub status: Status,
    /// The error code of the last run with a status other than healthy, if it ended with an error.
    pub code: Option<Code>,
}

/// A result that has become stale.
#[derive(Clone, Debug)]
pub struct Expired {
    /// The name of the check.
    pub check: CheckName,
    /// The status that was shown before.
    pub before: Status,
    /// The facts of the check when the result was published.
    pub facts: Arc<CheckFacts>,
}
