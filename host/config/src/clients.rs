//! What requests of checks may name: identities in TLS, and proxies.
//!
//! The doc comments are the descriptions in `vitals.schema.json`. Does not know how they are used.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::secret::Secret;
use super::tree::{Node, Value};
use super::values;
use vitals_model::ProxyUrl;

/// An identity in TLS: a certificate that HTTP requests of checks may show to servers. A check may
/// use it if a setting that its plugin marks names it, or if `allow.identities` does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsIdentity {
    /// PEM file with the certificate, followed by those that lead to its root. Limits: not empty.
    /// Default: required.
    #[serde(deserialize_with = "values::path", skip_serializing_if = "is_empty")]
    pub certificate: PathBuf,
    /// PEM file with the unencrypted private key: PKCS #8, PKCS #1 or SEC 1. It may be the same
    /// file. Limits: not empty. Default: required.
    #[serde(deserialize_with = "values::path", skip_serializing_if = "is_empty")]
    pub key: PathBuf,
}

impl TlsIdentity {
    /// Makes the identity of two PEM files, which may be one.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
        }
    }
}

/// A proxy that HTTP requests of checks may use. It opens a connection for each request, for `http`
/// and `https` alike, and resolves the names of servers itself. A check may use it if a setting that
/// its plugin marks names it, or if `allow.proxies` does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Proxy {
    /// URL of the proxy: `http://proxy.example.com:3128` for one that knows the method CONNECT,
    /// `socks5://proxy.example.com:1080` for SOCKS 5. `socks5h` means the same as `socks5`. Limits:
    /// http, socks5 or socks5h, without a user, a path or a query. Without a port it is 80 or 1080.
    /// Default: required.
    #[serde(deserialize_with = "values::proxy_url")]
    #[schemars(with = "Option<String>", extend("x-vitals-type" = "URL"))]
    pub url: Option<ProxyUrl>,
    /// User name. Limits: 1 to 255 bytes without `:` and control characters, only together with
    /// `password`. Default: none.
    #[serde(deserialize_with = "values::secret", serialize_with = "exposed")]
    #[schemars(with = "Option<String>")]
    pub user: Option<Secret>,
    /// Password. Limits: 1 to 255 bytes without control characters, only together with `user`.
    /// Default: none.
    #[serde(deserialize_with = "values::secret", skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub password: Option<Secret>,
}

impl Proxy {
    /// Makes a proxy without a user.
    pub fn new(url: ProxyUrl) -> Self {
        Self {
            url: Some(url),
            ..Self::default()
        }
    }

    /// Sets the user and the password.
    #[must_use]
    pub fn user(mut self, user: impl Into<Secret>, password: impl Into<Secret>) -> Self {
        (self.user, self.password) = (Some(user.into()), Some(password.into()));
        self
    }
}

/// Writes a text that is a secret only if it came from `${…}`.
#[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
fn exposed<S: Serializer>(user: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    user.as_ref().map(Secret::expose).serialize(serializer)
}

fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

/// Marks the values that are secrets by their nature, so that no diagnostic shows them.
pub(super) fn mark_secrets(root: &mut Node) {
    let proxies = root.find_mut(&["proxies"]).and_then(Node::table_mut);
    for proxy in proxies.into_iter().flat_map(|all| all.values_mut()) {
        proxy.mark_secret(&["user"]);
        proxy.mark_secret(&["password"]);
        // A URL with a user in it is rejected, and the diagnostic must not show the password.
        if let Some(url) = proxy.find_mut(&["url"]) {
            url.secret |= matches!(&url.value, Value::Text(text) if text.contains('@'));
        }
    }
}

/// Returns what is wrong with a user name and, after a colon, what to do.
pub(super) fn user_error(user: &str) -> Option<&'static str> {
    let is_usable = is_short_line(user) && !user.contains(':');
    (!is_usable).then_some(
        "cannot be sent: write 1 to 255 bytes, neither `:` nor control characters among them",
    )
}

/// Returns what is wrong with a password and, after a colon, what to do.
pub(super) fn password_error(password: &str) -> Option<&'static str> {
    (!is_short_line(password))
        .then_some("cannot be sent: write 1 to 255 bytes, no control characters among them")
}

