//! Requests reloads from the watcher, for `POST /-/reload`, SIGHUP and `vitals reload`.

use std::collections::BTreeSet;

use tokio::sync::{mpsc, oneshot};

use super::command::Command;
use vitals_model::CheckName;
use vitals_model::reload::ReloadReport;

/// Requests a reload of a running host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reloader {
    commands: mpsc::UnboundedSender<Command>,
}

/// The host has been shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot reload: the host is shutting down")]
pub struct ShutDown;

impl Reloader {
    /// Asks the watcher that reads these commands.
    pub fn new(commands: mpsc::UnboundedSender<Command>) -> Self {
        Self { commands }
    }

    /// Scans files and configuration now, waits until all changed plugins have been loaded or
    /// rejected, and returns the changes. New files may grant the checks of `accept_grants` more
    /// than the previous versions, this once. Dropping the future does not undo anything.
    ///
    /// # Errors
    ///
    /// The host has been shut down.
    pub async fn reload(
        &self,
        accept_grants: BTreeSet<CheckName>,
    ) -> Result<ReloadReport, ShutDown> {
        let (answer, answered) = oneshot::channel();
        let request = Command::Reload(accept_grants, answer);
        self.commands.send(request).map_err(|_| ShutDown)?;
        answered.await.map_err(|_| ShutDown)
    }
}
