//! The loaded plugins with their generations, and the state of each check.
//!
//! A failed load is kept as a value beside the active version. This module loads and binds; it runs
//! no check and shows no result.

mod apply;
mod baseline;
mod binding;
mod candidate;
mod check_configs;
mod check_error;
mod check_state;
mod files;
mod load_request;
mod names;
mod page;
mod plugin_entry;
mod resolve_state;
mod stamp;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use baseline::GrantBaseline;
use binding::Binder;
pub(crate) use binding::{BIND_TIME, CheckBinding, UnboundCheck, bind_all};
pub(crate) use candidate::{BoundCandidate, Candidate};
pub(crate) use check_configs::Revision;
use check_configs::{CheckConfigs, RejectedUnder};
pub(crate) use check_error::{BindError, CheckError, NotRegistered};
pub(crate) use check_state::{CheckState, CheckStates, GuestCheck};
pub(crate) use files::{DirectoryError, Excess, Files, link_directories};
use files::{InvalidPluginFile, Keep, PluginFile};
use jiff::Timestamp;
pub(crate) use load_request::{LoadRequest, Source};
pub use names::{RegisterError, ReservedNames};
pub(crate) use page::ConfigurationPage;
pub(crate) use plugin_entry::{LastSeen, LoadOutcome, PluginEntry, Recorded, Restored};
pub(crate) use stamp::Stamp;

use crate::native::NativeCheck;
use vitals_config::{CheckConfig, Config, Environment};
use vitals_model::{CheckName, Digest, PluginName};
use vitals_sandbox::{Plugin, Task};

/// The loaded plugins and the checks of one configuration.
#[derive(Debug)]
pub(crate) struct Catalog {
    config: Arc<Config>,
    binder: Binder,
    check_configs: CheckConfigs,
    files: Files,
    entries: BTreeMap<PluginName, PluginEntry>,
    /// The last grants of each check. They are kept when the plugin's file is removed, so that
    /// removing and adding a file does not bypass the widening rule.
    grant_baselines: BTreeMap<CheckName, GrantBaseline>,
    /// The configurations of checks because of which the newest file of their plugin was rejected.
    rejected: BTreeMap<PluginName, RejectedUnder>,
    revision: Revision,
    natives: BTreeMap<CheckName, NativeCheck>,
    /// The last binding of each check, with its result.
    bindings: BTreeMap<CheckName, CheckBinding>,
    /// The placeholder checks for files with an invalid plugin name.
    placeholders: BTreeMap<CheckName, InvalidPluginFile>,
}

/// What a scan of the directories changed.
#[derive(Debug)]
pub(crate) struct ScanChanges {
    /// The plugins that left the catalog because their file is gone.
    pub(crate) removed: Vec<PluginName>,
    /// Whether anything changed.
    pub(crate) changed: bool,
}

impl Catalog {
    /// Creates an empty catalog.
    pub(crate) fn new(config: Arc<Config>, environment: Environment) -> Self {
        Self {
            check_configs: CheckConfigs::new(&config),
            binder: Binder {
                config: Arc::clone(&config),
                environment,
            },
            config,
            files: Files::default(),
            entries: BTreeMap::new(),
            grant_baselines: BTreeMap::new(),
            rejected: BTreeMap::new(),
            revision: Revision::default(),
            natives: BTreeMap::new(),
            bindings: BTreeMap::new(),
            placeholders: BTreeMap::new(),
        }
    }

    /// Returns the current configuration.
    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Replaces the files with those of a new scan. A directory that could not be read keeps its
    /// files.
    pub(crate) fn set_files(&mut self, files: Files) -> ScanChanges {
        let files = files.with_earlier(&self.files);
        let before = std::mem::replace(&mut self.files, files);
        let is_removed = |name: &&PluginName| self.file(name).is_none();
        let removed: BTreeSet<_> = self.entries.keys().filter(is_removed).cloned().collect();
        for name in &removed {
            self.entries.remove(name);
        }
        let bound = self.bindings.len();
        // Each scan retries transient failures. Bindings of removed plugins are dropped, because
        // they keep the code in memory.
        self.bindings
            .retain(|_, bound| !bound.is_transient() && !removed.contains(bound.plugin.name()));
        ScanChanges {
            changed: self.files != before || self.bindings.len() != bound || !removed.is_empty(),
            removed: removed.into_iter().collect(),
        }
    }

    /// Returns the plugins whose files a scan must list, regardless of the number of other files.
    pub(crate) fn keep(&self) -> Keep {
        Keep {
            named: self.check_configs.named.clone(),
            known: self.files.in_dir.keys().cloned().collect(),
            auto: self.config.plugins.auto,
        }
    }

