//! The settings of TLS that every check offers. This file only translates them into options.

use serde_json::{Value, json};
use vitals_values::Host;

use super::{TlsOptions, Verification};
use crate::config::{ConfigError, Definitions, Schema};
use crate::{Address, Config, Error, Result};

/// What is required of the server, and which certificate it is shown. A check takes these settings
/// into its own with `#[config(flatten)]`, so that they have the same names in all checks.
///
/// ```
/// use vitals_sdk::prelude::*;
/// use vitals_sdk::tls::{TlsSettings, Verification};
///
/// #[derive(Config)]
/// struct Settings {
///     #[config(grant = "tls")]
///     address: Address,
///     #[config(flatten)]
///     tls: TlsSettings,
/// }
///
/// let settings = Settings::from_json(r#"{ "address": "db:5432", "verify": "chain" }"#)?;
/// let options = settings.tls.options(settings.address.host());
/// assert_eq!(options.verification, Verification::Chain);
/// # Ok::<(), vitals_sdk::config::ConfigError>(())
/// ```
#[derive(Config, Clone, Debug)]
pub struct TlsSettings {
    /// What is required of the server's certificate: that its chain is trusted and that it is valid
    /// for the name (`true`), only the former (`"chain"`), or nothing (`false`).
    #[config(default = true)]
    verify: Verify,
    #[config(flatten)]
    certificates: CertificateSettings,
}

impl TlsSettings {
    /// Returns what is required of the server's certificate.
    pub fn verification(&self) -> Verification {
        self.certificates
            .pinned()
            .unwrap_or_else(|| self.verify.into())
    }

    /// Returns the name of the client's certificate.
    pub fn client_certificate(&self) -> Option<&str> {
        self.certificates.client_certificate.as_deref()
    }

    /// Returns the options of a handshake with a server of this name.
    pub fn options(&self, name: &str) -> TlsOptions {
        self.certificates.options(name, self.verification())
    }
}

/// How a connection is encrypted, in the terms of PostgreSQL's clients, for protocols that begin
/// unencrypted unless the operator decides otherwise. A check takes these settings into its own
/// with `#[config(flatten)]`.
#[derive(Config, Clone, Debug)]
pub struct EncryptionSettings {
    /// Encryption of the connection: none, with any certificate (`require`), with a certificate
    /// that is trusted (`verify-ca`), or that is also valid for the name (`verify-full`).
    #[config(default = "disable")]
    tls: Mode,
    /// The name that the certificate must be valid for. The default is the host of `address`.
    name: Option<ServerName>,
    #[config(flatten)]
    certificates: CertificateSettings,
}

impl EncryptionSettings {
    /// Returns the options of the handshake, or `None` for a connection that is not encrypted.
    /// Settings that would have no effect without encryption are an error.
    pub fn options(&self, address: &Address) -> Result<Option<TlsOptions>> {
        let CertificateSettings {
            pins,
            client_certificate,
        } = &self.certificates;
        let name = self.name.as_ref().map(ServerName::as_str);
        let verification = match self.tls {
            Mode::Disable => {
                let ignored = [
                    ("name", name.is_some()),
                    ("pins", !pins.is_empty()),
                    ("client_certificate", client_certificate.is_some()),
                ];
                return match ignored.into_iter().find(|(_, is_set)| *is_set) {
                    None => Ok(None),
                    Some((key, _)) => Err(Error::new(format_args!(
                        "`{key}` has no effect without encryption: set `tls`"
                    ))),
                };
            }
            Mode::Require => Verification::None,
            Mode::VerifyCa => Verification::Chain,
            Mode::VerifyFull => Verification::ChainAndName,
        };
        let verification = self.certificates.pinned().unwrap_or(verification);
        let name = name.unwrap_or(address.host());
        Ok(Some(self.certificates.options(name, verification)))
    }
}

/// Certificates of the server and of the client, as a part of [`TlsSettings`] and
/// [`EncryptionSettings`].
#[derive(Config, Clone, Debug)]
pub struct CertificateSettings {
    /// SHA-256 digests in hexadecimal, of which the server's certificate or its public key must
    /// have one. Nothing else is required of it then.
    #[config(default)]
    pins: Vec<Pin>,
    /// The certificate that is shown to the server: the name of a table `tls.identities`.
    #[config(grant = "identity")]
    client_certificate: Option<String>,
}

impl CertificateSettings {
    fn pinned(&self) -> Option<Verification> {
        let pins = self.pins.iter().map(|pin| pin.0.clone());
        (!self.pins.is_empty()).then(|| Verification::Pins(pins.collect()))
    }

    fn options(&self, name: &str, verification: Verification) -> TlsOptions {
        TlsOptions {
            client_certificate: self.client_certificate.clone(),
            ..TlsOptions::new(name).verification(verification)
        }
    }
}

