//! Counts events.

use jiff::Timestamp;

use super::Metrics;
use vitals_core::events::{Event, Sink};

impl Sink for Metrics {
    fn on(&self, event: &Event<'_>) {
        match *event {
            Event::CheckUpserted { check, facts } => {
                let plugin = facts.plugin.as_ref().map_or("", |plugin| &plugin.name);
                self.check_upserted(check, plugin, facts.critical);
            }
            Event::CheckRemoved { check } => self.check_removed(check),
            Event::RunFinished { run, checked_at } => self.run_finished(run, checked_at),
            Event::RunWaited { time } => self.run_waited(time),
            Event::RunsSkipped { reason, count, .. } => self.runs_skipped(reason, count),
            Event::PluginLoaded(loaded) => self.plugin_loaded(
                loaded.plugin,
                loaded.version,
                loaded.digest,
                loaded.generation,
                loaded.compile_time,
            ),
            Event::PluginRejected(rejected) => self.plugin_load_failed(rejected.plugin),
            Event::PluginRecovered { plugin, .. } => self.plugin_restored(plugin),
            Event::PluginRemoved { plugin } => self.plugin_removed(plugin),
            Event::ConfigurationApplied(_) => self.config_reloaded(true, Timestamp::now()),
            Event::ConfigurationRejected { .. } => self.config_reloaded(false, Timestamp::now()),
            Event::HostPanicked { .. } => self.host_panic(),
            Event::FileSystemHung => self.disk_hung(),
            Event::Transition(_) | Event::PluginMoved { .. } => {}
        }
    }
}
