//! The names of this host, and whether a request uses one of them.
//!
//! It knows nothing of pages and their settings.

use axum::extract::Request;
use http::header::{HOST, HeaderValue};
use http::uri::Authority;
use vitals_config::{HostPattern, is_subdomain};
use vitals_values::Host;

/// IP addresses, `localhost`, and the names that the configuration lists.
#[derive(Debug)]
pub(super) struct HostNames(pub(super) Vec<HostPattern>);

impl HostNames {
    /// Returns the first name in a request that does not belong to the host. A request without a
    /// name is accepted: HTTP/1.0 probes send none, while browsers always do.
    pub(super) fn foreign(&self, request: &Request) -> Option<String> {
        let in_uri = request.uri().authority().map(|it| it.as_str().as_bytes());
        let headers = request.headers().get_all(HOST).iter();
        let named = in_uri.into_iter().chain(headers.map(HeaderValue::as_bytes));
        let mut named = named.filter(|name| !name.is_empty());
        let foreign = named.find(|name| !self.contain(name))?;
        Some(String::from_utf8_lossy(foreign).into_owned())
    }

    fn contain(&self, authority: &[u8]) -> bool {
        if self.0.contains(&HostPattern::Any) {
            return true;
        }
        let Ok(authority) = Authority::try_from(authority) else {
            return false;
        };
        // Only a port may follow: no user before the host, and nothing after brackets.
        let rest = authority.as_str().strip_prefix(authority.host());
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':')) {
            return false;
        }
        match authority.host().parse() {
            Ok(Host::Address(_)) => true,
            Ok(Host::Name(name)) => {
                &*name == LOCALHOST
                    || is_subdomain(&name, LOCALHOST)
                    || self.0.iter().any(|pattern| pattern.matches(&name))
            }
            Err(_) => false,
        }
    }
}

const LOCALHOST: &str = "localhost";

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    pub(super) fn foreign(hosts: &[&str], uri: &str, headers: &[&str]) -> Option<String> {
        let hosts = hosts.iter().map(|host| host.parse().unwrap());
        let mut request = Request::get(uri);
        for host in headers {
            request = request.header(HOST, *host);
        }
        HostNames(hosts.collect()).foreign(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn addresses_and_localhost_are_always_accepted() {
        for host in [
            "127.0.0.1",
            "10.1.2.3:8000",
            "[::1]",
            "[fd00::2]:8000",
            "localhost",
            "LocalHost:8000",
            "localhost.",
            "vitals.localhost:8000",
            "",
        ] {
            assert_eq!(foreign(&[], "/health", &[host]), None, "{host}");
        }
        assert_eq!(foreign(&[], "/health", &[]), None);
    }

    #[test]
    fn other_names_must_be_configured() {
        for host in [
            "rebound.example.com",
            "rebound.example.com:8000",
            "localhost.example.com",
            "notlocalhost",
            "127.0.0.1.example.com",
            "127.1",
            "0x7f000001",
            "vitals",
            "user@127.0.0.1",
            "[::1].example.com",
            "a b",
        ] {
            assert_eq!(foreign(&[], "/", &[host]).as_deref(), Some(host));
            assert_eq!(foreign(&["*"], "/", &[host]), None, "{host}");
        }
        let hosts = ["Vitals", "*.example.com"];
        for host in ["vitals:8000", "VITALS", "a.b.example.com."] {
            assert_eq!(foreign(&hosts, "/", &[host]), None, "{host}");
        }
        for host in ["vitals.example.org", "example.com"] {
            assert_eq!(foreign(&hosts, "/", &[host]).as_deref(), Some(host));
        }
    }

    #[test]
    fn each_name_in_a_request_is_checked() {
        let other = Some("other.test".to_owned());
        assert_eq!(foreign(&[], "/", &["localhost", "other.test"]), other);
        assert_eq!(foreign(&[], "http://other.test/", &["localhost"]), other);
        assert_eq!(
            foreign(&[], "http://127.0.0.1:8000/", &["other.test"]),
            other
        );
        assert_eq!(foreign(&[], "http://127.0.0.1:8000/", &["localhost"]), None);
    }
}
