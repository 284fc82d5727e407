//! Reads a configuration: the file, then what the environment and the command line set, then the
//! steps to typed values. Each step is a module of its own.

use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use vitals_io::regular_file::{self, ReadError};

use super::config::{Config, Origin};
use super::diagnostic::Diagnostics;
use super::diagnostics_collector::DiagnosticsCollector;
use super::sources::{self, Sources};
use super::supervision::Supervision;
use super::tree::Node;
use super::{clients, expand, notify, resolve};

impl Config {
    /// Reads the configuration from `sources`. The command line overrides the environment, which
    /// overrides the file, which overrides the defaults.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once: a file that cannot be read or is not TOML, unknown keys,
    /// wrong types, values outside their limits. An error in the `config` of a check does not
    /// reject the file: it is kept in [`CheckConfig::settings`](super::CheckConfig::settings).
    pub fn load(sources: &Sources) -> Result<Self, Diagnostics> {
        let collector = DiagnosticsCollector::default();
        let (file, explicit) = sources.select_file();
        let text = match read_text(&file) {
            Ok(text) => Some(text),
            // A dangling link is a file that somebody meant to be there.
            Err(error) if explicit || file.symlink_metadata().is_ok() => {
                let message = format!("cannot read the configuration: {error}");
                collector.report_at(sources::whole(&file), String::new(), message);
                None
            }
            Err(_) => None,
        };
        Self::read(
            text.as_deref().map(|text| (text, file.as_path())),
            sources,
            collector,
        )
    }

    /// Reads a configuration from the text of the file `name`, and from the environment and the
    /// command line in `sources`.
    ///
    /// # Errors
    ///
    /// See [`Config::load`].
    pub fn parse(text: &str, name: &Path, sources: &Sources) -> Result<Self, Diagnostics> {
        Self::read(Some((text, name)), sources, DiagnosticsCollector::default())
    }

    fn read(
        text: Option<(&str, &Path)>,
        sources: &Sources,
        collector: DiagnosticsCollector,
    ) -> Result<Self, Diagnostics> {
        let mut root = match text {
            Some((text, name)) => Node::parse(text, &Arc::from(name))?,
            None => Node::empty(),
        };
        sources.overlay(&mut root, &collector);
        let expansion = expand::expand(&mut root, &sources.environment, &collector);
        mark_secrets(&mut root);
        let config = Self {
            logging: sources.logging(&collector),
            supervision: Supervision::read(&sources.environment, &collector),
            origin: text.map_or(Origin::Defaults, |(_, name)| Origin::File(name.to_owned())),
            ..resolve::resolve(&root, expansion, &sources.environment, &collector)
        };
        collector.finish(config)
    }
}

/// Marks the values that are secrets by their nature, so that no diagnostic shows them.
pub(super) fn mark_secrets(root: &mut Node) {
    root.mark_secret(&["server", "admin_token"]);
    root.mark_secret(&["metrics", "token"]);
    root.mark_secret(&["sentry", "dsn"]);
    notify::mark_secrets(root);
    clients::mark_secrets(root);
}

/// Reads the text of a file, with an empty environment.
impl FromStr for Config {
    type Err = Diagnostics;

    fn from_str(text: &str) -> Result<Self, Diagnostics> {
        Self::parse(text, Path::new(sources::DEFAULT_FILE), &Sources::default())
    }
}

/// Reads the configuration file, which may be a pipe.
fn read_text(file: &Path) -> Result<String, ReadError> {
    let bytes = match regular_file::read(file, MAX_FILE_BYTES) {
        Err(ReadError::NotRegular) => std::fs::read(file)?,
        read => read?,
    };
    let text = String::from_utf8(bytes);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8").into())
}

