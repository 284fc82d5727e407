//! The parts of the host that the watcher works with, besides the catalog.

use std::sync::Arc;

use super::heartbeat::Heartbeat;
use crate::board::Board;
use crate::catalog::ReservedNames;
use crate::events::Event;
use crate::publisher::Publisher;
use crate::schedule::Schedule;
use vitals_sandbox::Sandbox;

/// The parts of the host that the watcher works with.
pub(crate) struct Services {
    pub(crate) sandbox: Sandbox,
    pub(crate) board: Arc<Board>,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) publisher: Arc<Publisher>,
    /// The names that native checks can't have.
    pub(crate) names: ReservedNames,
    /// Beats with each iteration of the watcher.
    pub(crate) heartbeat: Arc<Heartbeat>,
}

impl Services {
    pub(super) fn emit(&self, event: &Event<'_>) {
        self.publisher.events.emit(event);
    }

    /// Emits the event that the host's own code panicked at a `place`.
    pub(super) fn panicked(&self, place: &str) {
        self.emit(&Event::HostPanicked {
            place,
            check: None,
            message: None,
        });
    }
}
