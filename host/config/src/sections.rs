//! The sections of the file that are about the host itself. One struct each, in the words of the
//! file: the doc comments are the descriptions in `vitals.schema.json`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hosts::HostPattern;
use super::secret::Secret;
use super::values::{self, As, Count, Period};
use vitals_model::Root;

/// The server: where it listens and what it answers. A change needs a restart.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Server {
    /// IP address and port to listen on. Environment: `VITALS_LISTEN`.
    #[serde(deserialize_with = "values::listen")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// HTTP status of `GET /health` while unhealthy.
    #[serde(with = "unhealthy_status")]
    #[schemars(schema_with = "unhealthy_status::schema")]
    pub unhealthy_status: UnhealthyStatus,
    /// Who sees messages and details in answers.
    pub details: Details,
    /// Token for what changes something, and with `details = "authorized"` for what is shown to
    /// nobody else; without one all of that is refused. Environment: `VITALS_ADMIN_TOKEN`.
    #[serde(deserialize_with = "values::token", skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub admin_token: Option<Secret>,
    /// Names besides `localhost` that requests may ask the host by, in their header `Host`:
    /// `vitals.example.com`, `*.example.com`, or `*` for any. IP addresses always may. A request
    /// by another name is answered with 421: it may come from a web page that has led its own name
    /// to this host.
    pub hosts: Vec<HostPattern>,
    /// The first round of checks counts as over after this time, come what may.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub startup_grace: Duration,
    /// Time that runs in flight get at shutdown.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub shutdown_grace: Duration,
}

/// The HTTP status of `GET /health` while unhealthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnhealthyStatus {
    /// 200: the answer was given, and its body says what is wrong.
    #[default]
    Ok,
    /// 503, for probes that look at the status alone.
    ServiceUnavailable,
}

impl UnhealthyStatus {
    /// The number.
    pub fn code(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::ServiceUnavailable => 503,
        }
    }
}

/// Who sees messages and details in answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Details {
    /// Everybody.
    #[default]
    Always,
    /// Who shows the admin token.
    Authorized,
}

/// Where plugins are found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Plugins {
    /// Directory in which a `.wasm` that no check names runs by itself; 1024 of them at most. A check takes
    /// its plugin from here only if it says `dir = true`. An empty string: none. Relative paths, here and
    /// in every other key, start at the working directory. Environment: `VITALS_PLUGINS_DIR`.
    pub dir: PathBuf,
    /// Directory of the plugins that checks name. Nothing in it runs by itself. It may be `dir`.
    /// Environment: `VITALS_PLUGINS_LIBRARY`.
    #[serde(deserialize_with = "values::path")]
    pub library: PathBuf,
    /// Whether a plugin in `dir` that no check names runs as the check `module:<file stem>`.
    pub auto: bool,
    /// Directory of compiled code, which must be this user's alone (mode 700); 1 GiB of it is kept.
    /// An empty string: none is kept. Default: `vitals` in the user's cache directory.
    pub cache_dir: Option<PathBuf>,
    /// Time between two looks at the directories, besides those that file events ask for.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub rescan: Duration,
}

/// The engine that runs the plugins. A change needs a restart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Engine {
    /// Runs at once.
    #[serde(with = "As::<Count<1, 4096>>")]
    #[schemars(with = "Count<1, 4096>")]
    pub max_runs: u32,
    /// Threads that run guest code; 0: one per core.
    #[serde(with = "As::<Count<0, 1024>>")]
    #[schemars(with = "Count<0, 1024>")]
    pub guest_threads: u32,
}

/// What the host trusts when it opens TLS connections: for checks, and to Sentry, there with the
/// roots of its start.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Tls {
    /// Trusted roots: `system` for those of the machine, and paths of PEM files.
    pub roots: Vec<Root>,
}

impl Tls {
    /// The PEM files among the roots.
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

/// The Prometheus metrics. A change needs a restart.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Metrics {
    /// Whether `/metrics` is served. Environment: `ENABLE_METRICS`.
    pub enabled: bool,
    /// Token for `/metrics`, which the admin token opens too. Without one `/metrics` is open, or with
    /// `server.details = "authorized"` needs the admin token. Environment: `VITALS_METRICS_TOKEN`.
    #[serde(deserialize_with = "values::token", skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub token: Option<Secret>,
}

/// Error reports to Sentry; off without a DSN. A change needs a restart.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Sentry {
    /// Where reports go. Environment: `SENTRY_DSN`.
    #[serde(deserialize_with = "values::dsn", skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true, "x-vitals-type" = "URL"))]
    pub dsn: Option<Secret>,
    /// Environment that reports name. Environment: `SENTRY_ENVIRONMENT`.
    pub environment: String,
    /// Release that reports name. Default: `vitals@` and the version of the host.
    pub release: Option<String>,
}

/// The pages that `GET /health/tools` names, each with its URL as it was written. `flower`,
/// `grafana` and `prometheus` are always among them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tools(pub BTreeMap<String, Option<String>>);

/// The log. Set by the environment alone, because it is needed before the file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logging {
    /// What is logged: a level or directives; nothing is said here where `VITALS_LOG` is not set.
    pub filter: Option<String>,
    /// How it is written. Environment: `VITALS_LOG_FORMAT`.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object on each line.
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
        Self(
            STANDARD_TOOLS
                .iter()
                .map(|name| ((*name).to_owned(), None))
                .collect(),
        )
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
