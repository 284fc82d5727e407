//! Reports that guests send to an error tracker.
//!
//! This module does not know any error tracker.

use super::name::{CheckName, Digest, PluginName};

/// Sends reports of guests to an error tracker.
pub trait ErrorTracker: Send + Sync {
    /// Sends a report and returns the id of the event, or `None` if nothing was sent.
    fn capture(&self, report: &GuestReport<'_>) -> Option<String>;
}

/// A report of a guest.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GuestReport<'r> {
    /// The check that the guest runs for.
    pub check: &'r CheckName,
    /// The guest's plugin.
    pub plugin: &'r PluginIdentity,
    /// The severity of the report.
    pub level: Severity,
    /// The message: one bounded line without secrets.
    pub message: &'r str,
}

impl<'r> GuestReport<'r> {
    /// Makes a report of a check that runs on a plugin.
    pub fn new(
        check: &'r CheckName,
        plugin: &'r PluginIdentity,
        level: Severity,
        message: &'r str,
    ) -> Self {
        Self {
            check,
            plugin,
            level,
            message,
        }
    }
}

/// The identity of a plugin, which includes the digest of its file.
#[derive(Debug)]
#[non_exhaustive]
pub struct PluginIdentity {
    /// The plugin's name: the stem of its file name.
    pub name: PluginName,
    /// The version that the plugin declares. May be empty.
    pub version: String,
    /// The digest of the file.
    pub digest: Digest,
}

impl PluginIdentity {
    /// Makes the identity of a plugin.
    pub fn new(name: PluginName, version: impl Into<String>, digest: Digest) -> Self {
        Self {
            name,
            version: version.into(),
            digest,
        }
    }
}

/// The severity of a log line or a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Useful for debugging the plugin.
    Debug,
    /// Useful to know.
    Info,
    /// Something may go wrong soon.
    Warning,
    /// Something went wrong.
    Error,
}
