//! The file as it is written: which tables and keys there are. Everything can be left out; what that
//! means is said in `resolve`. The doc comments are the descriptions in `vitals.schema.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::checks::{Connections, Fuel, HttpBody, Memory, Output, Schedule};
use super::notify::Notify;
use super::sections::{Engine, Metrics, Plugins, Sentry, Server, Tls};
use super::values::{As, PageUrl, Period, RunCount};
use vitals_model::{Digest, Limits, PluginName, Root};

/// Configuration of vitals. In every string `${NAME}` is replaced by an environment variable and
/// `${file:PATH}` by the contents of a file less one newline at the end; `$${` is a literal `${`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "vitals.toml")]
pub(super) struct RawFile {
    pub(super) server: Server,
    pub(super) plugins: Plugins,
    pub(super) engine: Engine,
    pub(super) tls: Tls,
    pub(super) metrics: Metrics,
    pub(super) sentry: Sentry,
    pub(super) notify: Notify,
    #[schemars(with = "ToolsTable")]
    pub(super) tools: BTreeMap<String, PageUrl>,
    pub(super) defaults: RawDefaults,
    /// The checks by name: `[a-z0-9][a-z0-9._-]{0,63}`.
    #[schemars(with = "BTreeMap<String, RawCheck>")]
    pub(super) checks: Option<DeferredTable>,
}

/// Pages that `GET /health/tools` names. Further names can be added.
#[derive(JsonSchema)]
#[schemars(rename = "Tools")]
#[expect(dead_code, reason = "it only describes the table for the JSON Schema")]
struct ToolsTable {
    /// URL of Grafana. Environment: `GRAFANA_URL`.
    grafana: Option<PageUrl>,
    /// URL of Flower. Environment: `FLOWER_URL`.
    flower: Option<PageUrl>,
    /// URL of Prometheus. Environment: `PROMETHEUS_URL`.
    prometheus: Option<PageUrl>,
    #[serde(flatten)]
    further: BTreeMap<String, PageUrl>,
}

/// What holds for every check that says nothing else.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Defaults")]
pub(super) struct RawDefaults {
    /// Time between the starts of two runs.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub(super) interval: Duration,
    /// Wall-clock time of one run; not above `interval`.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub(super) timeout: Duration,
    /// Whether the host is not ready while a check is unhealthy.
    pub(super) critical: bool,
    /// Failing runs in a row before the status turns unhealthy.
    #[serde(with = "As::<RunCount>")]
    #[schemars(with = "RunCount")]
    pub(super) fall: NonZeroU32,
    /// Good runs in a row before it turns back.
    #[serde(with = "As::<RunCount>")]
    #[schemars(with = "RunCount")]
    pub(super) rise: NonZeroU32,
    /// Time between two runs while `fall` or `rise` is being counted; not below `timeout`. Default:
    /// `interval`.
    pub(super) retry_interval: Option<Period>,
    /// Whether a new version of a plugin makes a trial run of each check before it serves: one that
    /// a limit ends, or that breaks down, is refused, and the version before it serves on.
    pub(super) trial: bool,
    /// Whether the receivers of `[notify]` are told when a check turns.
    pub(super) notify: bool,
    /// Whether plugins of checks may lie in `plugins.dir`.
    pub(super) dir: bool,
    /// What one run may use.
    pub(super) limits: RawDefaultLimits,
}

/// What one run may use.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub(super) struct RawDefaultLimits {
    /// Fuel of one run; about one unit for each instruction of the guest. A run that uses it up ends
    /// in `fuel`.
    pub(super) fuel: Fuel,
    /// Memory of one run, tables included, over the whole component. A run that wants more ends in
    /// `memory`.
    pub(super) memory: Memory,
    /// Bytes handed to the host in one call, results included. A run that hands over more ends in
    /// `output`.
    pub(super) output: Output,
    /// Sockets made, peers sent datagrams, requests, TLS connections and names looked up in one run.
    /// Beyond, the guest sees an error.
    pub(super) connections: Connections,
    /// Body of one HTTP response. Beyond, the guest sees an error.
    pub(super) http_body: HttpBody,
}

