//! What the configuration says of one check, with every default filled in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Map, Value};

use super::diagnostic::{Diagnostics, Location};
use super::values::{Count, MAX_INTEGER, Size};
use vitals_model::{Digest, Limits, PluginName, Root};

/// The configuration of one check. Two are equal that say the same, wherever they stand.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckConfig {
    /// The plugin that makes the check; none for a native check, which the embedding program
    /// registers under the same name.
    pub plugin: Option<PluginName>,
    /// When it runs and what its result counts.
    pub schedule: Schedule,
    /// What one run may use.
    pub limits: Limits,
    /// The only file that is loaded as the plugin; none: whatever is there.
    pub sha256: Option<Digest>,
    /// Whether its plugin may lie in the plugins directory; else it is taken from the library alone.
    pub dir: bool,
    /// Whether it runs at all.
    pub enabled: bool,
    /// What it may reach besides the addresses in its settings.
    pub allow: Allow,
    /// The trusted roots of its TLS connections; none: those of [`super::Tls`].
    pub roots: Option<Vec<Root>>,
    /// The `config` table, or what is wrong within it: that is this check's own trouble.
    pub settings: Result<Settings, Diagnostics>,
    /// Where its table stands.
    pub location: Location,
}

/// What holds for a check that says nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Defaults {
    /// When checks run and what their results count.
    pub schedule: Schedule,
    /// What one run may use.
    pub limits: Limits,
    /// Whether plugins of checks may lie in the plugins directory.
    pub dir: bool,
}

/// When a check runs and what its result counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// Time between the starts of two runs.
    pub interval: Duration,
    /// Wall-clock time of one run; not above `interval`.
    pub timeout: Duration,
    /// Whether the host is not ready while the check is unhealthy.
    pub critical: bool,
    /// Failing runs in a row before the status turns unhealthy.
    pub fall: NonZeroU32,
    /// Good runs in a row before it turns back.
    pub rise: NonZeroU32,
    /// Time between two runs while `fall` or `rise` is being counted; not below `timeout`.
    pub retry_interval: Duration,
    /// Whether a new version of its plugin makes a trial run before it serves.
    pub trial: bool,
    /// Whether the receivers of notifications are told when it turns.
    pub notify: bool,
}

/// What a check may reach besides the addresses that its settings grant. The entries are texts
/// here; what they mean is the sandbox's to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allow {
    /// Origins of URLs: `https://*.example.com`.
    pub http: Vec<AllowEntry>,
    /// Addresses and ports for TCP: `10.0.0.0/8:5432`.
    pub tcp: Vec<AllowEntry>,
    /// Addresses and ports for UDP: `1.1.1.1:53`.
    pub udp: Vec<AllowEntry>,
    /// Names and ports for TLS by the host: `*.example.com:443`.
    pub tls: Vec<AllowEntry>,
    /// Names that may be looked up: `example.com`.
    pub names: Vec<AllowEntry>,
    /// Paths that may be read: `/var/backups`.
    pub files: Vec<AllowEntry>,
    /// Environment variables that are handed in: `TZ`.
    pub env: Vec<AllowEntry>,
    /// Facts about the machine: `disk:/`, `memory`, `load`.
    pub system: Vec<AllowEntry>,
}

/// One entry of [`Allow`]. Two are equal that say the same, wherever they stand.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AllowEntry {
    /// The text of the entry.
    pub text: String,
    /// Where it stands.
    pub location: Location,
}

/// The `config` table of a check as JSON, after expansion. `Debug` shows its keys alone.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    /// The values. Dates and times are texts.
    pub values: Map<String, Value>,
    /// The JSON pointers of those that came from `${…}`.
    pub secrets: BTreeSet<String>,
    /// Where each value stands, by JSON pointer. Empty for settings that a program made.
    pub locations: BTreeMap<String, Location>,
}

pub(super) type Fuel = Count<1, MAX_INTEGER>;
pub(super) type Memory = Size<{ 64 * KIB }, { 4 * GIB }>;
pub(super) type Output = Size<KIB, GIB>;
pub(super) type Connections = Count<0, 65_536>;
pub(super) type HttpBody = Size<KIB, GIB>;

impl CheckConfig {
    /// A check by a plugin, with `defaults` and no settings.
    pub fn plugin(plugin: PluginName, defaults: &Defaults) -> Self {
        Self {
            plugin: Some(plugin),
            ..Self::native(defaults)
        }
    }

    /// A check that the embedding program makes itself, with `defaults`.
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
    /// The entries by the key they stand under.
    pub fn kinds(&self) -> [(&'static str, &[AllowEntry]); 8] {
        [
            ("http", &self.http),
            ("tcp", &self.tcp),
            ("udp", &self.udp),
            ("tls", &self.tls),
            ("names", &self.names),
            ("files", &self.files),
            ("env", &self.env),
            ("system", &self.system),
        ]
    }
}

impl Allow {
    /// The list of a key, to add to.
    pub fn entries_mut(&mut self, key: &str) -> Option<&mut Vec<AllowEntry>> {
        Some(match key {
            "http" => &mut self.http,
            "tcp" => &mut self.tcp,
            "udp" => &mut self.udp,
            "tls" => &mut self.tls,
            "names" => &mut self.names,
            "files" => &mut self.files,
            "env" => &mut self.env,
            "system" => &mut self.system,
            _ => return None,
        })
    }
}

impl Settings {
    /// Where the value at a JSON pointer stands: its own place, else that of the nearest value
    /// around it.
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

impl From<&str> for AllowEntry {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            location: Location::Program,
        }
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
            ..
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
