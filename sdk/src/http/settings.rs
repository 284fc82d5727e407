//! The settings of a request that every check of an HTTP service offers. This file only translates
//! them into options of the request.

use std::fmt;

use serde_json::{Value, json};
use vitals_values::Host;

use super::{Family, Problem, RequestBuilder, Verification, VersionOption, base64};
use crate::Config;
use crate::config::{ConfigError, Definitions, Schema};

/// How a request is sent: what is required of the server, how to sign in, and which way the request
/// takes. A check takes these settings into its own with `#[config(flatten)]`, so that they have
/// the same names in all checks.
///
/// ```
/// use vitals_sdk::http::RequestSettings;
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::testing::World;
///
/// #[derive(Config)]
/// struct Settings {
///     #[config(grant = "http")]
///     url: Url,
///     #[config(flatten)]
///     request: RequestSettings,
/// }
///
/// fn check(settings: Settings) -> Result<Outcome> {
///     let response = settings.request.apply(http::get(&settings.url)).send()?;
///     Ok(Outcome::healthy(response.status().to_string()))
/// }
///
/// # let world = World::new();
/// # world.http("GET", "https://shop/").responds(200);
/// let json = r#"{ "url": "https://shop/", "user": "ops", "password": "x%41", "verify": "chain" }"#;
/// let settings = Settings::from_json(json)?;
/// # let outcome = world.outcome(|| check(settings));
/// # assert_eq!(outcome.message(), "200 OK");
/// # assert_eq!(world.requests()[0].header("authorization"), Some("Basic b3BzOnglNDE="));
/// # Ok::<(), vitals_sdk::config::ConfigError>(())
/// ```
#[derive(Config, Clone)]
pub struct RequestSettings {
    #[config(flatten)]
    connection: ConnectionSettings,
    /// The version of HTTP. The default is HTTP/2 if the server selects it in TLS, otherwise
    /// HTTP/1.1. `2-prior-knowledge` is HTTP/2 without TLS.
    http_version: Option<VersionSetting>,
    /// Whether a cookie that a redirect sets is sent to its target.
    #[config(default = true)]
    cookies: bool,
}

impl RequestSettings {
    /// Applies the settings to a request that has all its headers. A setting that is not written
    /// changes nothing.
    pub fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        let mut request = self.connection.apply(request);
        let options = &mut request.options;
        if let Some(version) = self.http_version {
            options.version = match version {
                VersionSetting::Http1 => VersionOption::Http1,
                VersionSetting::Http2 => VersionOption::Http2,
                VersionSetting::PriorKnowledge => VersionOption::Http2PriorKnowledge,
            };
        }
        options.cookies &= self.cookies;
        request
    }
}

/// The settings contain a secret, so they are not printed.
impl fmt::Debug for RequestSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestSettings")
    }
}

/// The part of [`RequestSettings`] that every protocol over HTTP has: what is required of the
/// server, how to sign in, and which way the request takes. It is for a check whose protocol
/// determines the version of HTTP and has no redirects, such as gRPC.
#[derive(Config, Clone)]
pub struct ConnectionSettings {
    /// What is required of the server's certificate: that its chain is trusted and that it is valid
    /// for the name (`true`), only the former (`"chain"`), or nothing (`false`).
    #[config(default = true)]
    verify: Verify,
    /// SHA-256 digests in hexadecimal, of which the server's certificate or its public key must
    /// have one. Nothing else is required of it then, whatever `verify` says.
    #[config(default)]
    pins: Vec<Pin>,
    /// The certificate that is shown to the server: the name of a table `tls.identities`.
    #[config(grant = "identity")]
    client_certificate: Option<String>,
    /// The proxy: the name of a table `proxies`.
    #[config(grant = "proxy")]
    proxy: Option<String>,
    /// The name that the server is asked for, in the header `host` and in TLS. The default is the
    /// host of `url`. Use it to check one server of several by its address.
    host: Option<ServerName>,
    /// The user for basic authentication, exactly as written. It overrides the user in `url`.
    user: Option<String>,
    /// The password of `user`, exactly as written. It is never shown.
    #[config(secret)]
    password: Option<String>,
    /// The family of the addresses to connect to. The default is both.
    family: Option<FamilySetting>,
}

