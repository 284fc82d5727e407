//! What is loaded now: the plugins with their generations, and what each check stands on.
//!
//! Failed loads are kept as values beside the version that still serves. This room loads and binds;
//! it runs no check and shows nothing.

mod apply;
mod baseline;
mod candidate;
mod files;
mod page;
mod shelf;
mod stamp;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use apply::Said;
use baseline::Given;
use candidate::RefusedUnder;
pub(crate) use candidate::{Candidate, Fitting, Revision};
use files::Misnamed;
pub(crate) use files::{Files, LibraryError};
use jiff::Timestamp;
pub(crate) use page::ConfigurationPage;
pub(crate) use shelf::{LoadOutcome, Seen, Shelf};
pub(crate) use stamp::Stamp;
use standing::{BindFailure, Binder};
pub(crate) use standing::{Bound, GuestCheck, Standing, Unbound, bind_all};

use crate::check::{CheckName, Digest, PluginName};
use crate::config::{CheckConfig, Config, Environment};
use crate::native::NativeCheck;
use crate::plugin::{LoadError, Plugin, Task};

/// What is loaded, under one configuration.
#[derive(Debug)]
pub(crate) struct Catalog {
    config: Arc<Config>,
    binder: Binder,
    said: Said,
    files: Files,
    shelves: BTreeMap<PluginName, Shelf>,
    /// Under what each check last ran, also where its plugin's file is gone: who takes a file away
    /// and puts another there has not put in a first version.
    given: BTreeMap<CheckName, Given>,
    /// What checks said when the newest file of their plugin was refused for it.
    refused: BTreeMap<PluginName, RefusedUnder>,
    revision: Revision,
    natives: BTreeMap<CheckName, NativeCheck>,
    /// What checks were last bound to, and what came of it.
    bound: BTreeMap<CheckName, Bound>,
    /// The checks that stand for files whose name no plugin can have.
    stand_ins: BTreeMap<CheckName, Misnamed>,
}

/// What every check stands on, with its configuration.
pub(crate) type Standings = BTreeMap<CheckName, (Arc<CheckConfig>, Standing)>;

/// A plugin file that a check is to run on, or that may run by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: PluginName,
    pub(crate) path: PathBuf,
    /// The only content that a check would run, where each of the plugin's checks asks for one.
    pub(crate) pinned: Option<BTreeSet<Digest>>,
}

impl Wanted {
    /// Refuses a file that no check would run, before any of its code is looked at.
    pub(crate) fn accept(&self, found: Digest) -> Result<(), LoadError> {
        let Some(pinned) = &self.pinned else {
            return Ok(());
        };
        match pinned.first() {
            Some(&wanted) if !pinned.contains(&found) => Err(LoadError::Digest { found, wanted }),
            _ => Ok(()),
        }
    }
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

/// What a file was that is the version that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// It could not be loaded, or was refused.
    Mended,
    /// The same.
    Unchanged,
}

impl Catalog {
    /// An empty catalog.
    pub(crate) fn new(config: Arc<Config>, environment: Environment) -> Self {
        Self {
            said: Said::new(&config),
            binder: Binder {
                config: Arc::clone(&config),
                environment,
            },
            config,
            files: Files::default(),
            shelves: BTreeMap::new(),
            given: BTreeMap::new(),
            refused: BTreeMap::new(),
            revision: Revision::default(),
            natives: BTreeMap::new(),
            bound: BTreeMap::new(),
            stand_ins: BTreeMap::new(),
        }
    }

    /// The configuration that it stands under.
    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Takes in what lies in the directories, and answers the plugins whose file is gone and which
    /// left the catalog for that. Where a directory could not be read everything of it stays.
    pub(crate) fn set_files(&mut self, files: Files) -> Vec<PluginName> {
        self.files = files.after(&self.files);
        let there = self.paths();
        let gone = self.shelves.keys().filter(|name| !there.contains_key(name));
        let names: Vec<_> = gone.cloned().collect();
        for name in &names {
            self.shelves.remove(name);
        }
        // A look is the time to try again what may have come right by itself. And a plugin that is gone
        // is not kept by the checks that were bound to it: its code can be large.
        self.bound
            .retain(|_, bound| !bound.may_pass && !names.contains(bound.plugin.name()));
        names
    }

