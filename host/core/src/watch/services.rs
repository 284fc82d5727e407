//! What the watcher works with and keeps in line, besides the catalog.

use std::sync::Arc;

use super::heartbeat::Heartbeat;
use crate::board::Board;
use crate::catalog::Names;
use crate::events::Event;
use crate::publisher::Publisher;
use crate::schedule::Schedule;
use vitals_sandbox::Sandbox;

/// What the watcher keeps in line.
pub(crate) struct Services {
    pub(crate) sandbox: Sandbox,
    pub(crate) board: Arc<Board>,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) publisher: Arc<Publisher>,
    /// Which names native checks may have.
    pub(crate) names: Names,
    /// Turned while the watcher does.
    pub(crate) beat: Arc<Heartbeat>,
}

impl Services {
    pub(super) fn emit(&self, event: &Event<'_>) {
        self.publisher.events.emit(event);
    }

    /// Counts and reports that the host's own code panicked at a `place`.
    pub(super) fn panicked(&self, place: &str) {
        self.emit(&Event::HostPanicked {
            place,
            check: None,
            message: None,
        });
    }
}
