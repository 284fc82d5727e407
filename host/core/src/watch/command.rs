//! What the watcher is told by others.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use crate::native::NativeCheck;
use vitals_model::CheckName;
use vitals_model::reload::ReloadReport;

/// What the watcher is told.
#[derive(Debug)]
pub enum Command {
    /// A native check comes, or replaces the one of its name.
    Register(CheckName, NativeCheck),
    /// A native check goes.
    Unregister(CheckName),
    /// Files and configuration are to be looked at now, with the checks whose grants may be widened,
    /// and where to answer.
    Reload(BTreeSet<CheckName>, oneshot::Sender<ReloadReport>),
}
