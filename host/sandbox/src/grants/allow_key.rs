//! The lists of a check's `allow` table by their keys.

use std::fmt;

/// The lists of an `allow` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AllowKey {
    /// `http`: URLs of a scheme, a host or wildcard, and a port where it is not the scheme's own.
    Http,
    /// `tcp`: hosts, wildcards or networks with a port.
    Tcp,
    /// `udp`: the same.
    Udp,
    /// `tls`: the same.
    Tls,
    /// `names`: names and wildcards.
    Names,
    /// `files`: absolute paths, each with what is below it.
    Files,
    /// `env`: names of variables.
    Env,
    /// `system`: `disk:` and an absolute path, which alone is granted; `memory`, `load`.
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

    /// The key as the configuration writes it.
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
