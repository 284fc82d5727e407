//! What is loaded now: the plugins with their generations, and what each check stands on.
//!
//! Failed loads are kept as values beside the version that still serves. This room loads and binds;
//! it runs no check and shows nothing.

mod files;
mod page;
mod shelf;
mod standing;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use files::Files;
use jiff::Timestamp;
pub(crate) use shelf::{LoadOutcome, Shelf};
pub(crate) use standing::{GuestCheck, Standing};

use crate::check::{CheckName, PluginName};
use crate::config::{CheckConfig, Config, Environment};
use crate::native::NativeCheck;
use crate::plugin::Plugin;

/// What is loaded, under one configuration.
#[derive(Debug)]
pub(crate) struct Catalog {
    config: Arc<Config>,
    environment: Environment,
    files: Files,
    shelves: BTreeMap<PluginName, Shelf>,
    natives: BTreeMap<CheckName, NativeCheck>,
    /// What checks were last bound to, and what came of it.
    bound: BTreeMap<CheckName, (Arc<Plugin>, Standing)>,
}

/// What every check stands on, with its configuration.
pub(crate) type Standings = BTreeMap<CheckName, (CheckConfig, Standing)>;

/// A plugin file that a check is to run on, or that may run by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: PluginName,
    pub(crate) path: PathBuf,
}

/// What changed when a load was shelved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shelved {
    /// A version was loaded; the number counts the versions of this plugin.
    Loaded(u64),
    /// The file can't be loaded.
    Failed,
    /// The file is the one that was looked at before.
    Unchanged,
}

impl Catalog {
    /// An empty catalog.
    pub(crate) fn new(config: Arc<Config>, environment: Environment) -> Self {
        Self {
            config,
            environment,
            files: Files::default(),
            shelves: BTreeMap::new(),
            natives: BTreeMap::new(),
            bound: BTreeMap::new(),
        }
    }

    /// The configuration that it stands under.
    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Takes in what lies in the directories, and answers the plugins whose file is gone and which
    /// left the catalog for that. Where the directory could not be read everything stays.
    pub(crate) fn set_files(&mut self, files: Files) -> Vec<PluginName> {
        if files.error().is_some() {
            self.files = files.with_names_of(&self.files);
            return Vec::new();
        }
        self.files = files;
        let wanted = self.wanted();
        let gone = |shelf: &PluginName| !wanted.iter().any(|wanted| wanted.name == *shelf);
        let names: Vec<_> = self
            .shelves
            .keys()
            .filter(|name| gone(name))
            .cloned()
            .collect();
        for name in &names {
            self.shelves.remove(name);
        }
        names
    }

    /// What was last seen in the directories.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// The files that are to be loaded: of plugins that checks name, and those that lie in the
    /// plugins directory. While that can't be read nothing in it can, and what was loaded stays.
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        let mut wanted: BTreeMap<&PluginName, PathBuf> = BTreeMap::new();
        for check in self.config.checks.values().filter(|check| check.enabled) {
            let named = check.plugin.as_ref();
            if let Some((name, path)) = named.and_then(|name| Some((name, self.files.path(name)?)))
            {
                wanted.insert(name, path);
            }
        }
        if self.config.plugins.auto {
            wanted.extend(
                self.files
                    .dropped_in()
                    .map(|(name, path)| (name, path.clone())),
            );
        }
        let unreadable = self.files.error().map(|_| &self.config.plugins.dir);
        wanted
            .into_iter()
            .filter(|(_, path)| unreadable.is_none_or(|dir| !path.starts_with(dir)))
            .map(|(name, path)| Wanted {
                name: name.clone(),
                path,
            })
            .collect()
    }

    /// The shelf of a plugin.
    pub(crate) fn shelf(&self, name: &PluginName) -> Option<&Shelf> {
        self.shelves.get(name)
    }

    /// Says that a file is being loaded.
    pub(crate) fn begin(&mut self, wanted: &Wanted) {
        let shelf = self.shelves.entry(wanted.name.clone()).or_default();
        shelf.begin(wanted.path.clone());
    }

    /// Takes in what became of loading a file.
    pub(crate) fn shelve(
        &mut self,
        name: &PluginName,
        outcome: LoadOutcome,
        now: Timestamp,
    ) -> Shelved {
        match self.shelves.get_mut(name) {
            Some(shelf) => shelf.put(outcome, now),
            None => Shelved::Unchanged,
        }
    }

    /// Adds a native check, or replaces the one of that name.
    pub(crate) fn register(&mut self, name: CheckName, check: NativeCheck) {
        self.natives.insert(name, check);
    }

    /// Takes a native check out.
    pub(crate) fn unregister(&mut self, name: &CheckName) {
        self.natives.remove(name);
    }

    /// What every check stands on now: those of the configuration, native ones, and those of
    /// plugins that were dropped in. A check whose plugin is the one it was bound to before is not
    /// bound again.
    pub(crate) fn standings(&mut self) -> Standings {
        let config = Arc::clone(&self.config);
        let mut checks: Vec<_> = config
            .checks
            .iter()
            .filter(|(_, check)| check.enabled)
            .map(|(name, check)| (name.clone(), check.clone()))
            .collect();
        let native = self
            .natives
            .keys()
            .filter(|name| !config.checks.contains_key(*name));
        checks.extend(native.map(|name| (name.clone(), CheckConfig::native(&config.defaults))));
        if config.plugins.auto {
            let unnamed = self.files.dropped_in().map(|(plugin, _)| plugin);
            let unnamed = unnamed.filter(|plugin| !self.is_named(plugin));
            checks.extend(unnamed.map(|plugin| {
                let check = CheckConfig::plugin(plugin.clone(), &config.defaults);
                (CheckName::module(plugin), check)
            }));
        }
        let mut standings = Standings::new();
        for (name, check) in checks {
            let standing = self.standing(&name, &check);
            standings.entry(name).or_insert((check, standing));
        }
        if config.plugins.auto {
            for (name, message) in self.files.misnamed() {
                let standing = Standing::Failed(message.clone());
                let check = CheckConfig::native(&config.defaults);
                standings.entry(name.clone()).or_insert((check, standing));
            }
        }
        self.bound.retain(|name, _| standings.contains_key(name));
        standings
    }

    /// Whether a check of the configuration runs on the plugin, or would if it were enabled.
    pub(crate) fn is_named(&self, plugin: &PluginName) -> bool {
        self.config
            .checks
            .values()
            .any(|check| check.plugin.as_ref() == Some(plugin))
    }
}
