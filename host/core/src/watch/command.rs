//! The commands that the watcher receives.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use crate::native::NativeCheck;
use vitals_model::CheckName;
use vitals_model::reload::ReloadReport;

/// A command to the watcher.
#[derive(Debug)]
pub enum Command {
    /// Adds a native check, or replaces the one of this name. Notifies the sender when it counts.
    Register(CheckName, NativeCheck, oneshot::Sender<()>),
    /// Removes a native check.
    Unregister(CheckName),
    /// Scans files and configuration now. Carries the checks whose grants may be widened, and the
    /// channel for the answer.
    Reload(BTreeSet<CheckName>, oneshot::Sender<ReloadReport>),
}
