//! The configuration as the host uses it, and where it was read from. Does not know how it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use vitals_model::{CheckName, Secrets};

use super::checks::{CheckConfig, Defaults};
use super::clients::Proxy;
use super::notify::Notify;
use super::sections::{self, Engine, Logging, Metrics, Plugins, Sentry, Server, Tls, Tools};
use super::supervision::Supervision;

/// The configuration of a host.
///
/// [`Config::load`] reads it from the file, the environment and the command line.
/// [`Config::builder`] makes one in a program, and [`Config::default`] is that of an empty file;
/// neither reads anything. `Debug` shows no secret.
///
/// `docs/configuration.md` lists every key.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// The HTTP server.
    pub server: Server,
    /// The directories of plugins.
    pub plugins: Plugins,
    /// The WebAssembly engine.
    pub engine: Engine,
    /// The certificates that the host trusts.
    pub tls: Tls,
    /// Metrics for Prometheus.
    pub metrics: Metrics,
    /// Error reports to Sentry.
    pub sentry: Sentry,
    /// Notifications of transitions.
    pub notify: Notify,
    /// The proxies that HTTP requests of checks may use, by name.
    pub proxies: BTreeMap<String, Proxy>,
    /// Pages of other tools.
    pub tools: Tools,
    /// The values for checks that do not set their own.
    pub defaults: Defaults,
    /// The checks by name.
    pub checks: BTreeMap<CheckName, CheckConfig>,
    /// The log.
    pub logging: Logging,
    /// What the service manager that started the process expects.
    pub supervision: Supervision,
    /// The texts that must not leave the host: values from `${…}` in the `config` and `allow` of
    /// checks, in webhooks and in proxies, tokens and passwords, and the Sentry DSN.
    pub secrets: Secrets,
    /// The files that `${file:…}` names. When one of them changes, the configuration is read again.
    pub referenced_files: BTreeSet<PathBuf>,
    /// Where the configuration was read from.
    pub origin: Origin,
}

/// Where a configuration was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// No file. The environment and the command line may have set keys.
    #[default]
    Defaults,
    /// This file.
    File(PathBuf),
}

impl Config {
    /// Returns the PEM files of trusted roots that the configuration names.
    pub fn root_files(&self) -> BTreeSet<&PathBuf> {
        let own = self.checks.values().filter_map(|it| it.roots.as_deref());
        let own = own.flat_map(sections::root_files);
        self.tls.root_files().chain(own).collect()
    }

    /// Returns the PEM files of identities that the configuration names.
    pub fn identity_files(&self) -> BTreeSet<&PathBuf> {
        let identities = self.tls.identities.values();
        identities
            .flat_map(|identity| [&identity.certificate, &identity.key])
            .collect()
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