fn is_short_line(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, Environment, Sources};

    fn parse(text: &str) -> Result<Config, String> {
        let variables = [("PW", "hunter2-password"), ("PROXY_USER", "hunter2-user")];
        let sources = Sources {
            environment: Environment::fixed(variables),
            ..Sources::default()
        };
        let parsed = Config::parse(text, Path::new("vitals.toml"), &sources);
        parsed.map_err(|found| found.to_string())
    }

    #[test]
    fn identities_and_proxies_are_read_and_their_secrets_are_redacted() {
        let config = parse(
            "[tls.identities.shop]\ncertificate = 'cert.pem'\nkey = 'key.pem'\n\
             [proxies.corp]\nurl = 'http://Proxy.test:3128/'\nuser = '${PROXY_USER}'\n\
             password = '${PW}'\n\
             [proxies.tor]\nurl = 'socks5h://[::1]'\n\
             [proxies.own]\nurl = 'socks5://10.0.0.1:9'\nuser = 'vitals-user'\n\
             password = 'plain-password'\n\
             [checks.a]\nplugin = 'p'\nallow = { identities = ['shop'], proxies = ['tor'] }",
        );
        let config = config.expect("a configuration");
        let identity = &config.tls.identities["shop"];
        let files = [&identity.certificate, &identity.key].map(std::path::PathBuf::as_path);
        assert_eq!(files, [Path::new("cert.pem"), Path::new("key.pem")]);
        assert_eq!(config.identity_files().len(), 2);
        let urls: Vec<_> = config
            .proxies
            .values()
            .map(|proxy| {
                let url = proxy.url.as_ref().expect("a URL");
                url.to_string()
            })
            .collect();
        let expected = [
            "http://proxy.test:3128",
            "socks5://10.0.0.1:9",
            "socks5://[::1]:1080",
        ];
        assert_eq!(urls, expected);
        let said = "hunter2-user hunter2-password vitals-user plain-password";
        assert_eq!(
            config.secrets.line(said, 1000).as_str(),
            "[redacted] [redacted] vitals-user [redacted]"
        );
        let debugged = format!("{config:?}");
        assert!(
            !debugged.contains("hunter2") && !debugged.contains("plain-"),
            "{debugged}"
        );
        assert_eq!(config.validate(), Ok(()));
    }

    #[test]
    fn a_change_of_an_identity_or_a_proxy_is_a_change() {
        let text = "[tls.identities.a]\ncertificate = 'a'\nkey = 'b'\n\
                    [proxies.p]\nurl = 'http://p.test'\nuser = 'u'\npassword = 'x'";
        let running = parse(text).expect("valid");
        assert!(parse(text).expect("valid").is_equivalent(&running));
        for (from, to) in [("'b'", "'c'"), ("p.test", "q.test"), ("'x'", "'y'")] {
            let other = parse(&text.replace(from, to)).expect("valid");
            assert!(!other.is_equivalent(&running), "{to}");
            let (_, restart) = other.merge_reloadable(&running);
            assert_eq!(restart, Vec::<String>::new());
        }
    }

    #[test]
    fn errors_name_the_key_and_show_no_secret() {
        let found = parse(
            "[tls.identities.Shop]\ncertificate = 'cert.pem'\n[tls.identities.b]\ncertificate = ''\n\
             key = 'k'\nca = 'x'\n\
             [proxies.a]\nuser = 'u'\n[proxies.b]\nurl = 'http://u:hunter2@proxy.test'\n\
             [proxies.c]\nurl = 'https://proxy.test'\n[proxies.d]\nurl = 'socks5://proxy.test/path'\n\
             [proxies.e]\nurl = 'http://proxy.test'\nuser = 'hunter2:x'\npassword = \"hunter2\\n\"\n\
             [proxies.f]\nurl = 'socks5://proxy.test:0'\n[proxies.'a b']\nurl = 'http://proxy.test'",
        );
        let found = found.expect_err("something is wrong");
        assert!(!found.contains("hunter2"), "{found}");
        let url = "which is not an http, socks5 or socks5h URL without a user, a path or a query: \
                   write for example \"http://proxy.example.com:3128\"";
        let user = "cannot be sent: write 1 to 255 bytes, neither `:` nor control characters among \
                    them";
        let expected = [
            "1: `[tls.identities.Shop]` cannot be the table of an identity: use 1 to 64 characters of \
             a-z, 0-9, `.`, `_` and `-`, starting with a letter or digit"
                .to_owned(),
            "1: `tls.identities.Shop` has no `key`: name its PEM file".to_owned(),
            "4: `tls.identities.b.certificate` is ``, which is not a path".to_owned(),
            "6: unknown key `ca` in `[tls.identities.b]`: the known keys are `certificate` and `key`"
                .to_owned(),
            "7: `proxies.a` has no `url`: write for example `url = \"http://proxy.example.com:3128\"`"
                .to_owned(),
            "8: `proxies.a.user` needs a `password`: set both".to_owned(),
            format!("10: `proxies.b.url` is a secret, {url}"),
            format!("12: `proxies.c.url` is `https://proxy.test`, {url}"),
            format!("14: `proxies.d.url` is `socks5://proxy.test/path`, {url}"),
            format!("17: `proxies.e.user` {user}"),
            "18: `proxies.e.password` cannot be sent: write 1 to 255 bytes, no control characters \
             among them"
                .to_owned(),
            format!("20: `proxies.f.url` is `socks5://proxy.test:0`, {url}"),
            "21: `[proxies.\"a b\"]` cannot be the table of a proxy: use 1 to 64 characters of a-z, \
             0-9, `.`, `_` and `-`, starting with a letter or digit"
                .to_owned(),
        ];
        let lines: Vec<_> = found.lines().collect();
        let expected = expected.map(|text| format!("vitals.toml:{text}"));
        assert_eq!(lines, expected, "{found}");
    }
}
