//! Notifies receivers of transitions.

use std::pin::Pin;
use std::time::Duration;

use super::Notifier;
use vitals_core::events::{Event, Sink};

impl Sink for Notifier {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::Transition(transition) => self.record_transition(transition),
            Event::CheckRemoved { check } => self.check_removed(check),
            Event::ConfigurationApplied(applied) if applied.is_change => {
                self.apply_config(applied.config, applied.roots_changed);
            }
            _ => {}
        }
    }

    fn flush(&self, timeouts: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.shut_down(timeouts))
    }
}
