//! The keys of a check's `allow` table.

use std::fmt;

/// The lists of an `allow` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AllowKey {
    /// `http`: URLs of a scheme, a host or wildcard, and a port unless it is the scheme's default.
    Http,
    /// `tcp`: hosts, wildcards or networks with a port.
    Tcp,
    /// `udp`: the same.
    Udp,
    /// `tls`: the same.
    Tls,
    /// `names`: names and wildcards.
    Names,
    /// `files`: absolute paths, each including what is below it.
    Files,
    /// `env`: names of variables.
    Env,
    /// `system`: `memory`, `load`, or `disk:` and an absolute path, which covers only that path.
    System,
}

impl AllowKey {
    pub(super) const ALL: [Self; 8] = [
        Self::Http,
        Self::Tcp,
        Self::Udp,
        Self::Tls,
        Self::Names,
        Self::Files,
        Self::Env,
        Self::System,
    ];

    /// The key in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
            Self::Names => "names",
            Self::Files => "files",
            Self::Env => "env",
            Self::System => "system",
        }
    }
}

impl fmt::Display for AllowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