impl ConnectionSettings {
    /// Applies the settings to a request that has all its headers. A setting that is not written
    /// changes nothing.
    pub fn apply(&self, mut request: RequestBuilder) -> RequestBuilder {
        let options = &mut request.options;
        if let Some(verification) = self.verification() {
            options.verification = verification;
        }
        if let Some(name) = &self.client_certificate {
            options.client_certificate = Some(name.clone());
        }
        if let Some(name) = &self.proxy {
            options.proxy = Some(name.clone());
        }
        if let Some(host) = &self.host {
            options.server_name = Some(host.0.clone());
        }
        if let Some(family) = self.family {
            options.family = match family {
                FamilySetting::Ipv4 => Family::Ipv4,
                FamilySetting::Ipv6 => Family::Ipv6,
            };
        }
        self.sign_in(request)
    }

    fn verification(&self) -> Option<Verification> {
        if !self.pins.is_empty() {
            let pins = self.pins.iter().map(|pin| pin.0.clone());
            return Some(Verification::Pins(pins.collect()));
        }
        match self.verify {
            Verify::ChainAndName => None,
            Verify::Chain => Some(Verification::Chain),
            Verify::Nothing => Some(Verification::None),
        }
    }

    /// Adds basic authentication (RFC 7617).
    fn sign_in(&self, mut request: RequestBuilder) -> RequestBuilder {
        let user = match (&self.user, &self.password) {
            (None, None) => return request,
            (None, Some(_)) => return invalid(request, "`password` is set, but `user` is not"),
            // The server takes what follows the first colon for the password.
            (Some(user), _) if user.contains(':') => {
                return invalid(request, "`user` contains a colon");
            }
            (Some(user), _) => user,
        };
        if request.has_header("authorization") {
            return invalid(
                request,
                "both `user` and the header `authorization` are set",
            );
        }
        let password = self.password.as_deref().unwrap_or_default();
        let pair = base64(format!("{user}:{password}").as_bytes());
        let header = ("authorization".to_owned(), format!("Basic {pair}"));
        request.headers.push(header);
        request
    }
}

/// The settings contain a secret, so they are not printed.
impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionSettings")
    }
}

/// Makes the request fail when it is sent.
fn invalid(mut request: RequestBuilder, why: &str) -> RequestBuilder {
    request.problem = Some(Problem::Invalid(why.to_owned()));
    request
}

/// What is required of a certificate without pins.
#[derive(Clone, Copy)]
enum Verify {
    ChainAndName,
    Chain,
    Nothing,
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
#[derive(Clone)]
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
#[derive(Clone)]
struct ServerName(String);

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

#[derive(Config, Clone, Copy)]
enum FamilySetting {
    Ipv4,
    Ipv6,
}

#[derive(Config, Clone, Copy)]
enum VersionSetting {
    #[config(rename = "1.1")]
    Http1,
    #[config(rename = "2")]
    Http2,
    #[config(rename = "2-prior-knowledge")]
    PriorKnowledge,
}

const DIGEST_CHARS: usize = 64;
/// An approximation: reading reports what the pattern lets through. An IPv6 address has two colons
/// at least.
const SERVER_NAME: &str = r"^([^\s:/?#@\[\]\\]+|\[?[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]?)$";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Url;
    use crate::http::get;

    fn applied(settings: Value) -> RequestBuilder {
        let url: Url = "https://in:url@web/".parse().unwrap();
        RequestSettings::read(settings)
            .unwrap()
            .apply(get(&url).header("x", "y"))
    }

    fn error(settings: Value) -> String {
        RequestSettings::read(settings).unwrap_err().to_string()
    }

