//! A host and a port, as a setting.

use std::fmt;
use std::str::FromStr;

use crate::host::{bracketed, parse_host, parse_port};

/// `host:port`, the host a name, an IPv4 address, or an IPv6 address in brackets.
///
/// ```
/// use vitals_sdk::Address;
///
/// let address: Address = "[::1]:5432".parse().unwrap();
/// assert_eq!((address.host(), address.port()), ("::1", 5432));
/// assert_eq!(address.to_string(), "[::1]:5432");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// The name or IP address, in lower case and without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |problem: String| AddressError {
            text: text.to_owned(),
            problem,
        };
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| wrong("it has no port".to_owned()))?;
        Ok(Self {
            host: parse_host(host).map_err(wrong)?,
            port: parse_port(port).map_err(wrong)?,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", bracketed(&self.host), self.port)
    }
}

/// The text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address: {problem}; write it like `db.internal:5432` or `[::1]:5432`")]
pub struct AddressError {
    text: String,
    problem: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_host_and_port() {
        for text in [
            "example.com",
            ":80",
            "example.com:",
            "example.com:0",
            "::1:80",
            "a:b:80",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        assert_eq!(
            "example.com".parse::<Address>().unwrap_err().to_string(),
            "`example.com` is not an address: it has no port; write it like `db.internal:5432` or \
             `[::1]:5432`"
        );
    }
}
