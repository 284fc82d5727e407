//! Who is notified of transitions: the `[notify]` table.
//!
//! The doc comments are the descriptions in `vitals.schema.json`. Does not know what is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::tree::{Node, Value};
use super::values::{self, As, Period};

/// Notifications of transitions. Without a receiver nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Notify {
    /// Statuses to notify of. A notification is sent when a check enters one of them, and when it
    /// leaves it. Limits: `unhealthy`, `degraded` and `unknown`. Default: `["unhealthy"]`.
    pub on: Vec<NotifyStatus>,
    /// URL of this host for people. Notifications link to `/health/checks/{name}` below it. Limits:
    /// http or https, without a user, a query or a fragment. Default: none.
    #[serde(deserialize_with = "values::server_url")]
    #[schemars(extend("x-vitals-type" = "URL"))]
    pub external_url: Option<String>,
    /// Name of this host in notifications. Hosts that have checks of the same name need different
    /// ones. Default: the name of the machine.
    pub instance: Option<String>,
    /// Time for one request to a receiver. Limits: 1 ms to 24 h. Default: `"10s"`.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub timeout: Duration,
    /// The Alertmanagers.
    pub alertmanager: Alertmanager,
    /// Receivers of JSON by name. Limits: names match `[a-z0-9][a-z0-9._-]{0,63}`. Default: none.
    pub webhooks: BTreeMap<String, Webhook>,
}

/// A status to notify of.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum NotifyStatus {
    /// The checked thing does not work.
    Unhealthy,
    /// The checked thing works in part.
    Degraded,
    /// The status is not known. Unless it is listed, a check whose status becomes unknown keeps its
    /// alert as it is.
    Unknown,
}

/// Alertmanagers that get an alert for each check whose status is listed in `notify.on`, by their
/// API version 2.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Alertmanager {
    /// URLs of the Alertmanagers, without `/api/v2`. Each of them gets every alert, as the members
    /// of a cluster expect. Limits: http or https, without a user, a query or a fragment. Default:
    /// `[]`.
    #[serde(deserialize_with = "values::server_urls")]
    pub urls: Vec<String>,
    /// Token to send as `Authorization: Bearer`. Limits: one or more printable ASCII characters
    /// without spaces; not together with `username`. Default: none.
    #[serde(deserialize_with = "values::token", skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub bearer_token: Option<Secret>,
    /// User name for basic authentication. Limits: only together with `password`. Default: none.
    pub username: Option<String>,
    /// Password for basic authentication. Limits: not empty, only together with `username`.
    /// Default: none.
    #[serde(deserialize_with = "values::secret", skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub password: Option<Secret>,
    /// Labels to add to every alert. Limits: names of Prometheus labels; `alertname`, `check`,
    /// `plugin`, `severity` and `instance` are set by the host. Default: none.
    pub labels: BTreeMap<String, String>,
    /// Time after which a firing alert is sent again. An alert that is not sent again ends after
    /// four times as long. Limits: 1 ms to 24 h. Default: `"1m"`.
    #[serde(with = "As::<Period>")]
    #[schemars(with = "Period")]
    pub resend: Duration,
}

/// A receiver of JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Webhook {
    /// URL to which transitions are posted. Limits: http or https. Default: required.
    #[serde(deserialize_with = "values::secret_url", skip_serializing)]
    #[schemars(with = "Option<String>", extend("writeOnly" = true, "x-vitals-type" = "URL"))]
    pub url: Option<Secret>,
    /// Headers of each request: `{ Authorization = "Bearer ${TOKEN}" }`. Limits: ASCII values on
    /// one line; `Host`, `Connection`, `Content-Type`, `Content-Length` and `Transfer-Encoding` are
    /// set by the host. Default: none.
    #[serde(skip_serializing)]
    #[schemars(with = "BTreeMap<String, String>", extend("writeOnly" = true))]
    pub headers: BTreeMap<String, Secret>,
}

impl Webhook {
    /// Makes a webhook without headers of its own.
    pub fn new(url: impl Into<Secret>) -> Self {
        Self {
            url: Some(url.into()),
            headers: BTreeMap::new(),
        }
    }

    /// Adds a header to each request.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Secret>) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }
}

impl Notify {
    /// Returns the texts that must not leave the host: tokens, passwords, URLs of webhooks, and
    /// headers whose name says that they hold a secret. The values of other headers can be ordinary
    /// words.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let Alertmanager {
            bearer_token,
            password,
            ..
        } = &self.alertmanager;
        let of_webhooks = self.webhooks.values().flat_map(|webhook| {
            let headers = webhook.headers.iter();
            let headers = headers.filter(|(name, _)| is_secret_header(name));
            let headers = headers.map(|(_, value)| value.expose());
            // `Bearer TOKEN` is a secret, and so is the token.
            let parts = headers.flat_map(|text| [Some(text), text.split_once(' ').map(|it| it.1)]);
            parts
                .flatten()
                .chain(webhook.url.as_ref().map(Secret::expose))
        });
        let of_alertmanager = bearer_token.iter().chain(password);
        of_alertmanager.map(Secret::expose).chain(of_webhooks)
    }
}