    #[test]
    fn without_settings_a_request_is_unchanged() {
        let request = applied(json!({}));
        let plain = get(&request.url).header("x", "y");
        assert_eq!(request.all_headers(), plain.all_headers());
        assert_eq!(
            format!("{:?}", request.options),
            format!("{:?}", plain.options)
        );
    }

    #[test]
    fn each_setting_becomes_an_option() {
        let options = applied(json!({
            "verify": "chain", "client_certificate": "shop", "proxy": "dmz", "host": "shop.example",
            "family": "ipv6", "http_version": "2-prior-knowledge", "cookies": false,
        }))
        .options;
        assert_eq!(options.verification, Verification::Chain);
        assert_eq!(options.client_certificate.as_deref(), Some("shop"));
        assert_eq!(options.proxy.as_deref(), Some("dmz"));
        assert_eq!(options.server_name.as_deref(), Some("shop.example"));
        assert_eq!(options.family, Family::Ipv6);
        assert_eq!(options.version, VersionOption::Http2PriorKnowledge);
        assert!(!options.cookies);
        for (version, option) in [("1.1", VersionOption::Http1), ("2", VersionOption::Http2)] {
            let options = applied(json!({ "http_version": version })).options;
            assert_eq!(options.version, option);
        }
    }

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
        ] {
            assert_eq!(applied(settings).options.verification, verification);
        }
        assert_eq!(
            error(json!({ "pins": ["0a:0b"] })),
            "`pins[0]`: `0a:0b` is not a SHA-256 digest in hexadecimal"
        );
    }

    #[test]
    fn user_and_password_are_sent_as_they_are_written() {
        let request = applied(json!({ "user": "öps", "password": "x%41:/ #?\\y" }));
        let pair = base64("öps:x%41:/ #?\\y".as_bytes());
        let authorization = ("authorization".to_owned(), format!("Basic {pair}"));
        assert_eq!(
            request.all_headers(),
            [("x".to_owned(), "y".to_owned()), authorization]
        );
        let both = RequestSettings::read(json!({ "user": "a" })).unwrap();
        let with_header = get(&request.url).header("Authorization", "Bearer x");
        for (request, why) in [
            (
                applied(json!({ "password": "secret" })),
                "`password` is set, but `user` is not",
            ),
            (applied(json!({ "user": "a:b" })), "`user` contains a colon"),
            (
                both.apply(with_header),
                "both `user` and the header `authorization` are set",
            ),
        ] {
            assert_eq!(
                request.send().unwrap_err().problem(),
                &Problem::Invalid(why.to_owned())
            );
        }
        assert_eq!(format!("{both:?}"), "RequestSettings");
    }

    #[test]
    fn a_protocol_that_determines_the_version_does_not_offer_it() {
        let settings = json!({ "verify": false, "user": "a", "family": "ipv4" });
        let connection = ConnectionSettings::read(settings).unwrap();
        let request = connection.apply(get(&"https://web/".parse().unwrap()));
        assert_eq!(request.options.verification, Verification::None);
        assert_eq!(request.options.family, Family::Ipv4);
        assert!(request.has_header("authorization"));
        assert_eq!(format!("{connection:?}"), "ConnectionSettings");
        for key in ["http_version", "cookies"] {
            let error = ConnectionSettings::read(json!({ key: true })).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
    }

    #[test]
    fn the_host_is_a_name_or_an_address_without_a_port() {
        for host in ["shop.example", "::1", "[::1]", "192.0.2.1", "bücher.test"] {
            let options = applied(json!({ "host": host })).options;
            assert_eq!(options.server_name.as_deref(), Some(host));
        }
        for host in [
            "shop.example:8080",
            "https://shop.example",
            "",
            "a b",
            "127.1",
        ] {
            let error = error(json!({ "host": host }));
            let beginning = format!("`host`: `{host}` is not a name or an IP address");
            assert!(error.starts_with(&beginning), "{error}");
        }
    }
}