    /// What was last seen in the directories.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// The files that are to be loaded: of plugins that checks name, and those that lie in the
    /// plugins directory. While a directory can't be read nothing in it can, and what was loaded
    /// stays.
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        let mut pinned = self.pinned();
        let wanted = |(name, path): (&PluginName, PathBuf)| Wanted {
            pinned: pinned.remove(name).flatten(),
            name: name.clone(),
            path,
        };
        let paths = self.paths().into_iter();
        paths
            .filter(|(_, path)| self.files.can_read(path))
            .map(wanted)
            .collect()
    }

    fn paths(&self) -> BTreeMap<&PluginName, PathBuf> {
        let named = self
            .said
            .configured
            .values()
            .filter_map(|check| check.plugin.as_ref());
        let mut paths: BTreeMap<_, _> = named
            .filter_map(|name| Some((name, self.files.path(name)?)))
            .collect();
        if self.config.plugins.auto {
            let dropped_in = self.files.dropped_in();
            paths.extend(dropped_in.map(|(name, path)| (name, path.clone())));
        }
        paths
    }

    /// The digests that the checks of each plugin ask for; none where one of them asks for none.
    fn pinned(&self) -> BTreeMap<&PluginName, Option<BTreeSet<Digest>>> {
        let mut pinned = BTreeMap::new();
        for check in self.said.configured.values() {
            let Some(plugin) = &check.plugin else {
                continue;
            };
            let all = pinned
                .entry(plugin)
                .or_insert_with(|| Some(BTreeSet::new()));
            match check.sha256 {
                Some(digest) => all.as_mut().map(|all| all.insert(digest)),
                None => all.take().map(|_| false),
            };
        }
        pinned
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

    /// Takes in what became of loading a file; `stamp` is the one it had, if that was settled.
    pub(crate) fn shelve(
        &mut self,
        name: &PluginName,
        outcome: LoadOutcome,
        stamp: Option<Stamp>,
        now: Timestamp,
    ) -> Shelved {
        let Some(shelf) = self.shelves.get_mut(name) else {
            return Shelved::Unchanged;
        };
        let refused = match &outcome {
            LoadOutcome::Failed(digest, error) if error.depends_on_configuration() => *digest,
            _ => None,
        };
        let shelved = shelf.put(outcome, stamp, now);
        match refused {
            Some(digest) => self.remember_refusal(name, digest),
            None if shelved != Shelved::Unchanged => drop(self.refused.remove(name)),
            None => {}
        }
        shelved
    }

    /// Takes in that the file of a plugin is the version that serves, if it is: somebody put it back,
    /// or it could not be read for a while.
    pub(crate) fn restore(&mut self, plugin: &Plugin, stamp: Option<Stamp>) -> Option<Restored> {
        let shelf = self.shelves.get_mut(plugin.name())?;
        let good = shelf.good()?;
        if good.digest() != plugin.digest() {
            return None;
        }
        self.refused.remove(plugin.name());
        Some(if shelf.restore(stamp) {
            Restored::Mended
        } else {
            Restored::Unchanged
        })
    }

    /// Lets a version that fits its checks take over.
    pub(crate) fn install(
        &mut self,
        fitting: Fitting,
        stamp: Option<Stamp>,
        now: Timestamp,
    ) -> Shelved {
        let Fitting { plugin, bounds, .. } = fitting;
        let name = plugin.name().clone();
        let shelved = self.shelve(&name, LoadOutcome::Loaded(plugin), stamp, now);
        if matches!(shelved, Shelved::Loaded(_)) {
            for bound in bounds {
                self.take_in(bound);
            }
        }
        shelved
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
    /// bound again; one that is bound now takes its time.
    pub(crate) fn standings(&mut self) -> Standings {
        let mut standings = Standings::new();
        for (name, check) in self.checks() {
            let standing = self.standing(&name, &check).unwrap_or_else(|unbound| {
                let bound = unbound.bind();
                let standing = bound.standing.clone();
                self.take_in(bound);
                standing
            });
            standings.entry(name).or_insert((check, standing));
        }
        self.stand_ins.clear();
        let misnamed = self.files.misnamed().iter();
        for file in misnamed.filter(|_| self.config.plugins.auto) {
            let name = file.stand_in(|name| standings.contains_key(name));
            let standing = Standing::Failed(file.message.clone());
            standings.insert(
                name.clone(),
                (Arc::clone(&self.said.unconfigured), standing),
            );
            self.stand_ins.insert(name, file.clone());
        }
        self.bound.retain(|name, _| standings.contains_key(name));
        standings
    }

    /// The checks that are yet to be bound, for somebody who has the time.
    pub(crate) fn unbound(&self) -> Vec<Unbound> {
        let checks = self.checks().into_iter();
        checks
            .filter_map(|(name, check)| self.standing(&name, &check).err())
            .collect()
    }

    /// Takes in what came of binding a check.
    pub(crate) fn take_in(&mut self, bound: Bound) {
        if matches!(bound.standing, Standing::Guest(_))
            && self.said.configured.contains_key(&bound.name)
        {
            let given = Given {
                plugin: bound.plugin.name().clone(),
                schema: Arc::clone(bound.plugin.schema().document()),
                check: Arc::clone(&bound.check),
            };
            self.given.insert(bound.name.clone(), given);
        }
        self.bound.insert(bound.name.clone(), bound);
    }

    /// Binds a plugin to the configuration of a check that need not be in the catalog.
    pub(crate) fn task(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        plugin: &Plugin,
    ) -> Result<Task, BindFailure> {
        self.binder.bind(name, check, plugin)
    }

    /// Whether the configuration has a check of this name.
    pub(crate) fn knows(&self, name: &CheckName) -> bool {
        self.config.checks.contains_key(name)
    }

    /// Whether a check of the configuration runs on the plugin, or would if it were enabled.
    pub(crate) fn is_named(&self, plugin: &PluginName) -> bool {
        self.said.named.contains(plugin)
    }

    fn checks(&self) -> Vec<(CheckName, Arc<CheckConfig>)> {
        let configured = self.said.configured.iter();
        let mut checks: Vec<_> = configured
            .map(|(name, check)| (name.clone(), Arc::clone(check)))
            .collect();
        let named = &self.config.checks;
        let native = self
            .natives
            .keys()
            .filter(|name| !named.contains_key(*name));
        checks.extend(native.map(|name| (name.clone(), Arc::clone(&self.said.unconfigured))));
        if self.config.plugins.auto {
            let dropped_in = self.files.dropped_in().map(|(plugin, _)| plugin);
            let unnamed = dropped_in.filter(|plugin| !self.is_named(plugin));
            checks.extend(unnamed.map(|plugin| {
                let check = CheckConfig::plugin(plugin.clone(), &self.config.defaults);
                (CheckName::module(plugin), Arc::new(check))
            }));
        }
        checks
    }
}
