//! The environment, and the list of the variables that the host reads.
//!
//! Nothing else in the host reads the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::diagnostics_collector::DiagnosticsCollector;

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
        Self(Some(Arc::new(|name: &str| std::env::var_os(name))))
    }

    /// Returns an environment of these variables.
    pub fn fixed<N: Into<String>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables: BTreeMap<String, OsString> = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self(Some(Arc::new(move |name: &str| {
            variables.get(name).cloned()
        })))
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
        let message = "the value is not UTF-8".to_owned();
        text.map_err(|_| Diagnostic::of_variable(name, message, "set another value, or unset it"))
    }

    /// Like [`Environment::text`], and reports the error to `collector`.
    pub(super) fn collect(&self, name: &str, collector: &DiagnosticsCollector) -> Option<String> {
        let text = self.text(name).map_err(|error| collector.push(error));
        text.ok().flatten()
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
    Variable::without_key(
        CONFIG,
        "the configuration file, if the command line names none",
    ),
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
    Variable::without_key(
        LOG,
        "what to log: a level, or directives such as `info,vitals_sandbox=debug`; default `info`",
    ),
    Variable::without_key(LOG_FORMAT, "format of the log: `text` (default) or `json`"),
    Variable::without_key(
        NOTIFY_SOCKET,
        "set by systemd: the socket that the host notifies of its state",
    ),
    Variable::without_key(
        WATCHDOG_USEC,
        "set by systemd: the watchdog timeout in microseconds",
    ),
    Variable::without_key(
        WATCHDOG_PID,
        "set by systemd: the process that the watchdog watches",
    ),
    // The library that loads the roots of the machine reads these two.
    Variable::without_key(
        "SSL_CERT_FILE",
        "PEM file of trusted roots in place of those of the machine (`system` in `tls.roots`)",
    ),
    Variable::without_key(
        "SSL_CERT_DIR",
        "directories of trusted roots in place of those of the machine, separated by `:`",
    ),
];

pub(super) const CONFIG: &str = "VITALS_CONFIG";
pub(super) const LOG: &str = "VITALS_LOG";
pub(super) const LOG_FORMAT: &str = "VITALS_LOG_FORMAT";
pub(super) const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
pub(super) const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
pub(super) const WATCHDOG_PID: &str = "WATCHDOG_PID";

impl Variable {
    const fn of(name: &'static str, key: &'static str, about: &'static str) -> Self {
        Self {
            name,
            key: Some(key),
            about,
        }
    }

    const fn without_key(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            key: None,
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
