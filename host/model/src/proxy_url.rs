//! The URL of a proxy. Does not know how a proxy is used.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use vitals_values::{Address, Host, split_port};

/// The URL of a proxy: `http://proxy.example.com:3128` or `socks5://proxy.example.com:1080`. The scheme
/// `socks5h` is read as `socks5`.
///
/// ```
/// use vitals_model::ProxyUrl;
///
/// let url: ProxyUrl = "socks5h://Proxy.example.com".parse()?;
/// assert_eq!(url.to_string(), "socks5://proxy.example.com:1080");
/// # Ok::<_, vitals_model::InvalidProxyUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyUrl {
    /// The protocol of the proxy.
    pub scheme: ProxyScheme,
    /// Its host and port.
    pub address: Address,
}

/// The protocol of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyScheme {
    /// The method CONNECT of HTTP (RFC 9110, section 9.3.6).
    Http,
    /// SOCKS 5 (RFC 1928), which resolves names.
    Socks5,
}

/// A text that is not the URL of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not an http, socks5 or socks5h URL without a user, a path or a query")]
pub struct InvalidProxyUrl;

impl FromStr for ProxyUrl {
    type Err = InvalidProxyUrl;

    fn from_str(text: &str) -> Result<Self, InvalidProxyUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidProxyUrl)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyScheme::Http,
            "socks5" | "socks5h" => ProxyScheme::Socks5,
            _ => return Err(InvalidProxyUrl),
        };
        let (host, port) =
            split_port(rest.strip_suffix('/').unwrap_or(rest)).map_err(|_| InvalidProxyUrl)?;
        let host: Host = host.parse().map_err(|_| InvalidProxyUrl)?;
        let port = port.unwrap_or(match scheme {
            ProxyScheme::Http => 80,
            ProxyScheme::Socks5 => 1080,
        });
        Ok(Self {
            scheme,
            address: Address { host, port },
        })
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            ProxyScheme::Http => "http",
            ProxyScheme::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}", self.address)
    }
}

/// As text.
impl Serialize for ProxyUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_proxies_are_read() {
        for (text, shown) in [
            ("http://Proxy.test:3128/", "http://proxy.test:3128"),
            ("HTTP://proxy.test", "http://proxy.test:80"),
            ("socks5://[::1]", "socks5://[::1]:1080"),
            ("socks5h://10.0.0.1:9", "socks5://10.0.0.1:9"),
        ] {
            let url: ProxyUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(shown.parse(), Ok(url));
        }
        for text in [
            "",
            "proxy.test:3128",
            "https://proxy.test",
            "socks4://proxy.test",
            "http://",
            "http://u:p@proxy.test",
            "http://proxy.test/path",
            "http://proxy.test?x",
            "http://proxy.test:0",
            "http://proxy.test:65536",
            "http://::1",
            "http://two words",
        ] {
            assert_eq!(text.parse::<ProxyUrl>(), Err(InvalidProxyUrl), "{text}");
        }
    }
}