const MAX_FILE_BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vitals_model::Root;

    use super::*;
    use crate::sections::{Details, Engine, Plugins, Server};

    #[test]
    fn every_key_is_read() {
        let digest = "5f".repeat(32);
        let text = format!(
            r#"
[server]
listen = "[::1]:9000"
unhealthy_status = 503
details = "authorized"
admin_token = "token-of-the-admin"
startup_grace = "61s"
shutdown_grace = "11s"
[plugins]
dir = "here"
library = "there"
auto = false
cache_dir = "cache"
rescan = "31s"
[engine]
max_runs = 65
guest_threads = 1
[tls]
roots = ["system", "ca.pem"]
[metrics]
enabled = true
[sentry]
dsn = "https://key@sentry.example.com/1"
environment = "production"
release = "1.2.3"
[tools]
grafana = "http://grafana.example.com:3000"
wiki = "https://wiki.example.com"
[checks.orders-db]
plugin = "postgres"
interval = "15s"
sha256 = "{digest}"
enabled = false
config = {{ address = "db.internal:5432" }}
"#
        );
        let config: Config = text.parse().expect("a configuration");
        let Server {
            listen,
            unhealthy_status,
            details,
            startup_grace,
            shutdown_grace,
            ..
        } = config.server;
        assert_eq!(listen.to_string(), "[::1]:9000");
        assert_eq!(
            (unhealthy_status.code(), details),
            (503, Details::Authorized)
        );
        let graces = [startup_grace, shutdown_grace].map(|grace| grace.as_secs());
        assert_eq!(graces, [61, 11]);
        let plugins = Plugins {
            dir: "here".into(),
            library: "there".into(),
            auto: false,
            cache_dir: Some("cache".into()),
            rescan: Duration::from_secs(31),
        };
        assert_eq!(config.plugins, plugins);
        let engine = Engine {
            max_runs: 65,
            guest_threads: 1,
        };
        assert_eq!(config.engine, engine);
        assert_eq!(
            config.tls.roots,
            [Root::System, Root::File("ca.pem".into())]
        );
        assert!(config.metrics.enabled);
        assert_eq!(config.sentry.environment, "production");
        assert_eq!(config.sentry.release.as_deref(), Some("1.2.3"));
        let tools: Vec<_> = config
            .tools
            .0
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_deref()))
            .collect();
        assert_eq!(
            tools,
            [
                ("flower", None),
                ("grafana", Some("http://grafana.example.com:3000")),
                ("prometheus", None),
                ("wiki", Some("https://wiki.example.com")),
            ]
        );
        let check = config.checks.get("orders-db").expect("the check");
        assert_eq!(
            check.plugin.as_ref().map(ToString::to_string).as_deref(),
            Some("postgres")
        );
        assert_eq!(check.sha256.map(|sha256| sha256.to_string()), Some(digest));
        assert!(!check.enabled);
        assert_eq!(config.origin.to_string(), "vitals.toml");
        assert!(config.secrets.occur_in("token-of-the-admin"));
    }

    #[test]
    fn host_patterns_and_the_metrics_token_are_read() {
        let text = "[server]\nhosts = ['Vitals', '*.example.com', '*']\n\
                    [metrics]\ntoken = 'token-of-prometheus'";
        let config: Config = text.parse().expect("a configuration");
        let hosts: Vec<_> = config
            .server
            .hosts
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(hosts, ["vitals", "*.example.com", "*"]);
        assert!(config.metrics.token.is_some());
        assert!(config.secrets.occur_in("token-of-prometheus"));
    }

    #[test]
    fn an_empty_file_is_the_default() {
        let empty: Config = "".parse().expect("a configuration");
        let default = Config {
            origin: empty.origin.clone(),
            ..Config::default()
        };
        assert_eq!(format!("{empty:?}"), format!("{default:?}"));
        assert_eq!(default.server.startup_grace, Duration::from_mins(1));
        assert_eq!(default.plugins.library, Path::new("/usr/lib/vitals"));
        assert_eq!(default.defaults.limits.memory, 64 << 20);
    }
}
