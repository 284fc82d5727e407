//! What host and guest tell each other, in the host's own types.
//!
//! These types belong to no version of the contract. `bindings` converts between them and the types
//! of each version, and nothing else knows that there are versions.

mod http;
mod net;

use std::time::Duration;

pub(super) use self::http::*;
pub(super) use self::net::*;

use vitals_model::{CheckName, OutcomeParts, Status};

pub(super) struct CheckRequest<'a> {
    pub(super) check: &'a CheckName,
    /// The configuration of the check, a JSON object.
    pub(super) config: &'a str,
    pub(super) timeout: Duration,
    /// The status of the previous run.
    pub(super) previous: Option<Status>,
}

/// The outcome of a check, or the guest's error message.
pub(super) type CheckAnswer = Result<(Status, OutcomeParts), String>;

/// The unvalidated result of `describe`.
#[derive(Debug)]
pub(super) struct RawDescription {
    pub(super) code: String,
    pub(super) version: String,
    pub(super) summary: String,
    /// A JSON Schema.
    pub(super) config_schema: String,
    pub(super) annotations: Vec<(String, String)>,
}

/// A label of a metric.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) name: String,
    pub(super) value: String,
}

/// Why a sample was rejected.
#[derive(Debug)]
pub(super) enum MetricsError {
    /// The name, a label, a bucket or the value violates the contract.
    Invalid(String),
    /// The metric is already used with another type or other labels.
    Conflict(String),
    TooManySeries,
}

/// The metadata of a file or directory.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) is_directory: bool,
    pub(super) size_bytes: u64,
    /// Seconds since 1970.
    pub(super) modified: i64,
}

/// Why a call on a file failed.
#[derive(Debug)]
pub(super) enum FileError {
    /// No grant covers the file; the text says what to grant.
    Denied(String),
    NotFound,
    /// The reason, for a person.
    Failed(String),
}

/// The usage of a file system.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) total_bytes: u64,
    /// The space available to unprivileged users.
    pub(super) available_bytes: u64,
    pub(super) total_inodes: u64,
    pub(super) available_inodes: u64,
}

/// The machine's memory.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the contract calls them so")]
pub(super) struct Memory {
    pub(super) total_bytes: u64,
    pub(super) available_bytes: u64,
    pub(super) swap_total_bytes: u64,
    pub(super) swap_free_bytes: u64,
}

/// The machine's load.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) one: f64,
    pub(super) five: f64,
    pub(super) fifteen: f64,
    pub(super) cpus: u32,
}

/// Why a fact about the machine is not available.
#[derive(Debug)]
pub(super) enum SystemError {
    /// No grant covers the fact; the text says what to grant.
    Denied(String),
    /// The machine does not provide it; the reason, for a person.
    Unavailable(String),
}
