//! The result of a TLS handshake, and certificates.

use std::net::IpAddr;
use std::time::Duration;

use crate::clock::unix_seconds as now;

/// The result of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The chain as sent by the server, the leaf first, even if it is not trusted. The host shows
    /// at most 16 certificates.
    pub chain: Vec<Certificate>,
    /// `TLSv1.2` or `TLSv1.3`.
    pub protocol: String,
    /// The cipher suite by its IANA name: `TLS_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// The protocol that the server selected by ALPN, such as `h2`.
    pub alpn: Option<String>,
    /// Why the chain is not trusted for the name; `None` if it is trusted.
    pub verification_error: Option<String>,
}

impl Handshake {
    /// Returns the server's own certificate.
    pub fn leaf(&self) -> Option<&Certificate> {
        self.chain.first()
    }

    /// Returns whether the chain is trusted for the name.
    pub fn is_trusted(&self) -> bool {
        self.verification_error.is_none()
    }
}

/// A certificate. Its texts come from the server, with lengths bounded by the host. If the host
/// could not parse the certificate, only `sha256` is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The subject: `CN=example.com, O=Example`.
    pub subject: String,
    /// The issuer.
    pub issuer: String,
    /// DNS names and IP addresses of the subject alternative name, at most 256.
    pub names: Vec<String>,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// Start of validity, in seconds since 1970-01-01T00:00:00Z.
    pub not_before: i64,
    /// End of validity, in seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
    /// The SHA-256 digest of the certificate in hexadecimal.
    pub sha256: String,
    /// The SHA-256 digest of its public key in hexadecimal.
    pub public_key_sha256: String,
}

impl Certificate {
    /// Returns the time until it expires, zero once it has expired.
    ///
    /// ```
    /// use vitals_sdk::tls::Certificate;
    ///
    /// let certificate = Certificate { not_after: 0, ..Certificate::default() };
    /// assert!(certificate.expires_in().is_zero());
    /// ```
    pub fn expires_in(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.seconds_left()).unwrap_or(0))
    }

    /// Returns the seconds until it expires, negative once it has expired.
    pub fn seconds_left(&self) -> i64 {
        self.not_after.saturating_sub(now())
    }

    /// Returns whether it has expired.
    pub fn has_expired(&self) -> bool {
        self.seconds_left() < 0
    }

    /// Returns the whole days until it expires: 0 on the last day, negative once it has expired.
    pub fn days_left(&self) -> i64 {
        self.seconds_left().div_euclid(DAY)
    }

    /// Returns whether its digest, or that of its public key, is one of these, in hexadecimal.
    ///
    /// ```
    /// use vitals_sdk::tls::Certificate;
    ///
    /// let certificate = Certificate { sha256: "0a".repeat(32), ..Certificate::default() };
    /// assert!(certificate.is_pinned(&["0A".repeat(32)]));
    /// assert!(!certificate.is_pinned(&[String::new()]));
    /// ```
    pub fn is_pinned(&self, pins: &[String]) -> bool {
        let own = [&self.sha256, &self.public_key_sha256];
        let is_own = |pin: &String| own.iter().any(|own| own.eq_ignore_ascii_case(pin));
        pins.iter().any(|pin| !pin.is_empty() && is_own(pin))
    }

    /// Returns whether it is valid for this name or IP address. A name that begins with `*.`
    /// matches every name with one label in that place (RFC 9525, section 6.3). The subject is not
    /// considered.
    ///
    /// ```
    /// use vitals_sdk::tls::Certificate;
    ///
    /// let names = ["*.example.com", "192.0.2.1"].map(str::to_owned).to_vec();
    /// let certificate = Certificate { names, ..Certificate::default() };
    /// assert!(certificate.is_for("shop.example.com") && certificate.is_for("192.0.2.1"));
    /// assert!(!certificate.is_for("example.com"));
    /// ```
    pub fn is_for(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.names.iter().any(|own| match name.parse::<IpAddr>() {
            Ok(address) => own.parse() == Ok(address),
            Err(_) => is_name_for(own, name),
        })
    }
}

fn is_name_for(own: &str, name: &str) -> bool {
    match (own.strip_prefix("*."), name.split_once('.')) {
        (Some(own), Some((label, name))) => !label.is_empty() && own.eq_ignore_ascii_case(name),
        _ => own.eq_ignore_ascii_case(name),
    }
}

const DAY: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn expiring(seconds: i64) -> Certificate {
        Certificate {
            not_after: now() + seconds,
            ..Certificate::default()
        }
    }

    #[test]
    fn the_days_that_are_left_are_counted_down() {
        assert_eq!(expiring(10 * DAY + 60).days_left(), 10);
        assert_eq!(expiring(DAY - 60).days_left(), 0);
        assert_eq!(expiring(-60).days_left(), -1);
        assert_eq!(
            Certificate {
                not_after: i64::MIN,
                ..Certificate::default()
            }
            .expires_in(),
            Duration::ZERO
        );
        let left = expiring(3600).expires_in();
        assert!(left > Duration::from_secs(3500) && left <= Duration::from_hours(1));
    }

    #[test]
    fn a_certificate_is_for_its_names_alone() {
        let names = ["Shop.example.com", "*.b.test", "2001:db8::1"];
        let certificate = Certificate {
            subject: "CN=c.test".to_owned(),
            names: names.map(str::to_owned).to_vec(),
            ..Certificate::default()
        };
        for name in ["shop.EXAMPLE.com.", "a.b.test", "2001:DB8:0::1"] {
            assert!(certificate.is_for(name), "{name}");
        }
        for name in [
            "c.test",
            "b.test",
            ".b.test",
            "a.a.b.test",
            "2001:db8::2",
            "",
        ] {
            assert!(!certificate.is_for(name), "{name}");
        }
    }
}
