//! The commands that the watcher receives, and the handles that wait for their effect.

use std::collections::BTreeSet;

use tokio::sync::{mpsc, oneshot};

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

/// A native check that was registered. Dropping this changes nothing.
#[derive(Debug)]
pub struct Registration(pub(crate) oneshot::Receiver<()>);

/// Requests a reload of a running host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reloader(mpsc::UnboundedSender<Command>);

/// The host has been shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot reload: the host is shutting down")]
pub struct ShutDown;

impl Registration {
    /// Waits until the check counts: it is scheduled, and each answer has it from then on.
    ///
    /// # Errors
    ///
    /// The host was shut down before.
    pub async fn applied(self) -> Result<(), ShutDown> {
        self.0.await.map_err(|_| ShutDown)
    }
}

impl Reloader {
    /// Asks the watcher that reads these commands.
    pub fn new(commands: mpsc::UnboundedSender<Command>) -> Self {
        Self(commands)
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
        self.0.send(request).map_err(|_| ShutDown)?;
        answered.await.map_err(|_| ShutDown)
    }
}
