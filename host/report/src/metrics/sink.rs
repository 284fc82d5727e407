//! Counts events.

use jiff::Timestamp;

use super::Metrics;
use super::registry::Registry;
use vitals_core::events::{Event, Sink};

impl Sink for Metrics {
    fn on(&self, event: &Event<'_>) {
        if let Some(registry) = &self.0 {
            registry.count(event);
        }
    }
}

impl Registry {
    fn count(&self, event: &Event<'_>) {
        let (checks, plugins, host) = (&self.checks, &self.plugins, &self.host);
        match *event {
            Event::CheckUpserted { check, facts } => {
                let plugin = facts.plugin.as_ref().map_or("", |plugin| &plugin.name);
                if let Some(before) = checks.upsert(check, plugin, facts.critical) {
                    self.guests.forget(&before, check);
                }
            }
            Event::CheckRemoved { check } => {
                if let Some(plugin) = checks.remove(check) {
                    self.guests.forget(&plugin, check);
                }
            }
            Event::RunFinished { run, checked_at } => checks.finish(run, checked_at),
            Event::RunWaited { time } => host.queue_wait.observe(time.as_secs_f64()),
            Event::RunsSkipped { reason, count, .. } => host.runs_skipped(reason, count),
            Event::PluginLoaded(loaded) => plugins.loaded(loaded),
            Event::PluginRejected(rejected) => plugins.load_failed(rejected.plugin),
            Event::PluginRecovered { plugin, .. } => plugins.restored(plugin),
            Event::PluginRemoved { plugin } => {
                plugins.remove(plugin);
                self.guests.remove(plugin);
            }
            Event::ConfigurationApplied(_) => host.config_reloaded(true, Timestamp::now()),
            Event::ConfigurationRejected { .. } => host.config_reloaded(false, Timestamp::now()),
            Event::HostPanicked { .. } => host.panics.inc(),
            Event::FileSystemHung => host.disk_hangs.inc(),
            Event::Transition(_) | Event::PluginMoved { .. } => {}
        }
    }
}
