//! The tables and keys of the file as they are written. Every key is optional; `resolve` fills in
//! what is missing.
//!
//! The doc comments are the descriptions in `vitals.schema.json`. The sentences that begin with
//! `Limits:`, `Default:` and `Environment:` have columns of their own in `docs/configuration.md`.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::checks::{Allow, Connections, Fuel, HttpBody, Memory, Output, Schedule};
use super::clients::Proxy;
use super::notify::Notify;
use super::sections::{Engine, Metrics, Plugins, Sentry, Server, Tls};
use super::values::{As, PageUrl, Period, RunCount};
use vitals_model::{Digest, Limits, PluginName, Root};

/// Configuration of vitals. In every string, `${NAME}` is replaced by the value of an environment
/// variable, and `${file:PATH}` by the contents of a file without one newline at its end. `$${` is
/// a literal `${`.
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
    /// The proxies that HTTP requests of checks may use, by name. Limits: names match
    /// `[a-z0-9][a-z0-9._-]{0,63}`.
    pub(super) proxies: BTreeMap<String, Proxy>,
    #[schemars(with = "ToolsTable")]
    pub(super) tools: BTreeMap<String, PageUrl>,
    pub(super) defaults: RawDefaults,
    /// The checks by name. Limits: names match `[a-z0-9][a-z0-9._-]{0,63}`.
    #[schemars(with = "BTreeMap<String, RawCheck>")]
    pub(super) checks: Option<DeferredTable>,
}

/// Pages of other tools that `GET /health/tools` lists. Other names can be added.
#[derive(JsonSchema)]
#[schemars(rename = "Tools")]
#[expect(dead_code, reason = "it only describes the table for the JSON Schema")]
struct ToolsTable {
    /// URL of Grafana. Default: none. Environment: `GRAFANA_URL`.
    grafana: Option<PageUrl>,
    /// URL of Flower. Default: none. Environment: `FLOWER_URL`.
    flower: Option<PageUrl>,
    /// URL of Prometheus. Default: none. Environment: `PROMETHEUS_URL`.
    prometheus: Option<PageUrl>,
    #[serde(flatten)]
    further: BTreeMap<String, PageUrl>,
}

/// Values for all checks that do not set their own.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Defaults")]
pub(super) struct RawDefaults {
    /// Time between the starts of two runs. The hash of the name spreads the checks over it.
    /// Limits: 1 ms to 24 h. Default: `"30s"`.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub(super) interval: Duration,
    /// Wall-clock time of one run. A run that takes longer ends with `timeout`. Limits: 1 ms to 24
    /// h, not above `interval` or `retry_interval`. Default: `"5s"`.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub(super) timeout: Duration,
    /// Whether the host is not ready while the check is unhealthy. Default: `true`.
    pub(super) critical: bool,
    /// Number of failed runs in a row after which the status becomes unhealthy. Limits: 1 to 1000.
    /// Default: `1`.
    #[serde(with = "As::<RunCount>")]
    #[schemars(with = "RunCount")]
    pub(super) fall: NonZeroU32,
    /// Number of good runs in a row after which the status is healthy again. Limits: 1 to 1000.
    /// Default: `1`.
    #[serde(with = "As::<RunCount>")]
    #[schemars(with = "RunCount")]
    pub(super) rise: NonZeroU32,
    /// Time between two runs while `fall` or `rise` is being counted. Limits: 1 ms to 24 h, not
    /// below `timeout`. Default: the check's `interval`.
    pub(super) retry_interval: Option<Period>,
    /// Whether a new version of the plugin makes a trial run of each check before it is promoted.
    /// If a trial run exceeds a limit or breaks down, the new version is rejected, and the previous
    /// one keeps serving. Default: `true`.
    pub(super) trial: bool,
    /// Whether receivers in `[notify]` are notified of transitions of the check. Default: `true`.
    pub(super) notify: bool,
    /// Whether plugins of checks may be loaded from `plugins.dir`, which is then searched first.
    /// Otherwise they come from `plugins.library`. Default: `false`.
    pub(super) dir: bool,
    /// Limits of one run.
    #[serde(with = "RawDefaultLimits")]
    #[schemars(with = "RawDefaultLimits")]
    pub(super) limits: Limits,
}

/// Limits of one run.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(remote = "Limits", default = "Limits::default", deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub(super) struct RawDefaultLimits {
    /// Fuel of one run: about one unit for each instruction of the guest. A run that exceeds it
    /// ends with `fuel`. Limits: 1 or more. Default: `500000000`.
    #[serde(with = "As::<Fuel>")]
    #[schemars(with = "Fuel")]
    fuel: u64,
    /// Memory of one run in bytes, tables included, summed over the component. A run that exceeds
    /// it ends with `memory`. Limits: 64 KiB to 4 GiB. Default: `"64MiB"`.
    #[serde(with = "As::<Memory>")]
    #[schemars(with = "Memory")]
    memory: u64,
    /// Bytes that the guest can pass to the host in one call, the result included. A run that
    /// exceeds it ends with `output`. Limits: 1 KiB to 1 GiB. Default: `"2MiB"`.
    #[serde(with = "As::<Output>")]
    #[schemars(with = "Output")]
    output: u64,
    /// Number of sockets, UDP peers, HTTP requests, TLS connections and look-ups in one run. Beyond
    /// it the guest gets an error. Limits: 0 to 65536. Default: `64`.
    #[serde(with = "As::<Connections>")]
    #[schemars(with = "Connections")]
    connections: u32,
    /// Bytes of the body of one HTTP response. Beyond it the guest gets an error. Limits: 1 KiB to
    /// 1 GiB. Default: `"1MiB"`.
    #[serde(with = "As::<HttpBody>")]
    #[schemars(with = "HttpBody")]
    http_body: u64,
}

