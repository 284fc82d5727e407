//! The environment, and the list of the variables that the host reads.
//!
//! Nothing else in the host reads the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Location};

/// The environment variables that a configuration may read: those of the process, or a fixed set.
/// An empty variable counts as not set.
#[derive(Clone, Default)]
pub struct Environment(Option<Arc<Lookup>>);

type Lookup = dyn Fn(&str) -> Option<OsString> + Send + Sync;

impl Environment {
    /// Returns the environment of this process.
    pub fn process() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one door to the environment"
        )]
        Self::lookup(|name| std::env::var_os(name))
    }

    /// Returns an environment of these variables.
    pub fn fixed<N: Into<String>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables: BTreeMap<String, OsString> = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self::lookup(move |name| variables.get(name).cloned())
    }

    fn lookup(lookup: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(lookup)))
    }

    /// Returns the value of a variable, if it is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<OsString> {
        self.0.as_ref()?(name).filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable as text, if it is set and not empty.
    ///
    /// # Errors
    ///
    /// The value is not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<String>, Diagnostic> {
        let text = self.get(name).map(OsString::into_string).transpose();
        text.map_err(|_| Diagnostic {
            location: Location::Variable(name.to_owned()),
            key: String::new(),
            message: "the value is not UTF-8".to_owned(),
            remedy: "set another value, or unset it".to_owned(),
        })
    }

    /// Returns the directory for caches of the user, as the XDG base directory specification
    /// defines it.
    pub(super) fn cache(&self) -> Option<PathBuf> {
        let absolute = |name: &str| {
            self.get(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Environment(..)"
        } else {
            "Environment(none)"
        })
    }
}

/// An environment variable that the host reads.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// The key of the file that it overrides. None for a variable without a key.
    pub key: Option<&'static str>,
    /// What it sets.
    pub about: &'static str,
}

/// Every environment variable that the host reads by name, except `XDG_CACHE_HOME` and `HOME`, which
/// lead to the cache directory of the user. `${NAME}` in the file reads others.
pub const VARIABLES: &[Variable] = &[
    CONFIG,
    Variable::of(
        "VITALS_LISTEN",
        "server.listen",
        "IP address and port to listen on",
    ),
    Variable::of(
        "VITALS_PLUGINS_DIR",
        "plugins.dir",
        "directory of plugins that run by themselves",
    ),
    Variable::of(
        "VITALS_PLUGINS_LIBRARY",
        "plugins.library",
        "directory of plugins that checks name",
    ),
    Variable::of(
        "VITALS_ADMIN_TOKEN",
        "server.admin_token",
        "token of the administrator",
    ),
    Variable::of(
        "ENABLE_METRICS",
        "metrics.enabled",
        "`true` to serve `/metrics`",
    ),
    Variable::of(
        "VITALS_METRICS_TOKEN",
        "metrics.token",
        "token that opens `/metrics`",
    ),
    Variable::of(
        "SENTRY_DSN",
        "sentry.dsn",
        "Sentry DSN for error reports; without it there are none",
    ),
    Variable::of(
        "SENTRY_ENVIRONMENT",
        "sentry.environment",
        "environment that reports to Sentry name",
    ),
    Variable::of(
        "GRAFANA_URL",
        "tools.grafana",
        "URL of Grafana, for `/health/tools`",
    ),
    Variable::of(
        "FLOWER_URL",
        "tools.flower",
        "URL of Flower, for `/health/tools`",
    ),
    Variable::of(
        "PROMETHEUS_URL",
        "tools.prometheus",
        "URL of Prometheus, for `/health/tools`",
    ),
    LOG,
    LOG_FORMAT,
    NOTIFY_SOCKET,
    WATCHDOG_USEC,
    WATCHDOG_PID,
    SSL_CERT_FILE,
    SSL_CERT_DIR,
];

/// The variable that names the configuration file.
pub(super) const CONFIG: Variable = Variable {
    name: "VITALS_CONFIG",
    key: None,
    about: "the configuration file, if the command line names none",
};

/// The variable that filters the log.
pub(super) const LOG: Variable = Variable {
    name: "VITALS_LOG",
    key: None,
    about: "what to log: a level, or directives such as `info,vitals_sandbox=debug`; default `info`",
};

/// The variable that sets the format of the log.
pub(super) const LOG_FORMAT: Variable = Variable {
    name: "VITALS_LOG_FORMAT",
    key: None,
    about: "format of the log: `text` (default) or `json`",
};

/// The variable that names the socket of the service manager.
pub(super) const NOTIFY_SOCKET: Variable = Variable {
    name: "NOTIFY_SOCKET",
    key: None,
    about: "set by systemd: the socket that the host notifies of its state",
};

/// The variable that sets the timeout of the watchdog.
pub(super) const WATCHDOG_USEC: Variable = Variable {
    name: "WATCHDOG_USEC",
    key: None,
    about: "set by systemd: the watchdog timeout in microseconds",
};

/// The variable that names the process that the watchdog watches.
pub(super) const WATCHDOG_PID: Variable = Variable {
    name: "WATCHDOG_PID",
    key: None,
    about: "set by systemd: the process that the watchdog watches",
};

