//! The configuration of one check, with every default filled in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::diagnostic::{Diagnostics, Location};
use super::values::{Count, MAX_INTEGER, Size};
use vitals_model::{Digest, Limits, PluginName, Root};

/// The configuration of one check. Two are equal if they say the same, wherever they are written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckConfig {
    /// The plugin that makes the check. None for a native check, which the embedding program
    /// registers under the same name.
    pub plugin: Option<PluginName>,
    /// When the check runs, and what its result counts for.
    pub schedule: Schedule,
    /// The limits of one run.
    pub limits: Limits,
    /// The digest of the only file that is loaded as the plugin. Default: none; any file is loaded.
    pub sha256: Option<Digest>,
    /// Whether the plugin may be loaded from the plugins directory. Otherwise it comes from the
    /// library. Default: `false`.
    pub dir: bool,
    /// Whether the check runs. Default: `true`.
    pub enabled: bool,
    /// The grants beyond the addresses in the settings.
    pub allow: Allow,
    /// The trusted roots of the TLS connections of the check. None: those of [`super::Tls`].
    pub roots: Option<Vec<Root>>,
    /// The `config` table, or what is wrong in it. An error here concerns this check only.
    pub settings: Result<Settings, Diagnostics>,
    /// Where the table is written.
    pub location: Location,
}

/// The values for checks that do not set their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Defaults {
    /// When checks run, and what their results count for.
    pub schedule: Schedule,
    /// The limits of one run.
    pub limits: Limits,
    /// Whether plugins of checks may be loaded from the plugins directory. Default: `false`.
    pub dir: bool,
}

/// When a check runs, and what its result counts for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// Time between the starts of two runs: 1 ms to 24 h. Default: 30 s.
    pub interval: Duration,
    /// Wall-clock time of one run: 1 ms to 24 h, not above `interval` or `retry_interval`. Default:
    /// 5 s.
    pub timeout: Duration,
    /// Whether the host is not ready while the check is unhealthy. Default: `true`.
    pub critical: bool,
    /// Number of failed runs in a row after which the status becomes unhealthy: 1 to 1000. Default:
    /// 1.
    pub fall: NonZeroU32,
    /// Number of good runs in a row after which the status is healthy again: 1 to 1000. Default: 1.
    pub rise: NonZeroU32,
    /// Time between two runs while `fall` or `rise` is being counted: 1 ms to 24 h, not below
    /// `timeout`. Default: `interval`.
    pub retry_interval: Duration,
    /// Whether a new version of the plugin makes a trial run before it is promoted. Default:
    /// `true`.
    pub trial: bool,
    /// Whether receivers are notified of transitions of the check. Default: `true`.
    pub notify: bool,
}

/// Grants of a check, beyond the addresses in its `config`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Allow {
    /// Origins of URLs to request: `https://*.example.com`. Default: `[]`.
    pub http: Vec<AllowEntry>,
    /// Addresses and ports to connect to by TCP: `10.0.0.0/8:5432`. Default: `[]`.
    pub tcp: Vec<AllowEntry>,
    /// Addresses and ports to exchange UDP datagrams with: `1.1.1.1:53`. Default: `[]`.
    pub udp: Vec<AllowEntry>,
    /// Names and ports to connect to through the host, with TLS or without: `*.example.com:443`.
    /// Default: `[]`.
    pub tls: Vec<AllowEntry>,
    /// Hosts to ping: `10.0.0.0/8`. Default: `[]`.
    pub icmp: Vec<AllowEntry>,
    /// Names to look up: `example.com`. Default: `[]`.
    pub names: Vec<AllowEntry>,
    /// Files to read, and directories with everything below them: `/var/backups`. Default: `[]`.
    pub files: Vec<AllowEntry>,
    /// Environment variables to pass to the plugin: `TZ`. Default: `[]`.
    pub env: Vec<AllowEntry>,
    /// Facts about the machine: how full the disk with a path is (`disk:/`), `memory`, `load`.
    /// Default: `[]`.
    pub system: Vec<AllowEntry>,
    /// Names of tables `[tls.identities.NAME]`, which may be shown to servers. Default: `[]`.
    pub identities: Vec<AllowEntry>,
    /// Names of tables `[proxies.NAME]`, which requests and connections may use. Default: `[]`.
    pub proxies: Vec<AllowEntry>,
}

