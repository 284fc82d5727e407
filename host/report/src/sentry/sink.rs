//! Reports failures to Sentry, each once.

use std::pin::Pin;
use std::time::Duration;

use super::Sentry;
use vitals_core::events::{Cause, Event, Sink};
use vitals_sandbox::LoadError;

impl Sink for Sentry {
    fn on(&self, event: &Event<'_>) {
        match *event {
            Event::Transition(transition) => {
                // A rejected plugin is reported once for all its checks, and a stale result is no
                // failure of a run.
                let is_reported = match transition.cause {
                    Cause::Run | Cause::NotRunnable => transition.is_change(),
                    Cause::PluginRejected | Cause::Expired => false,
                };
                if is_reported {
                    self.record_transition(transition);
                }
            }
            // The panic was already reported.
            Event::PluginRejected(rejected) if matches!(rejected.error, LoadError::Panic(_)) => {}
            Event::PluginRejected(rejected) => self.not_loaded(rejected),
            Event::PluginLoaded(loaded) => self.forget_failure(loaded.plugin),
            Event::PluginRecovered { plugin, .. } | Event::PluginRemoved { plugin } => {
                self.forget_failure(plugin);
            }
            Event::PluginMoved {
                plugin, from, to, ..
            } => self.plugin_moved(plugin, from, to),
            Event::ConfigurationApplied(applied) => self.set_secrets(&applied.config.secrets),
            Event::HostPanicked {
                place,
                check,
                message,
            } => self.panicked(place, check, message),
            Event::CheckUpserted { .. }
            | Event::CheckRemoved { .. }
            | Event::RunFinished { .. }
            | Event::RunWaited { .. }
            | Event::RunsSkipped { .. }
            | Event::ConfigurationRejected { .. }
            | Event::FileSystemHung => {}
        }
    }

    fn flush(&self, timeout: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.flush_within(timeout))
    }
}
