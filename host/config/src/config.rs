//! The configuration as the host takes it over, and where it came from. How it is read is not known
//! here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use vitals_model::{CheckName, Secrets};

use super::checks::{CheckConfig, Defaults};
use super::notify::Notify;
use super::sections::{self, Engine, Logging, Metrics, Plugins, Sentry, Server, Tls, Tools};
use super::supervision::Supervision;

/// The configuration of a host.
///
/// [`Config::load`] reads it from file, environment and command line; [`Config::default`] is that of
/// an empty file and reads nothing at all, so that a program can make one by itself. `Debug` shows
/// no secret.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// Where the host listens and what it answers.
    pub server: Server,
    /// Where plugins are found.
    pub plugins: Plugins,
    /// The engine that runs them.
    pub engine: Engine,
    /// What the host trusts in TLS connections.
    pub tls: Tls,
    /// The Prometheus metrics.
    pub metrics: Metrics,
    /// Error reports.
    pub sentry: Sentry,
    /// Who is notified when a check turns.
    pub notify: Notify,
    /// Pages of other tools.
    pub tools: Tools,
    /// What holds for a check that says nothing else.
    pub defaults: Defaults,
    /// The checks by name.
    pub checks: BTreeMap<CheckName, CheckConfig>,
    /// The log.
    pub logging: Logging,
    /// What the service manager that started the process wants told.
    pub supervision: Supervision,
    /// The texts that must not leave the host: what `${…}` put into the `config` of checks, the admin
    /// token, the Sentry DSN, and what the receivers of notifications want to see.
    pub secrets: Secrets,
    /// The files that `${file:…}` asked for; when one of them changes, so does the configuration.
    pub referenced_files: BTreeSet<PathBuf>,
    /// Where it was read from.
    pub origin: Origin,
}

/// Where a configuration was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// No file; the environment and the command line may have said something still.
    #[default]
    Defaults,
    /// This file.
    File(PathBuf),
}

impl Config {
    /// The PEM files of trusted roots that it names.
    pub fn root_files(&self) -> BTreeSet<&PathBuf> {
        let own = self.checks.values().filter_map(|it| it.roots.as_deref());
        let own = own.flat_map(sections::root_files);
        self.tls.root_files().chain(own).collect()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.write_str("defaults"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
