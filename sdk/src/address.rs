//! A host and a port as a setting.

use std::fmt;
use std::str::FromStr;

use vitals_values::ValueError;

/// `host:port`. The host is a name, an IPv4 address, or an IPv6 address in brackets.
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
    /// Returns the name or IP address, in lower case and without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, which is never 0.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let address: vitals_values::Address = text.parse()?;
        Ok(Self {
            host: address.host.without_brackets(),
            port: address.port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", bracketed(&self.host), self.port)
    }
}

/// Puts an IPv6 address in brackets, as a port needs it; returns any other host unchanged.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}
