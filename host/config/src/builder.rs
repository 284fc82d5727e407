//! Configurations that a program makes.
//!
//! They are validated by the code that validates a file. Reads neither file nor environment.

mod check;

use std::collections::BTreeMap;

pub use check::CheckBuilder;

use super::clients::Proxy;
use super::config::Config;
use super::diagnostic::Diagnostics;
use super::diagnostics_collector::DiagnosticsCollector;
use super::environment::Environment;
use super::expand::Expansion;
use super::load::mark_secrets;
use super::notify::Notify;
use super::resolve::resolve;
use super::secret::Secret;
use super::sections::{Engine, Metrics, Plugins, Sentry, Server, Tls};
use super::tree::Node;
use super::write;

/// Builds a [`Config`] without a file: each section by a closure over its struct, each check by a
/// [`CheckBuilder`]. What is not set has the default that it has in a file.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ConfigBuilder {
    sections: Config,
    defaults: CheckBuilder,
    checks: BTreeMap<String, CheckBuilder>,
}

impl Config {
    /// Begins a configuration without a file. Its keys, defaults and limits are those of the file.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vitals_config::{CheckBuilder, Config, Details, Webhook};
    ///
    /// let config = Config::builder()
    ///     .server(|server| {
    ///         server.listen = ([127, 0, 0, 1], 8080).into();
    ///         server.details = Details::Authorized;
    ///         server.admin_token = Some("s3cret-token".into());
    ///     })
    ///     .plugins(|plugins| plugins.library = "/opt/checks".into())
    ///     .notify(|notify| {
    ///         let webhook = Webhook::new("https://hooks.example.com/vitals");
    ///         notify.webhooks.insert("ops".into(), webhook);
    ///     })
    ///     .defaults(CheckBuilder::default().timeout(Duration::from_secs(2)))
    ///     .check(
    ///         "orders-db",
    ///         CheckBuilder::plugin("postgres")
    ///             .interval(Duration::from_secs(15))
    ///             .setting("address", "db.internal:5432")
    ///             .secret_setting("password", "pa55word")
    ///             .allow_tcp(["10.0.0.0/8:5432"])
    ///             .memory(128 << 20),
    ///     )
    ///     .build()?;
    /// assert_eq!(config.checks.len(), 1);
    ///
    /// let wrong = Config::builder().engine(|engine| engine.max_runs = 0).build();
    /// assert_eq!(
    ///     wrong.unwrap_err().to_string(),
    ///     "configuration: `engine.max_runs` is 0, which is not a whole number from 1 to 4096"
    /// );
    /// # Ok::<_, vitals_config::Diagnostics>(())
    /// ```
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Validates a configuration whose fields a program has set: writes it as a file would say it,
    /// and reads that. What [`Config::load`], [`Config::parse`] and [`ConfigBuilder::build`] return
    /// is valid.
    ///
    /// # Errors
    ///
    /// Every value that a file could not have.
    pub fn validate(&self) -> Result<(), Diagnostics> {
        // Its default comes from the environment, which need not be UTF-8.
        let mut config = self.clone();
        config.plugins.cache_dir = None;
        let collector = DiagnosticsCollector::default();
        let root = write::config(&config, &collector);
        read(root, Expansion::default(), collector).map(drop)
    }
}

macro_rules! sections {
    ($($(#[$about:meta])* $name:ident: $section:ty;)*) => {
        $(
            $(#[$about])*
            pub fn $name(mut self, set: impl FnOnce(&mut $section)) -> Self {
                set(&mut self.sections.$name);
                self
            }
        )*
    };
}

impl ConfigBuilder {
    sections! {
        /// Sets keys of `[server]`.
        server: Server;
        /// Sets keys of `[plugins]`.
        plugins: Plugins;
        /// Sets keys of `[engine]`.
        engine: Engine;
        /// Sets keys of `[tls]`.
        tls: Tls;
        /// Sets keys of `[metrics]`.
        metrics: Metrics;
        /// Sets keys of `[sentry]`.
        sentry: Sentry;
        /// Sets keys of `[notify]`, and adds receivers.
        notify: Notify;
    }

    /// Adds a proxy that HTTP requests of checks may use, or replaces the one of that name.
    pub fn proxy(mut self, name: &str, proxy: Proxy) -> Self {
        self.sections.proxies.insert(name.to_owned(), proxy);
        self
    }

    /// Sets the URL of a page that `GET /health/tools` lists.
    pub fn tool(mut self, name: &str, url: &str) -> Self {
        let tools = &mut self.sections.tools.0;
        tools.insert(name.to_owned(), Some(url.to_owned()));
        self
    }

    /// Sets `[defaults]`: the schedule and the limits of checks that do not set their own.
    pub fn defaults(mut self, defaults: CheckBuilder) -> Self {
        self.defaults = defaults;
        self
    }

    /// Adds a check, or replaces the one of that name.
    pub fn check(mut self, name: &str, check: CheckBuilder) -> Self {
        self.checks.insert(name.to_owned(), check);
        self
    }

    /// Validates the configuration, and fills in what is not set.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once, in the words in which a file is refused. What is wrong
    /// within the settings of a check is in [`CheckConfig::settings`](super::CheckConfig::settings).
    pub fn build(self) -> Result<Config, Diagnostics> {
        let collector = DiagnosticsCollector::default();
        let mut root = write::sections(&self.sections, &collector);
        let mut expansion = Expansion::default();
        root.put(&["defaults"], self.defaults.table);
        for (name, check) in self.checks {
            root.put(&["checks", &name], check.table);
            let secrets = check.secrets.iter().map(Secret::expose);
            expansion.secrets.extend(secrets.map(str::to_owned));
        }
        read(root, expansion, collector)
    }
}

/// Reads what a program has set as a file is read.
fn read(
    mut root: Node,
    expansion: Expansion,
    collector: DiagnosticsCollector,
) -> Result<Config, Diagnostics> {
    mark_secrets(&mut root);
    let config = resolve(&root, expansion, &Environment::default(), &collector);
    collector.finish(config)
}

#[cfg(test)]
mod tests;
