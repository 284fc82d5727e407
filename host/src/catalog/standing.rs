//! What a check stands on: a plugin bound to its configuration and grants, a native check, or the
//! reason why it can't run.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use super::{Catalog, Shelf};
use crate::check::{CheckName, RunReport, Status};
use crate::config::{CheckConfig, Settings};
use crate::native::NativeCheck;
use crate::plugin::grants::{self, Grants};
use crate::plugin::{BindingError, LoadError, Plugin, Task};
use crate::schedule::Probe;

/// What a check stands on.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// A plugin that can run it.
    Guest(Arc<GuestCheck>),
    /// A native check.
    Native(NativeCheck),
    /// Its plugin is being loaded for the first time.
    Loading,
    /// Nothing runs, and this is why: code `load`.
    Failed(String),
    /// The plugin was dropped in and needs a configuration first; it is no check yet.
    Idle(String),
}

/// A plugin bound to the configuration and grants of one check.
#[derive(Debug)]
pub(crate) struct GuestCheck {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) generation: u64,
    pub(crate) task: Arc<Task>,
}

impl Probe for GuestCheck {
    fn run(&self, previous: Option<Status>) -> Pin<Box<dyn Future<Output = RunReport> + Send>> {
        let (plugin, task) = (Arc::clone(&self.plugin), Arc::clone(&self.task));
        Box::pin(async move { plugin.run(task, previous).await })
    }
}

impl Catalog {
    /// What a check stands on now.
    pub(super) fn standing(&mut self, name: &CheckName, check: &CheckConfig) -> Standing {
        let Some(plugin) = &check.plugin else {
            return match self.natives.get(name) {
                Some(native) => Standing::Native(native.clone()),
                None => Standing::Failed(format!(
                    "check `{name}` ({}) has no `plugin`, and no native check of this name is \
                     registered: add `plugin = \"…\"`",
                    check.location
                )),
            };
        };
        let Some(shelf) = self.shelves.get(plugin) else {
            let searched = self.files.searched();
            return Standing::Failed(match self.files.error() {
                Some(error) => format!("cannot load plugin `{plugin}`: {error}"),
                None => format!(
                    "cannot load plugin `{plugin}`: there is no {plugin}.wasm in {searched}"
                ),
            });
        };
        let Some(good) = shelf.good() else {
            return match shelf.error() {
                Some(error) => Standing::Failed(load_failure(plugin.as_str(), shelf, error)),
                None => Standing::Loading,
            };
        };
        let (good, generation) = (Arc::clone(good), shelf.generation());
        if let Some((plugin, standing)) = self.bound.get(name)
            && Arc::ptr_eq(plugin, &good)
        {
            return standing.clone();
        }
        let standing = self.bind(name, check, &good, generation);
        self.bound.insert(name.clone(), (good, standing.clone()));
        standing
    }

    fn bind(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        good: &Arc<Plugin>,
        generation: u64,
    ) -> Standing {
        let dropped_in = !self.config.checks.contains_key(name);
        match self.task(name, check, good) {
            Ok(task) => Standing::Guest(Arc::new(GuestCheck {
                plugin: Arc::clone(good),
                generation,
                task: Arc::new(task),
            })),
            Err(BindFailure::Config(why)) if dropped_in => Standing::Idle(why),
            Err(BindFailure::Config(why) | BindFailure::Other(why)) => {
                let plugin = good.name();
                Standing::Failed(format!(
                    "cannot run check `{name}` with plugin `{plugin}`: {why}"
                ))
            }
        }
    }

    /// Binds a plugin to the configuration of a check.
    pub(crate) fn task(
        &self,
        name: &CheckName,
        check: &CheckConfig,
        plugin: &Plugin,
    ) -> Result<Task, BindFailure> {
        if let Some(wanted) = check.sha256
            && wanted != plugin.digest()
        {
            let error = LoadError::Digest {
                found: plugin.digest(),
                wanted,
            };
            return Err(BindFailure::Other(error.to_string()));
        }
        let settings = check.settings.as_ref().map_err(|found| {
            BindFailure::Other(
                found
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; "),
            )
        })?;
        let binding = plugin
            .schema()
            .bind(&settings.values)
            .map_err(|error| match error {
                BindingError::Config(_) => {
                    BindFailure::Config(format!("{error} ({})", check.location))
                }
                BindingError::Schema(_) => BindFailure::Other(error.to_string()),
            })?;
        let grants = self.grants(check, plugin, settings)?;
        let roots = plugin.roots(check.roots.as_deref());
        let roots = roots.map_err(|error| BindFailure::Other(error.to_string()))?;
        let secrets = self.config.secrets.with(&binding.secrets);
        Ok(Task {
            check: name.clone(),
            config: binding.json.into(),
            grants: Arc::new(grants),
            limits: check.limits.clone(),
            timeout: check.schedule.timeout,
            secrets: Arc::new(secrets),
            roots,
        })
    }

    fn grants(
        &self,
        check: &CheckConfig,
        plugin: &Plugin,
        settings: &Settings,
    ) -> Result<Grants, BindFailure> {
        let refuse = |error: grants::GrantError| BindFailure::Other(error.to_string());
        let config = Value::Object(settings.values.clone());
        let mut granted = grants::marks(plugin.schema().document(), &config).map_err(refuse)?;
        for (key, entries) in check.allow.kinds() {
            for entry in entries {
                let grant = grants::Grant::allowed(key, &entry.text)
                    .map_err(|error| BindFailure::Other(format!("{error} ({})", entry.location)))?;
                granted.push(grant);
            }
        }
        let variable = |name: &str| self.environment.text(name).ok().flatten();
        Ok(Grants::new(granted, variable))
    }
}

/// Why a plugin and a check do not come together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindFailure {
    /// The configuration does not satisfy the schema.
    #[error("{0}")]
    Config(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

fn load_failure(plugin: &str, shelf: &Shelf, error: &LoadError) -> String {
    format!(
        "cannot load plugin `{plugin}` from {}: {error}",
        shelf.path().display()
    )
}
