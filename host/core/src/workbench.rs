//! Loads and runs plugins without a host, for `vitals check`, `validate` and `inspect`.
//!
//! Plugins are admitted and sandboxed as in the host. Nothing is scheduled, watched or served.

mod bench;
pub mod settings;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::catalog::{Catalog, CheckState, Files, LoadOutcome, LoadRequest};
use crate::host_core::sandbox_options;
use vitals_config::{AllowEntry, CheckConfig, Config, Environment, Settings};
use vitals_model::{CheckName, Digest, PluginName, RunReport, Text};
use vitals_sandbox::{
    Compiler, GrantError, LoadError, Plugin, Sandbox, SandboxError, SandboxOptions, Task, grants,
};

pub use bench::{Cost, Plan};

/// A sandbox with the plugins and checks of a configuration, without a host.
#[derive(Debug)]
pub struct Workbench {
    sandbox: Sandbox,
    catalog: Catalog,
}

/// A run could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotRun(String);

/// The content of a plugin file, for `vitals inspect`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Inspection {
    /// The path of the file.
    pub path: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its SHA-256 digest.
    pub digest: Digest,
    /// The contract that it was built for.
    pub contract: String,
    /// The code that the plugin declares.
    pub code: String,
    /// The version that the plugin declares.
    pub version: String,
    /// A one-line summary.
    pub summary: String,
    /// Further annotations of the plugin.
    pub annotations: Vec<(String, String)>,
    /// The grants that its settings give: JSON pointer of the setting, and kind of grant.
    pub wants: Vec<(String, String)>,
    /// The imports of the component.
    pub imports: Vec<String>,
    /// The time to compile it, or to load it from the cache, in milliseconds.
    pub compile_ms: f64,
    /// The JSON Schema of its configuration.
    pub schema: Value,
}

/// A single run of a plugin file, configured by the command line.
#[derive(Clone, Debug, Default)]
pub struct AdHoc {
    /// The settings, as an object.
    pub settings: Map<String, Value>,
    /// Entries of `allow`, each as key and text: `tcp` and `db.internal:5432`.
    pub allow: Vec<(String, String)>,
    /// The timeout; the default of the configuration if `None`.
    pub timeout: Option<Duration>,
}

impl Workbench {
    /// Sets up a sandbox for a configuration. Needs a running tokio runtime.
    pub fn open(
        config: Config,
        environment: Environment,
        compiler: Compiler,
    ) -> Result<Self, SandboxError> {
        let options = SandboxOptions {
            compiler,
            ..sandbox_options(&config, None)
        };
        let sandbox = Sandbox::new(options)?;
        Ok(Self {
            sandbox,
            catalog: Catalog::new(Arc::new(config), environment),
        })
    }

    /// Loads all plugins that the configuration names or that were dropped in, and returns one text
    /// for each problem; empty if `serve` would report none.
    pub async fn problems(&mut self) -> Vec<String> {
        self.load(|_| true).await;
        let files = self.catalog.files();
        let directory = files.error.as_ref().map(ToString::to_string);
        let excess = files.excess().map(|excess| excess.to_string());
        let directory = directory.into_iter().chain(excess).collect::<Vec<_>>();
        let checks = self.catalog.states().into_iter();
        let failed = checks.filter_map(|(name, (_, state))| match state {
            CheckState::Failed(error) if error.names_check() => Some(error.to_string()),
            CheckState::Failed(error) => Some(format!("check `{name}`: {error}")),
            // Neither this command nor `serve` registers native checks.
            CheckState::NotRegistered(error) => Some(error.to_string()),
            _ => None,
        });
        directory.into_iter().chain(failed).collect()
    }

    /// Returns the grants of each check, or what an idle plugin needs. To be called after
    /// [`Workbench::problems`].
    pub fn summary(&mut self) -> Vec<(CheckName, Result<Vec<String>, String>)> {
        let checks = self.catalog.states().into_iter();
        checks
            .filter_map(|(name, (_, state))| match state {
                CheckState::Guest(guest) => Some((name, Ok(guest.shown_grants()))),
                CheckState::NeedsConfig(error) => Some((name, Err(error.to_string()))),
                _ => None,
            })
            .collect()
    }