/// One entry of [`Allow`], a text that the sandbox parses. Two are equal if they say the same,
/// wherever they are written.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String", inline, description = "")]
#[non_exhaustive]
pub struct AllowEntry {
    /// The text of the entry.
    pub text: String,
    /// Where the entry is written.
    pub location: Location,
}

/// The `config` table of a check as JSON, after expansion. `Debug` shows its keys only.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    /// The values. Dates and times are strings.
    pub values: Map<String, Value>,
    /// The JSON pointers of values that came from `${…}`, or that a program marked as secrets.
    pub secrets: BTreeSet<String>,
    /// Where each value is written, by JSON pointer. Empty for settings made from JSON.
    pub locations: BTreeMap<String, Location>,
}

pub(super) type Fuel = Count<1, MAX_INTEGER>;
pub(super) type Memory = Size<{ 64 * KIB }, { 4 * GIB }>;
pub(super) type Output = Size<KIB, GIB>;
pub(super) type Connections = Count<0, 65_536>;
pub(super) type HttpBody = Size<KIB, GIB>;

impl CheckConfig {
    /// Makes the configuration of a check by a plugin, with `defaults` and without settings.
    pub fn plugin(plugin: PluginName, defaults: &Defaults) -> Self {
        Self {
            plugin: Some(plugin),
            ..Self::native(defaults)
        }
    }

    /// Makes the configuration of a check that the embedding program registers, with `defaults`.
    pub fn native(defaults: &Defaults) -> Self {
        Self {
            plugin: None,
            schedule: defaults.schedule.clone(),
            limits: defaults.limits.clone(),
            sha256: None,
            dir: defaults.dir,
            enabled: true,
            allow: Allow::default(),
            roots: None,
            settings: Ok(Settings::default()),
            location: Location::Program,
        }
    }
}

impl Allow {
    /// Returns the entries by their keys.
    pub fn kinds(&self) -> [(&'static str, &[AllowEntry]); 11] {
        [
            ("http", &self.http),
            ("tcp", &self.tcp),
            ("udp", &self.udp),
            ("tls", &self.tls),
            ("icmp", &self.icmp),
            ("names", &self.names),
            ("files", &self.files),
            ("env", &self.env),
            ("system", &self.system),
            ("identities", &self.identities),
            ("proxies", &self.proxies),
        ]
    }

    /// Returns the list of a key, to change it. None if there is no such key.
    pub fn entries_mut(&mut self, key: &str) -> Option<&mut Vec<AllowEntry>> {
        Some(match key {
            "http" => &mut self.http,
            "tcp" => &mut self.tcp,
            "udp" => &mut self.udp,
            "tls" => &mut self.tls,
            "icmp" => &mut self.icmp,
            "names" => &mut self.names,
            "files" => &mut self.files,
            "env" => &mut self.env,
            "system" => &mut self.system,
            "identities" => &mut self.identities,
            "proxies" => &mut self.proxies,
            _ => return None,
        })
    }
}

impl Settings {
    /// Returns where the value at a JSON pointer is written, or else the nearest value around it.
    pub fn location(&self, pointer: &str) -> Option<&Location> {
        let mut pointer = pointer;
        loop {
            if let Some(location) = self.locations.get(pointer) {
                return Some(location);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }
}

impl From<Map<String, Value>> for Settings {
    fn from(values: Map<String, Value>) -> Self {
        Self {
            values,
            ..Self::default()
        }
    }
}

impl From<String> for AllowEntry {
    fn from(text: String) -> Self {
        Self {
            text,
            location: Location::Program,
        }
    }
}

impl From<&str> for AllowEntry {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<AllowEntry> for String {
    fn from(entry: AllowEntry) -> Self {
        entry.text
    }
}

impl PartialEq for CheckConfig {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            plugin,
            schedule,
            limits,
            sha256,
            dir,
            enabled,
            allow,
            roots,
            settings,
            location: _,
        } = self;
        *plugin == other.plugin
            && *schedule == other.schedule
            && *limits == other.limits
            && *sha256 == other.sha256
            && *dir == other.dir
            && *enabled == other.enabled
            && *allow == other.allow
            && *roots == other.roots
            && *settings == other.settings
    }
}

impl PartialEq for AllowEntry {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for AllowEntry {}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values && self.secrets == other.secrets
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings ")?;
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            critical: true,
            fall: NonZeroU32::MIN,
            rise: NonZeroU32::MIN,
            retry_interval: Duration::from_secs(30),
            trial: true,
            notify: true,
        }
    }
}

const KIB: u64 = 1 << 10;
const GIB: u64 = 1 << 30;
