//! The metrics of plugins, in a separate table for each version of each plugin.
//!
//! A version uses its own table from its first run on, including trial runs, and only the table of
//! the active version is shown. A run in flight therefore never writes to the table of the next
//! version, and each version defines its metrics anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use prometheus::Counter;
use prometheus::proto::{MetricFamily, MetricType};

use super::checks::Checks;
use super::series_table::{Kind, PARTS, Series, SeriesConflict, SeriesRequest, SeriesTable};
use vitals_model::{
    CheckName, GuestMetrics, MetricUpdate, PluginName, Sample, SampleError, VersionMetrics,
};

/// The metrics of the active versions.
#[derive(Debug)]
pub(super) struct Guests {
    checks: Arc<Checks>,
    active: Mutex<ActiveVersions>,
}

#[derive(Debug, Default)]
struct ActiveVersions {
    versions: BTreeMap<PluginName, Arc<Version>>,
    /// Names that were logged because two plugins use them for different metrics.
    reported: BTreeSet<String>,
}

/// The metrics of one version of a plugin.
struct Version {
    plugin: PluginName,
    guests: Weak<Guests>,
    series: Mutex<VersionTable>,
}

#[derive(Default)]
struct VersionTable {
    table: SeriesTable,
    /// The use of the table by each check.
    used: HashMap<CheckName, CheckUsage>,
}

/// The part of a table that one check uses.
#[derive(Default)]
struct CheckUsage {
    series: usize,
    /// The limit on bytes of text.
    bytes: usize,
}

impl Guests {
    /// Creates an empty value. `checks` tells which plugin a check runs on.
    pub(super) fn new(checks: Arc<Checks>) -> Self {
        Self {
            checks,
            active: Mutex::default(),
        }
    }

    /// Removes a plugin and all its metrics.
    pub(super) fn remove(&self, plugin: &PluginName) {
        let mut active = self.active.lock();
        let version = active.versions.remove(plugin);
        active.reported.clear();
        drop(active);
        // Dropping it may take long.
        drop(version);
    }

    /// Removes the series of a check that no longer runs on the plugin.
    pub(super) fn forget(&self, plugin: &str, check: &CheckName) {
        let version = self.active.lock().versions.get(plugin).cloned();
        if let Some(version) = version {
            version.series.lock().forget(|other| other != check);
        }
    }

    /// Returns the metrics of all plugins. Metrics of two plugins with the same exposed name become
    /// one family if they have the same type. Otherwise the name belongs to the first plugin in
    /// alphabetical order.
    pub(super) fn families(&self) -> Vec<MetricFamily> {
        let versions: Vec<_> = self.active.lock().versions.values().cloned().collect();
        let mut merged = MergedFamilies::default();
        for version in versions {
            let table = version.series.lock().table.clone();
            for family in table.families(&prefix(&version.plugin)) {
                let name = family.name().to_owned();
                if merged.add(family) || !self.active.lock().reported.insert(name.clone()) {
                    continue;
                }
                tracing::warn!(
                    plugin = %version.plugin,
                    metric = %name,
                    "metric dropped, another plugin uses the name for a different metric: rename \
                     the file of one of them"
                );
            }
        }
        merged.families
    }

    fn serve(&self, version: Arc<Version>) {
        let mut active = self.active.lock();
        let before = active.versions.insert(version.plugin.clone(), version);
        active.reported.clear();
        drop(active);
        drop(before);
    }
}

impl GuestMetrics for Guests {
    fn version(self: Arc<Self>, plugin: &PluginName) -> Arc<dyn VersionMetrics> {
        Arc::new(Version {
            plugin: plugin.clone(),
            guests: Arc::downgrade(&self),
            series: Mutex::default(),
        })
    }
}

impl VersionMetrics for Version {
    fn record(&self, check: &CheckName, sample: &Sample<'_>) -> Result<(), SampleError> {
        let Some(guests) = self.guests.upgrade() else {
            return Ok(());
        };
        // A run that is still in flight when its check is removed leaves no series.
        let taken = guests.checks.while_running_on(check, &self.plugin, || {
            self.series.lock().series(&self.plugin, check, sample)
        });
        let Some(series) = taken.transpose()? else {
            return Ok(());
        };
        match (series, sample.update) {
            (Series::Counter(counter), MetricUpdate::Add(amount)) => add(&counter, amount),
            (Series::Gauge(gauge), MetricUpdate::Set(value)) => gauge.set(value),
            (Series::Histogram(histogram), MetricUpdate::Observe { value, .. }) => {
                histogram.observe(value);
            }
            _ => unreachable!("the series is of the requested kind"),
        }
        Ok(())
    }