/// One check.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Check")]
pub(super) struct RawCheck {
    /// Name of the plugin: `postgres` is `postgres.wasm`. Left out for a check that the embedding
    /// program makes itself.
    #[schemars(with = "Option<String>")]
    pub(super) plugin: Option<PluginName>,
    /// Whether it runs at all. Default: `true`.
    pub(super) enabled: Option<bool>,
    /// Whether its plugin may lie in `plugins.dir`, which is searched first then. Else it is taken from
    /// `plugins.library`, and from `plugins.dir` only if `sha256` says which file is meant. Default:
    /// that of `[defaults]`.
    pub(super) dir: Option<bool>,
    /// SHA-256 of the plugin's file in hexadecimal: only that file is loaded. Default: any is.
    #[schemars(with = "Option<String>")]
    pub(super) sha256: Option<Digest>,
    /// The plugin's own configuration; `vitals inspect FILE.wasm` lists its settings. Default: `{}`.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub(super) config: Option<DeferredTable>,
    /// What it may reach besides the addresses in `config`.
    pub(super) allow: RawAllow,
    /// What it trusts in TLS connections, instead of `[tls]`.
    pub(super) tls: RawTls,
    /// Time between the starts of two runs. Default: that of `[defaults]`.
    pub(super) interval: Option<Period>,
    /// Wall-clock time of one run; not above `interval`. Default: that of `[defaults]`.
    pub(super) timeout: Option<Period>,
    /// Whether the host is not ready while it is unhealthy. Default: that of `[defaults]`.
    pub(super) critical: Option<bool>,
    /// Failing runs in a row before the status turns unhealthy. Default: that of `[defaults]`.
    pub(super) fall: Option<RunCount>,
    /// Good runs in a row before it turns back. Default: that of `[defaults]`.
    pub(super) rise: Option<RunCount>,
    /// Time between two runs while `fall` or `rise` is being counted; not below `timeout`. Default:
    /// that of `[defaults]`, else `interval`.
    pub(super) retry_interval: Option<Period>,
    /// Whether a new version of its plugin makes a trial run before it serves. Default: that of
    /// `[defaults]`.
    pub(super) trial: Option<bool>,
    /// Whether the receivers of `[notify]` are told when it turns. Default: that of `[defaults]`.
    pub(super) notify: Option<bool>,
    /// What one run may use, instead of what `[defaults.limits]` says.
    pub(super) limits: RawLimits,
}

/// What one run of a check may use.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CheckLimits")]
pub(super) struct RawLimits {
    /// Fuel of one run. Default: that of `[defaults.limits]`.
    pub(super) fuel: Option<Fuel>,
    /// Memory of one run. Default: that of `[defaults.limits]`.
    pub(super) memory: Option<Memory>,
    /// Bytes handed to the host in one call. Default: that of `[defaults.limits]`.
    pub(super) output: Option<Output>,
    /// Sockets, requests, connections and look-ups of one run. Default: that of `[defaults.limits]`.
    pub(super) connections: Option<Connections>,
    /// Body of one HTTP response. Default: that of `[defaults.limits]`.
    pub(super) http_body: Option<HttpBody>,
}

/// What a check may reach besides the addresses in its `config`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Allow")]
pub(super) struct RawAllow {
    /// Origins of URLs: `https://*.example.com`.
    pub(super) http: Vec<String>,
    /// Addresses and ports for TCP: `10.0.0.0/8:5432`.
    pub(super) tcp: Vec<String>,
    /// Addresses and ports for UDP: `1.1.1.1:53`.
    pub(super) udp: Vec<String>,
    /// Names and ports for TLS by the host: `*.example.com:443`.
    pub(super) tls: Vec<String>,
    /// Names that may be looked up: `example.com`.
    pub(super) names: Vec<String>,
    /// Files that may be read, and directories with what is below them: `/var/backups`.
    pub(super) files: Vec<String>,
    /// Environment variables that are handed in: `TZ`.
    pub(super) env: Vec<String>,
    /// Facts about the machine: how full the disk is that holds one path (`disk:/`), `memory`, `load`.
    pub(super) system: Vec<String>,
}

/// What a check trusts in TLS connections.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CheckTls")]
pub(super) struct RawTls {
    /// Trusted roots: `system` for those of the machine, and paths of PEM files. Default: those of
    /// `[tls]`.
    pub(super) roots: Option<Vec<Root>>,
}

/// A table that is looked into by itself, later.
pub(super) struct DeferredTable;

impl<'de> Deserialize<'de> for DeferredTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyTable)
    }
}

struct AnyTable;

impl<'de> Visitor<'de> for AnyTable {
    type Value = DeferredTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<DeferredTable, A::Error> {
        Ok(DeferredTable)
    }
}

impl Default for RawDefaults {
    fn default() -> Self {
        Self {
            // The interval, whatever that is.
            retry_interval: None,
            ..Self::new(&Schedule::default(), &Limits::default(), false)
        }
    }
}

impl RawDefaults {
    /// Writes a schedule and limits as `[defaults]` says them.
    pub(super) fn new(schedule: &Schedule, limits: &Limits, dir: bool) -> Self {
        let Schedule {
            interval,
            timeout,
            critical,
            fall,
            rise,
            retry_interval,
            trial,
            notify,
        } = *schedule;
        Self {
            interval,
            timeout,
            critical,
            fall,
            rise,
            retry_interval: Some(retry_interval.into()),
            trial,
            notify,
            dir,
            limits: limits.into(),
        }
    }
}

impl Default for RawDefaultLimits {
    fn default() -> Self {
        Self::from(&Limits::default())
    }
}

impl From<&Limits> for RawDefaultLimits {
    fn from(limits: &Limits) -> Self {
        let Limits {
            fuel,
            memory,
            output,
            connections,
            http_body,
        } = *limits;
        Self {
            fuel: fuel.into(),
            memory: memory.into(),
            output: output.into(),
            connections: connections.into(),
            http_body: http_body.into(),
        }
    }
}

impl From<&RawDefaultLimits> for Limits {
    fn from(raw: &RawDefaultLimits) -> Self {
        Self {
            fuel: raw.fuel.into(),
            memory: raw.memory.into(),
            output: raw.output.into(),
            connections: raw.connections.into(),
            http_body: raw.http_body.into(),
        }
    }
}