    /// Runs a check of the configuration, or of a dropped-in plugin, once.
    pub async fn run(&mut self, name: &CheckName) -> Result<RunReport, NotRun> {
        let config = Arc::clone(self.catalog.config());
        let named = config
            .checks
            .get(name)
            .and_then(|check| check.plugin.clone());
        let dropped_in = |plugin: &PluginName| CheckName::module(plugin) == *name;
        self.load(|plugin| named.as_ref() == Some(plugin) || dropped_in(plugin))
            .await;
        let mut states = self.catalog.states();
        match states.remove(name).map(|(_, state)| state) {
            Some(CheckState::Guest(guest)) => Ok(guest.plugin.run(guest.task(), None).await),
            Some(CheckState::Failed(error)) => Err(NotRun(error.to_string())),
            Some(CheckState::NeedsConfig(error)) => Err(NotRun(error.to_string())),
            Some(CheckState::NotRegistered(error)) => Err(NotRun(error.to_string())),
            Some(CheckState::Native(_) | CheckState::Loading) | None => {
                let disabled = config.checks.get(name).is_some_and(|check| !check.enabled);
                let known: Vec<_> = states.keys().map(|name| format!("`{name}`")).collect();
                Err(NotRun(match (disabled, known.is_empty()) {
                    (true, _) => format!("check `{name}` is not enabled: set `enabled = true`"),
                    (false, true) => {
                        format!("there is no check `{name}`, and no other check either")
                    }
                    (false, false) => {
                        format!("there is no check `{name}`; there are {}", known.join(", "))
                    }
                }))
            }
        }
    }

    /// Runs a plugin file once.
    pub async fn run_file(&self, path: &Path, ad_hoc: AdHoc) -> Result<RunReport, NotRun> {
        let (plugin, task) = self.set_up(path, ad_hoc).await?;
        Ok(plugin.run(task, None).await)
    }

    /// Loads a plugin file and binds it to its settings.
    async fn set_up(&self, path: &Path, ad_hoc: AdHoc) -> Result<(Arc<Plugin>, Arc<Task>), NotRun> {
        let not_run = |error: &dyn std::fmt::Display| {
            NotRun(format!("cannot run {}: {error}", path.display()))
        };
        let plugin = self.admit(path).await.map_err(|error| not_run(&error))?;
        let name = CheckName::module(plugin.name());
        let defaults = &self.catalog.config().defaults;
        let mut check = CheckConfig::plugin(plugin.name().clone(), defaults);
        check.schedule.timeout = ad_hoc.timeout.unwrap_or(check.schedule.timeout);
        check.settings = Ok(Settings::from(ad_hoc.settings));
        for (key, text) in ad_hoc.allow {
            let Some(entries) = check.allow.entries_mut(&key) else {
                let error = GrantError::Key(Text::line(&key, 64));
                return Err(not_run(&error));
            };
            entries.push(AllowEntry::from(text.as_str()));
        }
        let task = self.catalog.task(&name, &check, &plugin);
        let task = task.map_err(|error| not_run(&error))?;
        Ok((plugin, Arc::new(task)))
    }

    /// Reads the description of a plugin file.
    pub async fn inspect(&self, path: &Path) -> Result<Inspection, LoadError> {
        let plugin = self.admit(path).await?;
        let description = plugin.description();
        let schema = Value::clone(plugin.schema().document());
        let wants = grants::marked_properties(&schema)
            .map_err(|e| LoadError::Description(e.to_string()))?;
        let wants = wants
            .into_iter()
            .map(|wanted| (wanted.pointer, wanted.mark.to_string()));
        Ok(Inspection {
            path: path.display().to_string(),
            size_bytes: plugin.size(),
            digest: plugin.digest(),
            contract: plugin.contract(),
            code: description.code.clone(),
            version: description.version.clone(),
            summary: description.summary.to_string(),
            annotations: description
                .annotations
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            wants: wants.collect(),
            imports: plugin.imports().to_vec(),
            compile_ms: plugin.compile_time().as_secs_f64() * 1e3,
            schema,
        })
    }

    async fn admit(&self, path: &Path) -> Result<Arc<Plugin>, LoadError> {
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let name = stem.unwrap_or_default().parse::<PluginName>();
        let name = name.map_err(|error| LoadError::Read(format!("{error}; rename the file")))?;
        let bytes = Plugin::read(path)?;
        let admitted = Plugin::admit(&self.sandbox, name, bytes).await;
        self.sandbox.flush_cache().await;
        admitted
    }

    async fn load(&mut self, which: impl Fn(&PluginName) -> bool) {
        let files = Files::scan(&self.catalog.config().plugins, &self.catalog.keep());
        self.catalog.set_files(files);
        for wanted in self
            .catalog
            .load_requests()
            .into_iter()
            .filter(|wanted| which(&wanted.name))
        {
            let LoadRequest { name, path, .. } = &wanted;
            let _ = self.catalog.begin(&wanted);
            let outcome = match Plugin::read(path) {
                Err(error) => LoadOutcome::Failed(None, error),
                Ok(bytes) => {
                    let digest = Digest::of(&bytes);
                    let admitted = match wanted.accept(digest) {
                        Ok(()) => Plugin::admit(&self.sandbox, name.clone(), bytes).await,
                        Err(error) => Err(error),
                    };
                    match admitted {
                        Ok(plugin) => LoadOutcome::Loaded(plugin),
                        Err(error) => LoadOutcome::Failed(Some(digest), error),
                    }
                }
            };
            self.catalog
                .record_load(&wanted, outcome, None, Timestamp::now());
        }
        self.sandbox.flush_cache().await;
    }
}