    /// Returns the plugins with an unused file in the plugins directory, because their checks use
    /// the library.
    pub(crate) fn ignored_in_dir(&self) -> BTreeSet<PluginName> {
        let names = self.check_configs.by_plugin.keys();
        let is_ignored = |name: &&PluginName| {
            !self.files.is_one_directory
                && self.files.in_dir.contains_key(*name)
                && self
                    .file(name)
                    .is_some_and(|(source, _)| source == Source::Library)
        };
        names.filter(is_ignored).cloned().collect()
    }

    /// Returns the result of the last scan.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Returns the files to load: those of plugins that checks name, and those in the plugins
    /// directory. Files in an unreadable directory are left out, and plugins loaded from them stay.
    pub(crate) fn load_requests(&self) -> Vec<LoadRequest> {
        let named = self.check_configs.by_plugin.keys();
        let dropped_in = self.files.in_dir.keys();
        let dropped_in =
            dropped_in.filter(|name| !self.check_configs.by_plugin.contains_key(*name));
        named
            .chain(dropped_in)
            .filter_map(|name| self.load_request(name))
            .collect()
    }

    /// Returns the file of a plugin to load, if there is one and it can be read.
    pub(crate) fn load_request(&self, name: &PluginName) -> Option<LoadRequest> {
        let (source, file) = self.file(name)?;
        let is_readable = self.files.can_read(&file.path);
        is_readable.then(|| LoadRequest {
            name: name.clone(),
            path: file.path.clone(),
            source,
            stamp: file.stamp,
            is_named: self.is_named(name),
            pinned: self.pinned(name, source),
        })
    }

    /// Returns the file of a plugin and its directory. Checks of the configuration use the library.
    /// If all of them have `dir = true`, the plugins directory comes first.
    fn file(&self, name: &PluginName) -> Option<(Source, &PluginFile)> {
        let dir = self.files.in_dir.get(name).map(|file| (Source::Dir, file));
        let Some(checks) = self.check_configs.by_plugin.get(name) else {
            return dir.filter(|_| self.config.plugins.auto);
        };
        let library = self.files.in_library.get(name);
        let library = library.map(|file| (Source::Library, file));
        let mut checks = checks
            .iter()
            .map(|check| &self.check_configs.configured[check]);
        if checks.clone().all(|check| check.dir) {
            return dir.or(library);
        }
        library.or_else(|| dir.filter(|_| checks.any(|check| Source::Dir.is_usable_by(check))))
    }

    /// Returns the digests that the checks of a plugin pin, or `None` if one of them pins none.
    fn pinned(&self, plugin: &PluginName, source: Source) -> Option<BTreeSet<Digest>> {
        let checks = self.check_configs.by_plugin.get(plugin)?.iter();
        let checks = checks.map(|check| &self.check_configs.configured[check]);
        let mut checks = checks.filter(|check| source.is_usable_by(check));
        checks.try_fold(BTreeSet::new(), |mut all, check| {
            all.insert(check.sha256?);
            Some(all)
        })
    }

    /// Returns the entry of a plugin.
    pub(crate) fn entry(&self, name: &PluginName) -> Option<&PluginEntry> {
        self.entries.get(name)
    }

    /// Records that a file is being loaded. Returns the directory of the previous file if it was
    /// another one.
    pub(crate) fn begin(&mut self, request: &LoadRequest) -> Option<Source> {
        let entry = self.entries.entry(request.name.clone()).or_default();
        entry.begin(request.path.clone(), request.source)
    }

    /// Records the outcome of loading a file. `stamp` is the file's stamp, if it was settled.
    pub(crate) fn record_load(
        &mut self,
        request: &LoadRequest,
        outcome: LoadOutcome,
        stamp: Option<Stamp>,
        now: Timestamp,
    ) -> Recorded {
        let (name, source) = (&request.name, request.source);
        let Some(entry) = self.entries.get_mut(name) else {
            return Recorded::Unchanged;
        };
        let refused = match &outcome {
            LoadOutcome::Failed(digest, error) if error.depends_on_configuration() => *digest,
            _ => None,
        };
        let recorded = entry.record(source, outcome, stamp, now);
        match refused {
            Some(digest) => self.remember_rejection(name, source, digest),
            None if recorded != Recorded::Unchanged => drop(self.rejected.remove(name)),
            None => {}
        }
        recorded
    }

    /// Records that the file of a plugin is the active version again, if it is: somebody put it
    /// back, or it could not be read for a while.
    pub(crate) fn restore(
        &mut self,
        plugin: &Plugin,
        source: Source,
        stamp: Option<Stamp>,
    ) -> Option<Restored> {
        let entry = self.entries.get_mut(plugin.name())?;
        let active = entry.active()?;
        if active.digest() != plugin.digest() {
            return None;
        }
        self.rejected.remove(plugin.name());
        Some(entry.restore(source, stamp))
    }

