//! What HTTP requests of guests may name: identities and proxies of the host's configuration.
//!
//! It knows neither who may name them nor how they are used.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use vitals_io::trust::{Identity, IdentityError};
use vitals_model::ProxyUrl;

/// The identities and proxies of a configuration, by name.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// The identities in TLS.
    pub identities: BTreeMap<String, IdentityFiles>,
    /// The proxies.
    pub proxies: BTreeMap<String, Proxy>,
}

/// The PEM files of an identity, which may be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The file with the certificate and its chain.
    pub certificate: PathBuf,
    /// The file with the key.
    pub key: PathBuf,
}

/// A proxy, and who uses it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Where it listens.
    pub url: ProxyUrl,
    /// The user and the password, each of 1 to 255 bytes. The user has no colon.
    pub credentials: Option<(String, String)>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Identities and proxies that are ready for use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSettings {
    identities: BTreeMap<String, Identity>,
    proxies: BTreeMap<String, Proxy>,
}

impl ClientSettings {
    /// Reads the files of the identities. Blocks.
    ///
    /// # Errors
    ///
    /// Every identity whose files can't be used.
    pub fn read(options: ClientOptions) -> Result<Self, UnusableIdentities> {
        let mut identities = BTreeMap::new();
        let mut unusable = Vec::new();
        for (name, files) in options.identities {
            match Identity::read(&files.certificate, &files.key) {
                Ok(identity) => drop(identities.insert(name, identity)),
                Err(error) => unusable.push((name, error)),
            }
        }
        if unusable.is_empty() {
            let proxies = options.proxies;
            Ok(Self {
                identities,
                proxies,
            })
        } else {
            Err(UnusableIdentities(unusable))
        }
    }

    pub(crate) fn identity(&self, name: &str) -> Option<&Identity> {
        self.identities.get(name)
    }

    pub(crate) fn proxy(&self, name: &str) -> Option<&Proxy> {
        self.proxies.get(name)
    }
}

/// The identities whose files can't be used. Never empty.
#[derive(Debug, thiserror::Error)]
pub struct UnusableIdentities(Vec<(String, IdentityError)>);

impl UnusableIdentities {
    /// One text for each identity.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        let text = |(name, error): &(String, IdentityError)| {
            format!("`[tls.identities.{name}]` cannot be used: {error}")
        };
        self.0.iter().map(text)
    }
}

impl fmt::Display for UnusableIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unusable_identity_is_named() {
        let missing = || IdentityFiles {
            certificate: "/nowhere/cert.pem".into(),
            key: "/nowhere/key.pem".into(),
        };
        let identities = ["a", "b"].map(|name| (name.to_owned(), missing()));
        let error = ClientSettings::read(ClientOptions {
            identities: identities.into(),
            ..ClientOptions::default()
        });
        let one = |name| {
            format!(
                "`[tls.identities.{name}]` cannot be used: its `certificate` /nowhere/cert.pem cannot \
                 be read: No such file or directory (os error 2)"
            )
        };
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("{}; {}", one("a"), one("b"))
        );
    }

    #[test]
    fn the_password_of_a_proxy_is_not_shown() {
        let proxy = Proxy {
            url: "socks5://proxy.test".parse().unwrap(),
            credentials: Some(("user".into(), "hunter2".into())),
        };
        let shown = format!("{proxy:?}");
        assert!(
            shown.contains("proxy.test") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