/// The variable that names trusted roots. The library that loads the roots of the machine reads it.
const SSL_CERT_FILE: Variable = Variable {
    name: "SSL_CERT_FILE",
    key: None,
    about: "PEM file of trusted roots in place of those of the machine (`system` in `tls.roots`)",
};

/// The variable that names directories of trusted roots. The same library reads it.
const SSL_CERT_DIR: Variable = Variable {
    name: "SSL_CERT_DIR",
    key: None,
    about: "directories of trusted roots in place of those of the machine, separated by `:`",
};

impl Variable {
    const fn of(name: &'static str, key: &'static str, about: &'static str) -> Self {
        Self {
            name,
            key: Some(key),
            about,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Config, Diagnostics, LogFormat, Logging, Sources};

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, Diagnostics> {
        let sources = Sources {
            environment: Environment::fixed(variables.iter().copied()),
            ..Sources::default()
        };
        Config::parse(text, Path::new("vitals.toml"), &sources)
    }

    #[test]
    fn every_variable_sets_its_key() {
        let config = parse(
            "",
            &[
                ("VITALS_PLUGINS_DIR", "p"),
                ("VITALS_ADMIN_TOKEN", "the-token"),
                ("ENABLE_METRICS", "TRUE"),
                ("VITALS_METRICS_TOKEN", "the-other-token"),
                ("SENTRY_DSN", "https://key@sentry.test/1"),
                ("SENTRY_ENVIRONMENT", "production"),
                ("GRAFANA_URL", "http://g.test"),
                ("FLOWER_URL", "http://f.test"),
                ("PROMETHEUS_URL", "http://p.test"),
                ("VITALS_LOG", "debug"),
                ("VITALS_LOG_FORMAT", "json"),
            ],
        );
        let config = config.expect("fine");
        assert_eq!(config.plugins.dir, Path::new("p"));
        let exposed =
            |secret: Option<crate::Secret>| secret.map(|secret| secret.expose().to_owned());
        assert_eq!(
            exposed(config.server.admin_token).as_deref(),
            Some("the-token")
        );
        assert!(config.metrics.enabled);
        assert_eq!(
            exposed(config.metrics.token).as_deref(),
            Some("the-other-token")
        );
        assert_eq!(
            exposed(config.sentry.dsn).as_deref(),
            Some("https://key@sentry.test/1")
        );
        assert_eq!(config.sentry.environment, "production");
        let tools: Vec<_> = config.tools.0.values().flatten().collect();
        assert_eq!(tools, ["http://f.test", "http://g.test", "http://p.test"]);
        let logging = Logging {
            filter: Some("debug".into()),
            format: LogFormat::Json,
        };
        assert_eq!(config.logging, logging);
        assert_eq!(
            config
                .secrets
                .line(
                    "the-token, the-other-token, https://key@sentry.test/1",
                    1000
                )
                .as_str(),
            "[redacted], [redacted], [redacted]"
        );
    }

    #[test]
    fn every_listed_key_exists() {
        for variable in VARIABLES.iter().filter(|variable| variable.key.is_some()) {
            let found = parse("", &[(variable.name, " ")]).map_err(|found| found.to_string());
            let unknown = found.is_err_and(|found| found.contains("unknown key"));
            assert!(!unknown, "{}", variable.name);
        }
    }

    #[test]
    fn values_of_variables_are_not_expanded() {
        let config = parse("", &[("SENTRY_ENVIRONMENT", "${HOME}")]).expect("fine");
        assert_eq!(config.sentry.environment, "${HOME}");
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf8_is_reported() {
        use std::os::unix::ffi::OsStringExt as _;
        let environment = Environment::fixed([("VITALS_LISTEN", OsString::from_vec(vec![0xff]))]);
        let sources = Sources {
            environment,
            ..Sources::default()
        };
        let found = Config::parse("", Path::new("vitals.toml"), &sources).expect_err("no text");
        assert_eq!(
            found.to_string(),
            "environment variable VITALS_LISTEN: the value is not UTF-8: set another value, or unset it"
        );
    }

    #[test]
    fn the_cache_defaults_to_the_cache_directory_of_the_user() {
        let cache = |text: &str, variables: &[(&str, &str)]| {
            parse(text, variables).expect("fine").plugins.cache_dir
        };
        let home = ("HOME", "/home/u");
        assert_eq!(cache("", &[home]), Some("/home/u/.cache/vitals".into()));
        assert_eq!(
            cache("", &[home, ("XDG_CACHE_HOME", "/c")]),
            Some("/c/vitals".into())
        );
        assert_eq!(
            cache("", &[home, ("XDG_CACHE_HOME", "c")]),
            Some("/home/u/.cache/vitals".into())
        );
        assert_eq!(cache("", &[]), None);
        assert_eq!(
            cache("plugins.cache_dir = 'here'", &[home]),
            Some("here".into())
        );
        assert_eq!(cache("plugins.cache_dir = ''", &[home]), None);
    }
}
