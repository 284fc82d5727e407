//! The metrics of each plugin.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::family::{self, FamilySeries, bool_value, number};
use vitals_core::events::PluginLoaded;
use vitals_model::{Digest, PluginName, Text};

/// The current plugins with their values.
#[derive(Debug, Default)]
pub(super) struct Plugins(Mutex<BTreeMap<PluginName, Values>>);

#[derive(Debug, Default)]
struct Values {
    loaded: Option<Loaded>,
    last_load_successful: bool,
    successes: u64,
    failures: u64,
}

/// The active version.
#[derive(Debug)]
struct Loaded {
    version: Text,
    digest: Digest,
    generation: u64,
    compile_time: Duration,
}

impl Plugins {
    pub(super) fn loaded(&self, loaded: &PluginLoaded<'_>) {
        let mut known = self.0.lock();
        let values = known.entry(loaded.plugin.clone()).or_default();
        values.loaded = Some(Loaded {
            version: Text::line(loaded.version, VERSION_BYTES),
            digest: loaded.digest,
            generation: loaded.generation,
            compile_time: loaded.compile_time,
        });
        values.last_load_successful = true;
        values.successes += 1;
    }

    pub(super) fn load_failed(&self, plugin: &PluginName) {
        let mut known = self.0.lock();
        let values = known.entry(plugin.clone()).or_default();
        values.last_load_successful = false;
        values.failures += 1;
    }

    pub(super) fn restored(&self, plugin: &PluginName) {
        if let Some(values) = self.0.lock().get_mut(plugin) {
            values.last_load_successful = true;
        }
    }

    pub(super) fn remove(&self, plugin: &PluginName) {
        self.0.lock().remove(plugin);
    }

    /// Adds the series of all plugins.
    pub(super) fn add_to(&self, series: &mut FamilySeries) {
        for (name, values) in &*self.0.lock() {
            let plugin = name.as_str();
            let last = bool_value(values.last_load_successful);
            series.gauge(&family::PLUGIN_LAST_LOAD_SUCCESSFUL, &[plugin], last);
            for (result, count) in [("success", values.successes), ("failure", values.failures)] {
                series.counter(&family::PLUGIN_LOADS, &[plugin, result], count);
            }
            if let Some(loaded) = &values.loaded {
                let digest = loaded.digest.to_string();
                let labels = [plugin, loaded.version.as_str(), &digest];
                series.gauge(&family::PLUGIN_INFO, &labels, 1.0);
                let versions = number(loaded.generation);
                series.gauge(&family::PLUGIN_GENERATION, &[plugin], versions);
                let took = loaded.compile_time.as_secs_f64();
                series.gauge(&family::PLUGIN_COMPILE, &[plugin], took);
            }
        }
    }
}

/// The limit on a version in a label, which is text of the guest.
const VERSION_BYTES: usize = 32;
