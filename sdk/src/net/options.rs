//! The options of a connection.

use std::time::Duration;

/// The addresses that may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// All that the name has.
    #[default]
    Any,
    /// Those of IPv4.
    Ipv4,
    /// Those of IPv6.
    Ipv6,
}

#[cfg(not(target_family = "wasm"))]
impl Family {
    /// Returns whether an address belongs to the family.
    pub(crate) fn includes(self, address: std::net::IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
        }
    }
}

/// How a connection is made, for [`tcp::connect_with`](crate::tcp::connect_with) and
/// [`tls::connect_with`](crate::tls::connect_with).
///
/// ```no_run
/// use vitals_sdk::net::{ConnectOptions, Family};
/// use vitals_sdk::prelude::*;
///
/// # fn example(address: Address) -> Result<()> {
/// let options = ConnectOptions::new().family(Family::Ipv6).timeout(Duration::from_secs(2));
/// let mut stream = tcp::connect_with(&address, &options)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The addresses that may be connected to.
    pub family: Family,
    /// The proxy: the name of a table `proxies` in the host's configuration.
    pub proxy: Option<String>,
    /// The timeout of connecting, and of each operation of the connection.
    pub timeout: Duration,
}

impl ConnectOptions {
    /// Makes options for a direct connection to any address, within the run's deadline.
    pub fn new() -> Self {
        Self {
            family: Family::Any,
            proxy: None,
            timeout: Duration::MAX,
        }
    }

    /// Connects only to addresses of one family.
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// Connects through a proxy, which resolves the host.
    #[must_use]
    pub fn proxy(mut self, name: impl Into<String>) -> Self {
        self.proxy = Some(name.into());
        self
    }

    /// Limits connecting, and each operation of the connection. The run's deadline always applies.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self::new()
    }
}