/// Returns whether the name of a header says that its value is a secret.
fn is_secret_header(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    let words = ["auth", "cookie", "key", "password", "secret", "token"];
    words.iter().any(|word| header.contains(word))
}

/// Marks the values that are secrets by their nature, so that no diagnostic shows them.
pub(super) fn mark_secrets(root: &mut Node) {
    for key in ["bearer_token", "password"] {
        root.mark_secret(&["notify", "alertmanager", key]);
    }
    if let Some(url) = root.find_mut(&["notify", "external_url"]) {
        mark_url_with_user(url);
    }
    if let Some(urls) = root.find_mut(&["notify", "alertmanager", "urls"])
        && let Value::List(urls) = &mut urls.value
    {
        urls.iter_mut().for_each(mark_url_with_user);
    }
    let webhooks = root
        .find_mut(&["notify", "webhooks"])
        .and_then(Node::table_mut);
    for webhook in webhooks.into_iter().flat_map(|all| all.values_mut()) {
        webhook.mark_secret(&["url"]);
        webhook.mark_secret(&["headers"]);
        let headers = webhook.find_mut(&["headers"]).and_then(Node::table_mut);
        for header in headers.into_iter().flat_map(|all| all.values_mut()) {
            header.mark_secret(&[]);
        }
    }
}

/// Marks a URL with a user in it: it is rejected, and the diagnostic must not show the password.
fn mark_url_with_user(url: &mut Node) {
    url.secret |= matches!(&url.value, Value::Text(text) if text.contains('@'));
}

/// Returns what is wrong with the name of a label and, after a colon, what to do.
pub(super) fn label_error(name: &str) -> Option<&'static str> {
    let first = |c: char| c == '_' || c.is_ascii_alphabetic();
    let is_name = name.starts_with(first)
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
        && !name.starts_with("__");
    if RESERVED_LABELS.contains(&name) {
        Some("is a label that the host sets: choose another name")
    } else if !is_name {
        Some(
            "is not a label name: use letters, digits and `_`, and begin with neither a digit nor `__`",
        )
    } else {
        None
    }
}

/// Returns what is wrong with a header and, after a colon, what to do. Does not show its value.
pub(super) fn header_error(name: &str, value: &str) -> Option<&'static str> {
    match name.parse::<HeaderName>() {
        Err(_) => Some("is not a header name: write for example `Authorization`"),
        Ok(name) if RESERVED_HEADERS.contains(&name.as_str()) => {
            Some("is a header that the host sets: remove it")
        }
        Ok(_) if HeaderValue::from_str(value).is_err() => {
            Some("has a value that a header cannot have: write one line of ASCII")
        }
        Ok(_) => None,
    }
}

/// The labels of an alert that the host sets.
const RESERVED_LABELS: [&str; 5] = ["alertname", "check", "plugin", "severity", "instance"];
const RESERVED_HEADERS: [&str; 5] = [
    "content-type",
    "content-length",
    "transfer-encoding",
    "host",
    "connection",
];

impl Default for Notify {
    fn default() -> Self {
        Self {
            on: vec![NotifyStatus::Unhealthy],
            external_url: None,
            instance: None,
            timeout: Duration::from_secs(10),
            alertmanager: Alertmanager::default(),
            webhooks: BTreeMap::new(),
        }
    }
}

