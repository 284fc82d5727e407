//! Notifies receivers of transitions.

use std::pin::Pin;
use std::time::Duration;

use super::Notifier;
use vitals_core::events::{Event, Sink};

impl Sink for Notifier {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::Transition(transition) => self.turned(transition),
            Event::CheckRemoved { check } => self.gone(check),
            Event::ConfigurationApplied(applied) if applied.is_change => {
                self.set(applied.config, applied.roots_changed);
            }
            _ => {}
        }
    }

    fn flush(&self, patience: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.shut_down(patience))
    }
}
