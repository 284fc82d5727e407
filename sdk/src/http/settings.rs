//! The settings of a request that every check of an HTTP service offers. This file only translates
//! them into options of the request.

use std::fmt;

use super::{Family, Problem, RequestBuilder, Verification, VersionOption, base64};
use crate::Config;
use crate::net::ConnectSettings;
use crate::tls::{ServerName, TlsSettings};

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
    server: ServerSettings,
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
        let mut request = self.server.apply(request);
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
pub struct ServerSettings {
    #[config(flatten)]
    tls: TlsSettings,
    #[config(flatten)]
    connection: ConnectSettings,
    /// The name that the server is asked for, in the header `host` and in TLS. The default is the
    /// host of `url`. Use it to check one server of several by its address.
    host: Option<ServerName>,
    /// The user for basic authentication, exactly as written. It overrides the user in `url`.
    user: Option<String>,
    /// The password of `user`, exactly as written. It is never shown.
    #[config(secret)]
    password: Option<String>,
}

impl ServerSettings {
    /// Applies the settings to a request that has all its headers. A setting that is not written
    /// changes nothing.
    pub fn apply(&self, mut request: RequestBuilder) -> RequestBuilder {
        let options = &mut request.options;
        match self.tls.verification() {
            Verification::ChainAndName => {}
            verification => options.verification = verification,
        }
        if let Some(name) = self.tls.client_certificate() {
            options.client_certificate = Some(name.to_owned());
        }
        if let Some(name) = self.connection.proxy() {
            options.proxy = Some(name.to_owned());
        }
        if let Some(host) = &self.host {
            options.server_name = Some(host.as_str().to_owned());
        }
        match self.connection.family() {
            Family::Any => {}
            family => options.family = family,
        }
        self.sign_in(request)
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
impl fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSettings")
    }
}

/// Makes the request fail when it is sent.
fn invalid(mut request: RequestBuilder, why: &str) -> RequestBuilder {
    request.problem = Some(Problem::Invalid(why.to_owned()));
    request
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::get;
    use crate::{Url, Value, json};

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