#[derive(Config, Clone, Copy, Debug)]
enum Mode {
    Disable,
    Require,
    #[config(rename = "verify-ca")]
    VerifyCa,
    #[config(rename = "verify-full")]
    VerifyFull,
}

/// What is required of a certificate without pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verify {
    ChainAndName,
    Chain,
    Nothing,
}

impl From<Verify> for Verification {
    fn from(verify: Verify) -> Self {
        match verify {
            Verify::ChainAndName => Self::ChainAndName,
            Verify::Chain => Self::Chain,
            Verify::Nothing => Self::None,
        }
    }
}

impl Config for Verify {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::anything().with("enum", json!([true, false, "chain"]))
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        match &value {
            Value::Bool(true) => Ok(Self::ChainAndName),
            Value::Bool(false) => Ok(Self::Nothing),
            Value::String(text) if text == "chain" => Ok(Self::Chain),
            other => Err(ConfigError::expected("true, false or `chain`", other)),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::ChainAndName => true.into(),
            Self::Chain => "chain".into(),
            Self::Nothing => false.into(),
        }
    }
}

/// A SHA-256 digest, in lower case and without colons.
#[derive(Clone, Debug)]
struct Pin(String);

impl Config for Pin {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("string")
            .with("pattern", "^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$")
            .called("SHA-256 digest")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        let text = String::read(value)?;
        let digest = text.replace(':', "").to_ascii_lowercase();
        let is_digest =
            digest.len() == DIGEST_CHARS && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then_some(Self(digest)).ok_or_else(|| {
            ConfigError::new(format_args!(
                "`{text}` is not a SHA-256 digest in hexadecimal"
            ))
        })
    }

    fn to_value(&self) -> Value {
        self.0.as_str().into()
    }
}

/// A name or an IP address, without a port.
#[derive(Clone, Debug)]
pub(crate) struct ServerName(String);

impl ServerName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Config for ServerName {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("string")
            .with("pattern", SERVER_NAME)
            .called("name or IP address")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        let text = String::read(value)?;
        // Names in other scripts are converted by the host.
        match text.parse::<Host>() {
            Err(error) if text.is_ascii() => Err(ConfigError::new(format_args!(
                "`{text}` is not a name or an IP address without a port: {}",
                error.as_str()
            ))),
            _ => Ok(Self(text)),
        }
    }

    fn to_value(&self) -> Value {
        self.0.as_str().into()
    }
}

const DIGEST_CHARS: usize = 64;
/// An approximation: reading reports what the pattern lets through. An IPv6 address has two colons
/// at least.
const SERVER_NAME: &str = r"^([^\s:/?#@\[\]\\]+|\[?[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]?)$";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_override_verify() {
        let digest = "0a".repeat(32);
        let written = format!("{}:0A", ["0A"; 31].join(":"));
        for (settings, verification) in [
            (
                json!({ "verify": true, "pins": [written, digest] }),
                Verification::Pins(vec![digest.clone(), digest.clone()]),
            ),
            (json!({ "verify": false, "pins": [] }), Verification::None),
            (json!({ "verify": "chain" }), Verification::Chain),
            (json!({}), Verification::ChainAndName),
        ] {
            let settings = TlsSettings::read(settings).unwrap();
            assert_eq!(settings.options("db").verification, verification);
        }
        let error = TlsSettings::read(json!({ "pins": ["0a:0b"] })).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`pins[0]`: `0a:0b` is not a SHA-256 digest in hexadecimal"
        );
    }

    #[test]
    fn encryption_is_written_in_the_terms_of_postgresql() {
        let address = "db:5432".parse().unwrap();
        let options = |settings: Value| {
            let settings = EncryptionSettings::read(settings).unwrap();
            settings
                .options(&address)
                .map_err(|error| error.to_string())
        };
        assert_eq!(options(json!({})), Ok(None));
        for (mode, verification) in [
            ("require", Verification::None),
            ("verify-ca", Verification::Chain),
            ("verify-full", Verification::ChainAndName),
        ] {
            let expected = TlsOptions::new("db").verification(verification);
            assert_eq!(options(json!({ "tls": mode })), Ok(Some(expected)));
        }
        let pin = "0a".repeat(32);
        let all = json!({
            "tls": "require", "name": "db.internal", "pins": [pin], "client_certificate": "me"
        });
        let expected = TlsOptions::new("db.internal")
            .verification(Verification::Pins(vec![pin]))
            .client_certificate("me");
        assert_eq!(options(all), Ok(Some(expected)));
        assert_eq!(
            options(json!({ "client_certificate": "me" })),
            Err("`client_certificate` has no effect without encryption: set `tls`".to_owned())
        );
    }
}