/// One check.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Check")]
pub(super) struct RawCheck {
    /// Name of the plugin: `postgres` is `postgres.wasm`. Default: none; the program that embeds
    /// the host registers the check.
    #[schemars(with = "Option<String>")]
    pub(super) plugin: Option<PluginName>,
    /// Whether the check runs. Default: `true`.
    pub(super) enabled: Option<bool>,
    /// Whether the plugin may be loaded from `plugins.dir`, which is then searched first. Otherwise
    /// it comes from `plugins.library`, and from `plugins.dir` only with `sha256`. Default: that of
    /// `[defaults]`.
    pub(super) dir: Option<bool>,
    /// SHA-256 of the plugin file in hexadecimal. Only that file is loaded. Default: any file is
    /// loaded.
    #[schemars(with = "Option<String>")]
    pub(super) sha256: Option<Digest>,
    /// Settings of the plugin. `vitals inspect FILE.wasm` lists them. Default: `{}`.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub(super) config: Option<DeferredTable>,
    /// Grants beyond the addresses in `config`.
    pub(super) allow: Allow,
    /// Certificates that the check trusts, in place of those of `[tls]`.
    pub(super) tls: RawTls,
    /// Time between the starts of two runs. Limits: 1 ms to 24 h. Default: that of `[defaults]`.
    pub(super) interval: Option<Period>,
    /// Wall-clock time of one run. Limits: 1 ms to 24 h, not above `interval` or `retry_interval`.
    /// Default: that of `[defaults]`.
    pub(super) timeout: Option<Period>,
    /// Whether the host is not ready while the check is unhealthy. Default: that of `[defaults]`.
    pub(super) critical: Option<bool>,
    /// Number of failed runs in a row after which the status becomes unhealthy. Limits: 1 to 1000.
    /// Default: that of `[defaults]`.
    pub(super) fall: Option<RunCount>,
    /// Number of good runs in a row after which the status is healthy again. Limits: 1 to 1000.
    /// Default: that of `[defaults]`.
    pub(super) rise: Option<RunCount>,
    /// Time between two runs while `fall` or `rise` is being counted. Limits: 1 ms to 24 h, not
    /// below `timeout`. Default: that of `[defaults]`, or else `interval`.
    pub(super) retry_interval: Option<Period>,
    /// Whether a new version of the plugin makes a trial run before it is promoted. Default: that
    /// of `[defaults]`.
    pub(super) trial: Option<bool>,
    /// Whether receivers in `[notify]` are notified of transitions of the check. Default: that of
    /// `[defaults]`.
    pub(super) notify: Option<bool>,
    /// Limits of one run, in place of those of `[defaults.limits]`.
    pub(super) limits: RawLimits,
}

/// Limits of one run of a check.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CheckLimits")]
pub(super) struct RawLimits {
    /// Fuel of one run. Limits: 1 or more. Default: that of `[defaults.limits]`.
    pub(super) fuel: Option<Fuel>,
    /// Memory of one run in bytes. Limits: 64 KiB to 4 GiB. Default: that of `[defaults.limits]`.
    pub(super) memory: Option<Memory>,
    /// Bytes that the guest can pass to the host in one call. Limits: 1 KiB to 1 GiB. Default: that
    /// of `[defaults.limits]`.
    pub(super) output: Option<Output>,
    /// Number of sockets, UDP peers, HTTP requests, TLS connections and look-ups in one run.
    /// Limits: 0 to 65536. Default: that of `[defaults.limits]`.
    pub(super) connections: Option<Connections>,
    /// Bytes of the body of one HTTP response. Limits: 1 KiB to 1 GiB. Default: that of
    /// `[defaults.limits]`.
    pub(super) http_body: Option<HttpBody>,
}

/// Certificates that a check trusts in its TLS connections.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CheckTls")]
pub(super) struct RawTls {
    /// Trusted root certificates: `system` for those of the machine, and paths of PEM files.
    /// Default: those of `[tls]`.
    pub(super) roots: Option<Vec<Root>>,
}

/// A table whose contents are read later.
pub(super) struct DeferredTable;

impl<'de> Deserialize<'de> for DeferredTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for DeferredTable {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self, A::Error> {
        Ok(self)
    }
}

impl Default for RawDefaults {
    fn default() -> Self {
        let mut defaults = Self::new(&Schedule::default(), &Limits::default(), false);
        // Not set: that is the interval.
        defaults.retry_interval = None;
        defaults
    }
}

impl RawDefaults {
    /// Returns the table that sets this schedule and these limits.
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
            limits: limits.clone(),
        }
    }
}
