//! The metrics of each plugin.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use prometheus::proto::MetricFamily;

use super::family::{self, bool_value, number};
use vitals_model::{Digest, PluginName, Text};

/// The current plugins with their values.
#[derive(Debug, Default)]
pub(super) struct Plugins {
    known: Mutex<BTreeMap<PluginName, Values>>,
}

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
    compile: Duration,
}

impl Plugins {
    pub(super) fn loaded(
        &self,
        plugin: &PluginName,
        version: &str,
        digest: Digest,
        generation: u64,
        compile: Duration,
    ) {
        let version = Text::line(version, VERSION_BYTES);
        let mut known = self.lock();
        let values = known.entry(plugin.clone()).or_default();
        values.loaded = Some(Loaded {
            version,
            digest,
            generation,
            compile,
        });
        values.last_load_successful = true;
        values.successes += 1;
    }

    pub(super) fn load_failed(&self, plugin: &PluginName) {
        let mut known = self.lock();
        let values = known.entry(plugin.clone()).or_default();
        values.last_load_successful = false;
        values.failures += 1;
    }

    pub(super) fn restored(&self, plugin: &PluginName) {
        if let Some(values) = self.lock().get_mut(plugin) {
            values.last_load_successful = true;
        }
    }

    pub(super) fn remove(&self, plugin: &PluginName) {
        self.lock().remove(plugin);
    }

    pub(super) fn families(&self) -> impl Iterator<Item = MetricFamily> {
        let known = self.lock();
        let (mut info, mut generation, mut compile) = (Vec::new(), Vec::new(), Vec::new());
        let (mut successful, mut loads) = (Vec::new(), Vec::new());
        for (name, values) in &*known {
            let plugin = name.as_str();
            let last = bool_value(values.last_load_successful);
            successful.push(family::PLUGIN_LAST_LOAD_SUCCESSFUL.gauge(&[plugin], last));
            for (result, count) in [("success", values.successes), ("failure", values.failures)] {
                loads.push(family::PLUGIN_LOADS.counter(&[plugin, result], count));
            }
            if let Some(loaded) = &values.loaded {
                let digest = loaded.digest.to_string();
                let labels = [plugin, loaded.version.as_str(), &digest];
                info.push(family::PLUGIN_INFO.gauge(&labels, 1.0));
                let versions = number(loaded.generation);
                generation.push(family::PLUGIN_GENERATION.gauge(&[plugin], versions));
                let took = loaded.compile.as_secs_f64();
                compile.push(family::PLUGIN_COMPILE.gauge(&[plugin], took));
            }
        }
        [
            family::PLUGIN_INFO.of(info),
            family::PLUGIN_GENERATION.of(generation),
            family::PLUGIN_COMPILE.of(compile),
            family::PLUGIN_LAST_LOAD_SUCCESSFUL.of(successful),
            family::PLUGIN_LOADS.of(loads),
        ]
        .into_iter()
        .flatten()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PluginName, Values>> {
        self.known.lock()
    }
}

/// The limit on a version in a label, which is text of the guest.
const VERSION_BYTES: usize = 32;
