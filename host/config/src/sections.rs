//! The sections of the file about the host itself, one struct each.
//!
//! The doc comments are the descriptions in `vitals.schema.json`. The sentences that begin with
//! `Limits:`, `Default:` and `Environment:` have columns of their own in `docs/configuration.md`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clients::TlsIdentity;
use super::hosts::HostPattern;
use super::secret::Secret;
use super::values::{self, As, Count, Period};
use vitals_model::Root;

/// The HTTP server: where it listens, and what it answers to whom.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Server {
    /// IP address and port to listen on. Default: `"127.0.0.1:8000"`. Environment: `VITALS_LISTEN`.
    #[serde(deserialize_with = "values::listen")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// HTTP status of `GET /health` while the verdict is unhealthy. Limits: 200 or 503. Default:
    /// `200`.
    #[serde(with = "unhealthy_status")]
    #[schemars(schema_with = "unhealthy_status::schema")]
    pub unhealthy_status: UnhealthyStatus,
    /// Who sees messages and details of checks, `/plugins`, `/health/tools` and `/metrics`:
    /// everyone (`always`), or only clients that send a token (`authorized`). Default: `"always"`.
    pub details: Details,
    /// Token of the administrator, sent as `Authorization: Bearer`. It opens `POST /-/reload`, and
    /// with `details = "authorized"` everything that is hidden from others. Without it, nobody can
    /// open those. Limits: one or more printable ASCII characters without spaces. Default: none.
    /// Environment: `VITALS_ADMIN_TOKEN`.
    #[serde(deserialize_with = "values::token", skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub admin_token: Option<Secret>,
    /// Names by which clients may address this host in the `Host` header: `vitals.example.com`,
    /// `*.example.com`, or `*` for any name. IP addresses, `localhost` and names below `.localhost`
    /// are always accepted. Requests that use another name are answered with 421, because a web
    /// page can point its own name at this host and read the answers (DNS rebinding). Default:
    /// `[]`.
    pub hosts: Vec<HostPattern>,
    /// Time after which the first round of checks counts as complete, even if some checks have no
    /// result yet. Limits: 1 ms to 24 h. Default: `"1m"`.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub startup_grace: Duration,
    /// Time that runs in flight get to finish at shutdown. Limits: 1 ms to 24 h. Default: `"10s"`.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub shutdown_grace: Duration,
}

/// The HTTP status of `GET /health` while the verdict is unhealthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnhealthyStatus {
    /// 200: the request succeeded, and the body says what is unhealthy.
    #[default]
    Ok,
    /// 503: for probes that look only at the status.
    ServiceUnavailable,
}

impl UnhealthyStatus {
    /// Returns the status as a number.
    pub fn code(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::ServiceUnavailable => 503,
        }
    }
}

/// Who sees messages and details.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Details {
    /// Everyone.
    #[default]
    Always,
    /// Clients that send the admin token. `/metrics` also accepts the metrics token.
    Authorized,
}

/// The directories of plugins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Plugins {
    /// The plugins directory. A `.wasm` file in it that no check names runs by itself as a check,
    /// up to 1024 files. A configured check takes its plugin from here only with `dir = true` or
    /// `sha256`. An empty string means that there is no such directory. Relative paths, here and in
    /// every other key, start at the working directory. Default: `"plugins"`. Environment:
    /// `VITALS_PLUGINS_DIR`.
    pub dir: PathBuf,
    /// The library: the directory of the plugins that checks name. Nothing in it runs by itself. It
    /// can be the same directory as `dir`. Limits: not empty. Default: `"/usr/lib/vitals"`.
    /// Environment: `VITALS_PLUGINS_LIBRARY`.
    #[serde(deserialize_with = "values::path")]
    pub library: PathBuf,
    /// Whether a plugin in `dir` that no check names runs as the check `module:<file stem>`.
    /// Default: `true`.
    pub auto: bool,
    /// Directory for compiled plugins. It must belong to the user of the host with mode 700, and
    /// holds 1 GiB at most. An empty string turns the cache off. Default: `vitals` in
    /// `$XDG_CACHE_HOME`, or else in `$HOME/.cache`.
    pub cache_dir: Option<PathBuf>,
    /// Time between two scans of the directories. File events cause further scans. Limits: 1 ms to
    /// 24 h. Default: `"30s"`.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub rescan: Duration,
}

/// The WebAssembly engine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Engine {
    /// Number of runs that can be in flight at once. Limits: 1 to 4096. Default: `64`.
    #[serde(with = "As::<Count<1, 4096>>")]
    #[schemars(with = "Count<1, 4096>")]
    pub max_runs: u32,
    /// Number of threads that run guest code. 0 means one per CPU core. Limits: 0 to 1024. Default:
    /// `0`.
    #[serde(with = "As::<Count<0, 1024>>")]
    #[schemars(with = "Count<0, 1024>")]
    pub guest_threads: u32,
}

