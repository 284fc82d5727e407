//! What host and guest say to each other, in types of the host's own.
//!
//! They are those of no version of the contract. `bindings` converts between them and the types of each
//! version, and nothing else knows that there are versions.

use std::time::Duration;

use vitals_model::{CheckName, OutcomeParts, Status};

/// What a guest is asked to check.
pub(super) struct CheckRequest<'a> {
    /// The check that it runs for.
    pub(super) check: &'a CheckName,
    /// The configuration of the check, a JSON object.
    pub(super) config: &'a str,
    /// How long the run may take.
    pub(super) timeout: Duration,
    /// What the last run found.
    pub(super) previous: Option<Status>,
}

/// What a guest found, or why it could not look.
pub(super) type CheckAnswer = Result<(Status, OutcomeParts), String>;

/// What a guest says about itself, as it said it.
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

/// Why a sample was not taken.
#[derive(Debug)]
pub(super) enum MetricsError {
    /// The name, a label, a bucket or the value breaks the contract.
    Invalid(String),
    /// The metric is used otherwise.
    Conflict(String),
    /// There are as many series as the host allows.
    TooManySeries,
}

/// A certificate as a guest sees it.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) issuer: String,
    /// Names and addresses that it is for.
    pub(super) names: Vec<String>,
    /// In hexadecimal.
    pub(super) serial: String,
    /// Seconds since 1970.
    pub(super) not_before: i64,
    /// Seconds since 1970.
    pub(super) not_after: i64,
    /// The digest of the whole certificate, in hexadecimal.
    pub(super) sha256: String,
}

/// What a handshake showed.
#[derive(Debug)]
pub(super) struct Handshake {
    /// As the server sent it, its own certificate first.
    pub(super) chain: Vec<Certificate>,
    pub(super) protocol: String,
    pub(super) cipher: String,
    /// Why the chain is not trusted for the name; nothing where it is.
    pub(super) verification_error: Option<String>,
}

/// Why an operation on a connection failed.
#[derive(Debug)]
pub(super) enum TlsError {
    /// No grant covers the peer; the text says what the operator would have to write.
    Denied(String),
    /// It was not over in time.
    Timeout,
    /// The peer closed the connection, or it was closed here before.
    Closed,
    /// The reason, for a person.
    Failed(String),
}

/// What is known of a file or directory.
#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) is_directory: bool,
    pub(super) size_bytes: u64,
    /// Seconds since 1970.
    pub(super) modified: i64,
}

/// Why a call for a file failed.
#[derive(Debug)]
pub(super) enum FileError {
    /// No grant covers it; the text says what the operator would have to write.
    Denied(String),
    NotFound,
    /// The reason, for a person.
    Failed(String),
}

/// The usage of a file system.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) total_bytes: u64,
    /// What an unprivileged user can still write.
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

/// Why there is no fact.
#[derive(Debug)]
pub(super) enum SystemError {
    /// No grant covers it; the text says what the operator would have to write.
    Denied(String),
    /// The machine does not tell; the reason, for a person.
    Unavailable(String),
}
