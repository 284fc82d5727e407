//! Asks the watcher for a reload: for `POST /-/reload`, SIGHUP and `vitals reload`.

use std::collections::BTreeSet;

use tokio::sync::{mpsc, oneshot};

use super::command::Command;
use vitals_model::CheckName;
use vitals_model::reload::ReloadReport;

/// Asks a running host to look at files and configuration now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reloader {
    commands: mpsc::UnboundedSender<Command>,
}

/// The host has been shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host is shutting down, and reloads nothing any more")]
pub struct ShutDown;

impl Reloader {
    /// Asks the watcher that reads these commands.
    pub fn new(commands: mpsc::UnboundedSender<Command>) -> Self {
        Self { commands }
    }

    /// Looks now, waits until everything that was found has been loaded or refused, and answers
    /// what changed. New files may give the checks of `accept_grants` more than the versions before
    /// them did, this once. Dropping the future undoes nothing.
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