    /// Adds a native check, or replaces the one of that name.
    pub(crate) fn register(&mut self, name: CheckName, check: NativeCheck) {
        self.natives.insert(name, check);
    }

    /// Removes a native check.
    pub(crate) fn unregister(&mut self, name: &CheckName) {
        self.natives.remove(name);
    }

    /// Returns the state of every check: those of the configuration, native ones, and dropped-in
    /// plugins. Checks keep their binding while plugin and configuration are the same. Other checks
    /// are bound here, which may take time.
    pub(crate) fn states(&mut self) -> CheckStates {
        let mut states = CheckStates::new();
        for (name, check) in self.checks() {
            let state = self.state(&name, &check).unwrap_or_else(|unbound| {
                let bound = unbound.bind();
                let state = bound.state.clone();
                self.record_binding(bound);
                state
            });
            states.entry(name).or_insert((check, state));
        }
        self.placeholders.clear();
        let invalid_files = self.files.invalid.iter();
        for file in invalid_files.filter(|_| self.config.plugins.auto) {
            let name = file.placeholder_check(|name| states.contains_key(name));
            let state = CheckState::Failed(CheckError::InvalidName(file.message.clone()));
            states.insert(
                name.clone(),
                (Arc::clone(&self.check_configs.unconfigured), state),
            );
            self.placeholders.insert(name, file.clone());
        }
        self.bindings.retain(|name, _| states.contains_key(name));
        states
    }

    /// Returns the checks that are not yet bound, so that the caller can bind them elsewhere.
    pub(crate) fn unbound(&self) -> Vec<UnboundCheck> {
        let checks = self.checks().into_iter();
        checks
            .filter_map(|(name, check)| self.state(&name, &check).err())
            .collect()
    }

    /// Records the result of binding a check.
    pub(crate) fn record_binding(&mut self, bound: CheckBinding) {
        if matches!(bound.state, CheckState::Guest(_))
            && self.check_configs.configured.contains_key(&bound.name)
        {
            let baseline = GrantBaseline {
                plugin: bound.plugin.name().clone(),
                schema: Arc::clone(bound.plugin.schema().document()),
                check: Arc::clone(&bound.check),
            };
            self.grant_baselines.insert(bound.name.clone(), baseline);
        }
        self.bindings.insert(bound.name.clone(), bound);
    }

    /// Binds a plugin to the configuration of a check that need not be in the catalog.
    pub(crate) fn task(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        plugin: &Plugin,
    ) -> Result<Task, BindError> {
        self.binder.bind(name, check, plugin)
    }

    /// Returns whether a check of the configuration names the plugin, enabled or not.
    pub(crate) fn is_named(&self, plugin: &PluginName) -> bool {
        self.check_configs.named.contains(plugin)
    }

    fn checks(&self) -> Vec<(CheckName, Arc<CheckConfig>)> {
        let configured = self.check_configs.configured.iter();
        let mut checks: Vec<_> = configured
            .map(|(name, check)| (name.clone(), Arc::clone(check)))
            .collect();
        let named = &self.config.checks;
        let native = self
            .natives
            .keys()
            .filter(|name| !named.contains_key(*name));
        checks.extend(
            native.map(|name| (name.clone(), Arc::clone(&self.check_configs.unconfigured))),
        );
        let dropped_in = self.files.in_dir.keys();
        checks.extend(dropped_in.filter_map(|plugin| self.dropped_in(plugin)));
        checks
    }

    /// Returns the check of a dropped-in plugin that no configured check names.
    fn dropped_in(&self, plugin: &PluginName) -> Option<(CheckName, Arc<CheckConfig>)> {
        let runs = self.config.plugins.auto && !self.is_named(plugin);
        runs.then(|| {
            let mut check = CheckConfig::plugin(plugin.clone(), &self.config.defaults);
            check.dir = true;
            (CheckName::module(plugin), Arc::new(check))
        })
    }

    /// Returns the checks that may use a file of a plugin from `source`.
    fn checks_on(&self, plugin: &PluginName, source: Source) -> Vec<(CheckName, Arc<CheckConfig>)> {
        let Some(names) = self.check_configs.by_plugin.get(plugin) else {
            let is_there = self.files.in_dir.contains_key(plugin);
            let dropped_in = self.dropped_in(plugin).filter(|_| is_there);
            return dropped_in.into_iter().collect();
        };
        let checks = names
            .iter()
            .map(|name| (name, &self.check_configs.configured[name]));
        checks
            .filter(|(_, check)| source.is_usable_by(check))
            .map(|(name, check)| (name.clone(), Arc::clone(check)))
            .collect()
    }
}
