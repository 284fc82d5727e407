//! What plugins count: each version of each plugin in a table of its own.
//!
//! A version counts in its own table from its first run on, also while it is tried out; shown is the
//! table of the version that serves. So nothing of a run in flight comes into the table of the next
//! version, and each version defines its metrics anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use prometheus::Counter;
use prometheus::proto::{MetricFamily, MetricType};

use super::checks::Checks;
use super::series_table::{Clash, Kind, PARTS, Series, SeriesTable, Shown, Wanted};
use vitals_model::{
    CheckName, GuestMetrics, MetricUpdate, PluginName, Sample, SampleError, VersionMetrics,
};

/// The versions that serve.
#[derive(Debug)]
pub(super) struct Guests {
    checks: Arc<Checks>,
    serving: Mutex<Serving>,
}

#[derive(Debug, Default)]
struct Serving {
    versions: BTreeMap<PluginName, Arc<Version>>,
    /// Names that two plugins use for different things and that have been told of.
    told: BTreeSet<String>,
}

/// What one version of a plugin counts.
struct Version {
    plugin: PluginName,
    guests: Weak<Guests>,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    table: SeriesTable,
    /// What each check has.
    used: HashMap<CheckName, Used>,
}

/// What one check takes of a page.
#[derive(Default)]
struct Used {
    series: usize,
    /// Bytes of text, at most.
    bytes: usize,
}

impl Guests {
    /// No version serves yet. `checks` says on which plugin a check runs.
    pub(super) fn new(checks: Arc<Checks>) -> Self {
        Self {
            checks,
            serving: Mutex::default(),
        }
    }

    /// A plugin is gone, and with it all that it counted.
    pub(super) fn remove(&self, plugin: &PluginName) {
        let mut serving = self.lock();
        let version = serving.versions.remove(plugin);
        serving.told.clear();
        drop(serving);
        // What it drops may be large.
        drop(version);
    }

    /// A check does not run on the plugin any more.
    pub(super) fn forget(&self, plugin: &str, check: &CheckName) {
        let version = self.lock().versions.get(plugin).cloned();
        if let Some(version) = version {
            version.lock().forget(|other| other != check);
        }
    }

    /// Those of all plugins. Where two plugins have metrics of the same exposed name they are one family if
    /// they are of one kind; else it belongs to the plugin whose name is first in the alphabet.
    pub(super) fn families(&self) -> Vec<MetricFamily> {
        let versions: Vec<_> = self.lock().versions.values().cloned().collect();
        let mut merged = Merged::default();
        for version in versions {
            let shown = version.lock().table.shown();
            let prefix = prefix(&version.plugin);
            for family in shown.into_iter().map(|shown: Shown| shown.family(&prefix)) {
                let name = family.name().to_owned();
                if merged.add(family) || !self.lock().told.insert(name.clone()) {
                    continue;
                }
                tracing::warn!(
                    plugin = %version.plugin,
                    metric = %name,
                    "metric left out, another plugin uses the name for something else: rename the \
                     file of one of them"
                );
            }
        }
        merged.families
    }

    fn serve(&self, version: Arc<Version>) {
        let mut serving = self.lock();
        let before = serving.versions.insert(version.plugin.clone(), version);
        serving.told.clear();
        drop(serving);
        drop(before);
    }

    fn lock(&self) -> MutexGuard<'_, Serving> {
        self.serving.lock()
    }
}

impl GuestMetrics for Guests {
    fn version(self: Arc<Self>, plugin: &PluginName) -> Arc<dyn VersionMetrics> {
        Arc::new(Version {
            plugin: plugin.clone(),
            guests: Arc::downgrade(&self),
            pages: Mutex::default(),
        })
    }
}

impl Version {
    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock()
    }
}

impl VersionMetrics for Version {
    fn record(&self, check: &CheckName, sample: &Sample<'_>) -> Result<(), SampleError> {
        let Some(guests) = self.guests.upgrade() else {
            return Ok(());
        };
        // A run that is still going on when its check is gone leaves nothing behind.
        let taken = guests.checks.while_it_runs_on(check, &self.plugin, || {
            self.lock().series(&self.plugin, check, sample)
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
            _ => unreachable!("the series is of the kind that was asked for"),
        }
        Ok(())
    }

    fn activate(self: Arc<Self>) {
        let Some(guests) = self.guests.upgrade() else {
            return;
        };
        // A check that was tried out can have gone since.
        let mut tried: BTreeSet<_> = self.lock().used.keys().cloned().collect();
        tried.retain(|check| {
            let runs_on_it = guests.checks.while_it_runs_on(check, &self.plugin, || ());
            runs_on_it.is_some()
        });
        self.lock().forget(|check| tried.contains(check));
        guests.serve(self);
    }
}

impl Pages {
    /// The series that a sample is of.
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
        let wanted = Wanted {
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
        if used.series == SERIES || used.bytes + bytes > EXPOSED_BYTES {
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

impl From<Clash> for SampleError {
    fn from(mut clash: Clash) -> Self {
        // The host's own label is nothing that the plugin gave.
        if let Clash::Labels { has, wanted, .. } = &mut clash {
            has.retain(|name| name != CHECK);
            wanted.retain(|name| name != CHECK);
        }
        Self::Conflict(clash.to_string())
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version(of {})", self.plugin)
    }
}

/// Families of many plugins under one roof.
#[derive(Default)]
struct Merged {
    families: Vec<MetricFamily>,
    /// The names of all series, each with the family that it belongs to.
    taken: HashMap<String, usize>,
}

impl Merged {
    /// Answers whether there is room for it.
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
                    // A check runs on one plugin, so that no two series are the same.
                    there.mut_metric().extend(family.take_metric());
                }
                is_same
            }
            _ => false,
        }
    }
}

/// The names of the series of a family, and its own.
fn names(family: &MetricFamily) -> Vec<String> {
    let name = family.name();
    let mut names = vec![name.to_owned()];
    if family.get_field_type() == MetricType::HISTOGRAM {
        names.extend(PARTS.map(|part| format!("{name}{part}")));
    }
    names
}

/// What the names of a plugin's metrics begin with. Prometheus has neither `.` nor `-` in names.
fn prefix(plugin: &PluginName) -> String {
    format!("plugin_{}_", plugin.as_str().replace(['.', '-'], "_"))
}

/// Adds to a counter, which stays at the greatest number there is.
fn add(counter: &Counter, amount: f64) {
    if (counter.get() + amount).is_finite() {
        counter.inc_by(amount);
    }
}

const CHECK: &str = "check";
/// Series that one check may have.
const SERIES: usize = 100;
/// Bytes of text that they may have together: a histogram is a line for each of its buckets, each with
/// all labels.
const EXPOSED_BYTES: usize = 256 << 10;
/// Prometheus wants a help of every metric.
const NO_HELP: &str = "The plugin does not say what this is.";

#[cfg(test)]
mod tests;