/// Certificates that the host trusts in TLS connections of checks, and in its own to receivers and
/// Sentry, and identities that it shows. Connections to Sentry keep the roots with which the host
/// started.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Tls {
    /// Trusted root certificates: `system` for those of the machine, and paths of PEM files.
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` replace those of the machine. Default: `["system"]`.
    pub roots: Vec<Root>,
    /// The identities that HTTP requests of checks may show to servers, by name. Limits: names match
    /// `[a-z0-9][a-z0-9._-]{0,63}`. Default: none.
    pub identities: BTreeMap<String, TlsIdentity>,
}

impl Tls {
    /// Returns the PEM files among the roots.
    pub fn root_files(&self) -> impl Iterator<Item = &PathBuf> {
        root_files(&self.roots)
    }
}

/// The PEM files among roots.
pub(super) fn root_files(roots: &[Root]) -> impl Iterator<Item = &PathBuf> {
    roots.iter().filter_map(|root| match root {
        Root::System => None,
        Root::File(path) => Some(path),
    })
}

/// Metrics for Prometheus.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Metrics {
    /// Whether `/metrics` is served. Default: `false`. Environment: `ENABLE_METRICS`.
    pub enabled: bool,
    /// Token that opens `/metrics`, sent as `Authorization: Bearer`. The admin token opens it too.
    /// Without a token `/metrics` is open to everyone, or needs the admin token with
    /// `server.details = "authorized"`. Limits: one or more printable ASCII characters without
    /// spaces. Default: none. Environment: `VITALS_METRICS_TOKEN`.
    #[serde(deserialize_with = "values::token", skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub token: Option<Secret>,
}

/// Error reports to Sentry. They are off without a DSN.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Sentry {
    /// DSN of the Sentry project that gets the reports. Default: none. Environment: `SENTRY_DSN`.
    #[serde(deserialize_with = "values::dsn", skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true, "x-vitals-type" = "URL"))]
    pub dsn: Option<Secret>,
    /// Environment that the reports name. Default: `"development"`. Environment:
    /// `SENTRY_ENVIRONMENT`.
    pub environment: String,
    /// Release that the reports name. Default: `vitals@` and the version of the host.
    pub release: Option<String>,
}

/// Pages of other tools that `GET /health/tools` lists, each with its URL as it was written.
/// `flower`, `grafana` and `prometheus` are always listed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tools(pub BTreeMap<String, Option<String>>);

/// The log. Only the environment sets it, because the log starts before the file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logging {
    /// What is logged: a level, or directives such as `info,vitals_sandbox=debug`. Default: none,
    /// which means `info`. Environment: `VITALS_LOG`.
    pub filter: Option<String>,
    /// Format of the lines. Default: text. Environment: `VITALS_LOG_FORMAT`.
    pub format: LogFormat,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people: `text`.
    #[default]
    Text,
    /// One JSON object per line: `json`.
    Json,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            unhealthy_status: UnhealthyStatus::default(),
            details: Details::default(),
            admin_token: None,
            hosts: Vec::new(),
            startup_grace: Duration::from_mins(1),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            dir: "plugins".into(),
            library: "/usr/lib/vitals".into(),
            auto: true,
            cache_dir: None,
            rescan: Duration::from_secs(30),
        }
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            max_runs: 64,
            guest_threads: 0,
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            roots: vec![Root::System],
            identities: BTreeMap::new(),
        }
    }
}

impl Default for Sentry {
    fn default() -> Self {
        Self {
            dsn: None,
            environment: "development".into(),
            release: None,
        }
    }
}

impl Default for Tools {
    fn default() -> Self {
        Self(STANDARD_TOOLS.map(|name| (name.to_owned(), None)).into())
    }
}

mod unhealthy_status {
    use schemars::{Schema, SchemaGenerator, json_schema};
    use serde::de::{Error, Unexpected};
    use serde::{Deserialize, Deserializer, Serializer};

    use super::UnhealthyStatus;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<UnhealthyStatus, D::Error> {
        match u64::deserialize(deserializer).ok() {
            Some(200) => Ok(UnhealthyStatus::Ok),
            Some(503) => Ok(UnhealthyStatus::ServiceUnavailable),
            _ => Err(D::Error::invalid_value(
                Unexpected::Other("status"),
                &"200 or 503",
            )),
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands fields over by reference"
    )]
    pub(super) fn serialize<S: Serializer>(
        status: &UnhealthyStatus,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(status.code())
    }

    pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [200, 503] })
    }
}

const STANDARD_TOOLS: [&str; 3] = ["flower", "grafana", "prometheus"];
