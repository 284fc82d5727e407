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
        let active = entry.and_then(|entry| entry.active_for(check));
        let Some(active) = active else {
            let file = self
                .file(plugin)
                .filter(|(source, _)| source.is_usable_by(check));
            let Some((source, _)) = file else {
                return Ok(CheckState::Failed(self.no_file(name, check, plugin)));
            };
            let entry = entry.filter(|entry| entry.source == source);
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
        let (name, plugin, files) = (name.clone(), plugin.clone(), &self.files);
        let (dir, library) = (files.dir.clone(), files.library.clone());
        let takes_dir = Source::Dir.is_usable_by(check);
        let error = files.error.as_ref().filter(|_| takes_dir);
        if let Some(error) = error.or(files.library_error.as_ref()).cloned() {
            return CheckError::Directory { plugin, error };
        }
        let directories = if files.is_one_directory {
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
        if files.in_dir.contains_key(&plugin) {
            CheckError::OnlyInDir {
                check: name,
                plugin,
                library,
                dir,
            }
        } else {
            CheckError::NotInLibrary {
                check: name,
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
        path: entry.path.clone(),
        error: match (error, check.sha256) {
            // If several checks pin a digest, each error names the digest of its own check.
            (&LoadError::Digest { found, .. }, Some(wanted)) => LoadError::Digest { found, wanted },
            _ => error.clone(),
        },
    }
}
