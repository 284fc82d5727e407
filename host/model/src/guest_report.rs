//! What guests report to an error tracker, and who they are.

use super::name::{CheckName, Digest, PluginName};

/// Takes reports of guests to an error tracker.
pub trait ErrorTracker: Send + Sync {
    /// Sends a report and answers the event's id; nothing where none was sent.
    fn capture(&self, report: &GuestReport<'_>) -> Option<String>;
}

/// What a guest reports, and who it is.
#[derive(Clone, Copy, Debug)]
pub struct GuestReport<'r> {
    /// The check that it runs for.
    pub check: &'r CheckName,
    /// The plugin that it is.
    pub plugin: &'r PluginIdentity,
    /// How bad it is.
    pub level: Severity,
    /// What it says: bounded, one line, without the secrets of the configuration.
    pub message: &'r str,
}

/// Which plugin it is, down to the bytes of its file.
#[derive(Debug)]
pub struct PluginIdentity {
    /// The name: the stem of the file.
    pub name: PluginName,
    /// What it says its version is; may be empty.
    pub version: String,
    /// Of the file.
    pub digest: Digest,
}

/// How bad a log line or a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// For whoever debugs the plugin.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is about to go wrong.
    Warning,
    /// Something went wrong.
    Error,
}
