//! Finds the state of a check: the version that it runs on, or why there is none.

use std::sync::Arc;

use super::{Catalog, CheckError, CheckState, NotRegistered, PluginEntry, Source, UnboundCheck};
use vitals_config::CheckConfig;
use vitals_model::{CheckName, PluginName};
use vitals_sandbox::{LoadError, Plugin};

impl Catalog {
    /// Returns the state of a check, or what has to be bound first.
    pub(super) fn state(
        &self,
        name: &CheckName,
        check: &Arc<CheckConfig>,
    ) -> Result<CheckState, UnboundCheck> {
        let Some(plugin) = &check.plugin else {
            return Ok(match self.natives.get(name) {
                Some(native) => CheckState::Native(native.clone()),
                None => CheckState::NotRegistered(NotRegistered {
                    check: name.clone(),
                    location: check.location.clone(),
                }),
            });
        };
        let entry = self.entries.get(plugin);
        let active = entry.and_then(|entry| entry.active_from(|source| source.is_usable_by(check)));
        let Some(active) = active else {
            let file = self
                .file(plugin)
                .filter(|(source, _)| source.is_usable_by(check));
            let Some((source, _)) = file else {
                return Ok(CheckState::Failed(self.no_file(name, check, plugin)));
            };
            let entry = entry.filter(|entry| entry.source() == source);
            let failed = entry.and_then(|entry| Some((entry, entry.error()?)));
            return Ok(failed.map_or(CheckState::Loading, |(entry, error)| {
                CheckState::Failed(load_error(plugin, entry, error, check))
            }));
        };
        match self.bindings.get(name) {
            Some(bound) if bound.is_current(active, check) => Ok(bound.state.clone()),
            _ => Err(self.unbound_to(name, check, active)),
        }
    }

    /// Returns why a check has no plugin file.
    fn no_file(&self, name: &CheckName, check: &CheckConfig, plugin: &PluginName) -> CheckError {
        let (check_name, plugin) = (name.clone(), plugin.clone());
        let (dir, library) = (self.files.dir(), self.files.library());
        let takes_dir = Source::Dir.is_usable_by(check);
        if let Some(error) = self.files.error().filter(|_| takes_dir) {
            let error = error.clone();
            return CheckError::Directory { plugin, error };
        }
        if let Some(error) = self.files.library_error() {
            let error = error.clone();
            return CheckError::Library { plugin, error };
        }
        let directories = if self.files.is_one_directory() {
            Some(library.display().to_string())
        } else {
            takes_dir.then(|| format!("{} or {}", dir.display(), library.display()))
        };
        if let Some(directories) = directories {
            return CheckError::NoFile {
                plugin,
                directories,
            };
        }
        let (dir, library) = (dir.to_owned(), library.to_owned());
        if self.files.dropped_in(&plugin).is_some() {
            CheckError::OnlyInDir {
                check: check_name,
                plugin,
                library,
                dir,
            }
        } else {
            CheckError::NotInLibrary {
                check: check_name,
                plugin,
                library,
                dir,
            }
        }
    }

    /// Returns a check to bind to a version of its plugin.
    pub(super) fn unbound_to(
        &self,
        name: &CheckName,
        check: &Arc<CheckConfig>,
        plugin: &Arc<Plugin>,
    ) -> UnboundCheck {
        UnboundCheck {
            binder: self.binder.clone(),
            name: name.clone(),
            check: Arc::clone(check),
            plugin: Arc::clone(plugin),
        }
    }
}

/// Returns why the file of a plugin can't be used for a check.
fn load_error(
    plugin: &PluginName,
    entry: &PluginEntry,
    error: &LoadError,
    check: &CheckConfig,
) -> CheckError {
    CheckError::Load {
        plugin: plugin.clone(),
        path: entry.path().clone(),
        error: match (error, check.sha256) {
            // If several checks pin a digest, each error names the digest of its own check.
            (&LoadError::Digest { found, .. }, Some(wanted)) => LoadError::Digest { found, wanted },
            _ => error.clone(),
        },
    }
}
