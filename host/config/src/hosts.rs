//! The names by which clients may address the host, as `server.hosts` lists them.
//!
//! Knows names only; the server finds them in requests.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use vitals_values::Host;

/// A name, all names below a name, or any name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(into = "String")]
#[schemars(with = "String", inline)]
pub enum HostPattern {
    /// `*`: any name, and texts that are no names.
    Any,
    /// `*.example.com`: every name below this one, in lower case.
    Subdomains(String),
    /// `vitals.example.com`: this name, in lower case.
    Name(String),
}

impl HostPattern {
    /// Returns whether the pattern matches `name`, which is in lower case and has no dot at its
    /// end.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Subdomains(parent) => is_subdomain(name, parent),
            Self::Name(known) => name == known,
        }
    }
}

/// Returns whether `name` is below `parent`.
pub fn is_subdomain(name: &str, parent: &str) -> bool {
    let rest = name.strip_suffix(parent);
    rest.and_then(|rest| rest.strip_suffix('.'))
        .is_some_and(|rest| !rest.is_empty())
}

impl FromStr for HostPattern {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let parent = text.strip_prefix("*.");
        match (parent, parent.unwrap_or(text).parse()) {
            (Some(_), Ok(Host::Name(parent))) => Ok(Self::Subdomains(parent.to_string())),
            // An IPv4 address has the form of a name. It is accepted without being listed.
            (None, Ok(host @ (Host::Name(_) | Host::Address(IpAddr::V4(_))))) => {
                Ok(Self::Name(host.to_string()))
            }
            _ => Err(()),
        }
    }
}

impl<'de> Deserialize<'de> for HostPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|()| D::Error::invalid_value(Unexpected::Str(&text), &EXPECTED))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Subdomains(parent) => write!(f, "*.{parent}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

const EXPECTED: &str = "a host name without scheme and port: write for example \
                        \"vitals.example.com\", \"*.example.com\", or \"*\" for any";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn patterns_match_names_subdomains_or_anything() {
        let matches = |pattern: &str, name: &str| {
            let pattern: HostPattern = pattern.parse().expect(pattern);
            pattern.matches(name)
        };
        assert!(matches("Vitals.Example.com", "vitals.example.com"));
        assert!(!matches("example.com", "vitals.example.com"));
        assert!(matches("*.example.com", "a.b.example.com"));
        for other in ["example.com", ".example.com", "badexample.com", "com"] {
            assert!(!matches("*.example.com", other), "{other}");
        }
        assert!(matches("*", "anything.test"));
        assert!(matches("my_stack_vitals", "my_stack_vitals"));
        assert!(matches("vitals.example.com.", "vitals.example.com"));
        assert!(matches("10.0.0.1", "10.0.0.1"));
    }

    #[test]
    fn invalid_patterns_are_reported() {
        for bad in [
            "",
            "http://vitals",
            "vitals:8000",
            "a b",
            "*vitals",
            "a.*.b",
            "a..b",
            ".",
            "[::1]",
            "127.1",
        ] {
            let error = format!("[server]\nhosts = ['{bad}']").parse::<Config>();
            let error = error.expect_err(bad).to_string();
            assert_eq!(
                error,
                format!("vitals.toml:2: `server.hosts[0]` is `{bad}`, which is not {EXPECTED}")
            );
        }
    }
}