    fn activate(self: Arc<Self>) {
        let Some(guests) = self.guests.upgrade() else {
            return;
        };
        // A check that made a trial run may have been removed since.
        let mut tried: BTreeSet<_> = self.series.lock().used.keys().cloned().collect();
        tried.retain(|check| {
            let runs_on_it = guests.checks.while_running_on(check, &self.plugin, || ());
            runs_on_it.is_some()
        });
        self.series.lock().forget(|check| tried.contains(check));
        guests.serve(self);
    }
}

impl VersionTable {
    /// Returns the series of a sample.
    fn series(
        &mut self,
        plugin: &PluginName,
        check: &CheckName,
        sample: &Sample<'_>,
    ) -> Result<Series, SampleError> {
        let (kind, buckets) = match sample.update {
            MetricUpdate::Add(_) => (Kind::Counter, &[][..]),
            MetricUpdate::Set(_) => (Kind::Gauge, &[][..]),
            MetricUpdate::Observe { buckets, .. } => (Kind::Histogram, buckets),
        };
        let own = sample.labels.iter();
        let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
        let labels: Vec<_> = [(CHECK, check.as_str())].into_iter().chain(own).collect();
        let wanted = SeriesRequest {
            name: sample.name,
            kind,
            labels: &labels,
            buckets,
        };
        if let Some(series) = self.table.find(&wanted)? {
            return Ok(series);
        }
        let bytes = self.table.exposed_bytes(&wanted, prefix(plugin).len());
        let used = self.used.entry(check.clone()).or_default();
        if used.series == MAX_SERIES || used.bytes + bytes > MAX_EXPOSED_BYTES {
            return Err(SampleError::TooManySeries);
        }
        used.series += 1;
        used.bytes += bytes;
        let help = || {
            let said = String::from((sample.help)());
            if said.trim().is_empty() {
                NO_HELP.to_owned()
            } else {
                said
            }
        };
        Ok(self.table.add(&wanted, help))
    }

    fn forget(&mut self, stays: impl Fn(&CheckName) -> bool) {
        self.used.retain(|check, _| stays(check));
        let used = &self.used;
        self.table.retain(|check| used.contains_key(check));
    }
}

impl From<SeriesConflict> for SampleError {
    fn from(mut conflict: SeriesConflict) -> Self {
        // The host adds the label `check`, so errors for the plugin leave it out.
        if let SeriesConflict::Labels { has, wanted, .. } = &mut conflict {
            has.retain(|name| name != CHECK);
            wanted.retain(|name| name != CHECK);
        }
        Self::Conflict(conflict.to_string())
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version(of {})", self.plugin)
    }
}

/// The families of many plugins.
#[derive(Default)]
struct MergedFamilies {
    families: Vec<MetricFamily>,
    /// The names of all series, each with the index of its family.
    taken: HashMap<String, usize>,
}

impl MergedFamilies {
    /// Adds a family. Returns whether its names were free or fit an existing family.
    fn add(&mut self, mut family: MetricFamily) -> bool {
        let names = names(&family);
        let taken: BTreeSet<_> = names.iter().map(|name| self.taken.get(name)).collect();
        match taken.into_iter().collect::<Vec<_>>()[..] {
            [None] => {
                let place = self.families.len();
                let names = names.into_iter().map(|name| (name, place));
                self.taken.extend(names);
                self.families.push(family);
                true
            }
            [Some(&place)] => {
                let there = &mut self.families[place];
                let is_same = there.name() == family.name()
                    && there.get_field_type() == family.get_field_type();
                if is_same {
                    // A check runs on one plugin, so that no series appears twice.
                    there.mut_metric().extend(family.take_metric());
                }
                is_same
            }
            _ => false,
        }
    }
}

/// Returns the name of a family and of all its series.
fn names(family: &MetricFamily) -> Vec<String> {
    let name = family.name();
    let mut names = vec![name.to_owned()];
    if family.get_field_type() == MetricType::HISTOGRAM {
        names.extend(PARTS.map(|part| format!("{name}{part}")));
    }
    names
}

/// Returns the prefix of a plugin's metrics. Metric names can't contain `.` or `-`.
fn prefix(plugin: &PluginName) -> String {
    format!("plugin_{}_", plugin.as_str().replace(['.', '-'], "_"))
}

/// Adds to a counter, unless the sum would overflow.
fn add(counter: &Counter, amount: f64) {
    if (counter.get() + amount).is_finite() {
        counter.inc_by(amount);
    }
}

const CHECK: &str = "check";
/// The limit on series of one check.
const MAX_SERIES: usize = 100;
/// The limit on bytes of text of one check's series. A histogram has a line for each bucket, each
/// with all labels.
const MAX_EXPOSED_BYTES: usize = 256 << 10;
/// Prometheus expects a HELP text for every metric.
const NO_HELP: &str = "The plugin does not say what this is.";

#[cfg(test)]
mod tests;