impl Default for Alertmanager {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            bearer_token: None,
            username: None,
            password: None,
            labels: BTreeMap::new(),
            resend: Duration::from_mins(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, Environment, Sources};
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let variables = [("TOKEN", "hunter2-token"), ("NAME", "hunter2-name")];
        let sources = Sources {
            environment: Environment::fixed(variables),
            ..Sources::default()
        };
        let parsed = Config::parse(text, Path::new("vitals.toml"), &sources);
        parsed.map_err(|found| found.to_string())
    }

    #[test]
    fn receivers_are_read_and_their_secrets_are_redacted() {
        let config = parse(
            "[defaults]\nnotify = false\n[checks.a]\nnotify = true\n[checks.b]\n\
             [notify]\non = ['degraded', 'unhealthy']\nexternal_url = 'https://vitals.test/'\n\
             instance = 'eu-1'\ntimeout = '3s'\n\
             [notify.alertmanager]\nurls = ['http://one:9093', 'https://two/am/']\n\
             username = 'u'\npassword = 'hunter2-password'\nlabels.team = 'shop'\nresend = '30s'\n\
             [notify.webhooks.ops]\nurl = 'https://hooks.test/${NAME}'\n\
             headers = { Authorization = 'Bearer ${TOKEN}', X-Key = 'Key hunter2-key', X-By = 'vitals' }",
        );
        let config = config.expect("a configuration");
        let notify = &config.notify;
        assert_eq!(notify.on, [NotifyStatus::Degraded, NotifyStatus::Unhealthy]);
        assert_eq!(notify.external_url.as_deref(), Some("https://vitals.test"));
        let urls = ["http://one:9093", "https://two/am"];
        assert_eq!(notify.alertmanager.urls, urls);
        assert_eq!(notify.alertmanager.resend, Duration::from_secs(30));
        let notified: Vec<_> = config
            .checks
            .values()
            .map(|it| it.schedule.notify)
            .collect();
        assert_eq!(notified, [true, false]);
        let said = "hunter2-token hunter2-name hunter2-password hunter2-key \
                    https://hooks.test/hunter2-name";
        let expected = ["[redacted]"; 5].join(" ");
        assert_eq!(config.secrets.line(said, 1000).as_str(), expected);
        assert_eq!(config.secrets.line("vitals", 1000).as_str(), "vitals");
        let debugged = format!("{config:?}");
        assert!(!debugged.contains("hunter2"), "{debugged}");
    }

    #[test]
    fn errors_of_receivers_are_reported_without_secrets() {
        let found = parse(
            "[notify]\non = ['unhealthy', 'healthy']\nexternal_url = 'vitals.test'\n\
             [notify.alertmanager]\nurls = ['am:9093', 'http://u:hunter2@am']\nusername = 'u'\n\
             bearer_token = 'two words hunter2'\n\
             labels = { check = 'x', '1st' = 'x' }\n\
             [notify.webhooks.ops]\nurl = 'ftp://hunter2'\n\
             headers = { Host = 'hunter2', 'a b' = 'hunter2', X = \"hunter2\\n\", Y = 5 }\n\
             [notify.webhooks.Empty]\n",
        );
        let found = found.expect_err("something is wrong");
        assert!(!found.contains("hunter2"), "{found}");
        let expected = [
            "vitals.toml:2: `notify.on[1]` is `healthy`, which is not a known value: did you mean `unhealthy`?",
            "vitals.toml:3: `notify.external_url` is `vitals.test`, which is not an http or https URL \
             without a user, a query or a fragment: write for example \"https://vitals.example.com\"",
            "vitals.toml:5: `notify.alertmanager.urls[0]` is `am:9093`, which is not an http or https \
             URL without a user, a query or a fragment: write for example \
             \"https://vitals.example.com\"",
        ];
        let lines: Vec<_> = found.lines().collect();
        assert_eq!(lines[..3], expected, "{found}");
        let rest = [
            "vitals.toml:5: `notify.alertmanager.urls[1]` is a secret, which is not an http",
            "vitals.toml:6: `notify.alertmanager.username` needs a `password`",
            "vitals.toml:7: `notify.alertmanager.bearer_token` is a secret, which is not a token",
            "vitals.toml:8: `notify.alertmanager.labels.check` is a label that the host sets",
            "vitals.toml:8: `notify.alertmanager.labels.1st` is not a label name",
            "vitals.toml:10: `notify.webhooks.ops.url` is a secret, which is not an http or https URL",
            "vitals.toml:11: `notify.webhooks.ops.headers.Host` is a header that the host sets",
            "vitals.toml:11: `notify.webhooks.ops.headers.\"a b\"` is not a header name",
            "vitals.toml:11: `notify.webhooks.ops.headers.X` has a value that a header cannot have",
            "vitals.toml:11: `notify.webhooks.ops.headers.Y` is a secret, which is not a string",
            "vitals.toml:12: `[notify.webhooks.Empty]` cannot be the table of a webhook",
            "vitals.toml:12: `notify.webhooks.Empty` has no `url`",
        ];
        for beginning in rest {
            assert!(found.contains(beginning), "{beginning}: {found}");
        }
        assert_eq!(lines.len(), expected.len() + rest.len(), "{found}");
    }

    #[test]
    fn an_alertmanager_needs_a_url_and_at_most_one_login() {
        let found = parse("[notify.alertmanager]\nlabels.team = 'shop'").expect_err("no URL");
        assert_eq!(
            found,
            "vitals.toml:1: `notify.alertmanager` has no `urls`: write for example `urls = \
             [\"http://alertmanager:9093\"]`"
        );
        let text = "[notify.alertmanager]\nurls = ['http://am']\nbearer_token = 'token-of-it'\n\
                    username = 'u'\npassword = 'hunter2-password'";
        assert_eq!(
            parse(text).expect_err("both"),
            "vitals.toml:3: `notify.alertmanager.bearer_token` excludes `username`: set one of them"
        );
    }
}
