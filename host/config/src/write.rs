//! The way back: a configuration as the tree that a file would have given.
//!
//! What a program sets goes through the same tree as a file, so that both are validated by the same
//! code. Knows no bounds of its own.

use std::fmt::Display;

use serde::Serialize;
use serde_json::Value as Json;

use super::checks::{CheckConfig, Defaults};
use super::config::Config;
use super::diagnostic::{Diagnostic, Location};
use super::diagnostics_collector::DiagnosticsCollector;
use super::notify::{Alertmanager, Notify};
use super::raw::RawDefaults;
use super::secret::Secret;
use super::tree::{Node, Table, Value};

/// Writes everything of a configuration that has bounds or rules.
pub(super) fn config(config: &Config, collector: &DiagnosticsCollector) -> Node {
    let mut root = sections(config, collector);
    let Defaults {
        schedule,
        limits,
        dir,
    } = &config.defaults;
    let defaults = RawDefaults::new(schedule, limits, *dir);
    root.put(&["defaults"], node("defaults", &defaults, collector));
    for (name, config) in &config.checks {
        let key = format!("checks.{name}");
        root.put(&["checks", name.as_str()], check(&key, config, collector));
    }
    root
}

/// Writes the sections about the host itself: all but `[defaults]` and `[checks]`.
pub(super) fn sections(config: &Config, collector: &DiagnosticsCollector) -> Node {
    let Config {
        server,
        plugins,
        engine,
        tls,
        metrics,
        sentry,
        tools,
        ..
    } = config;
    let mut root = Node::empty();
    root.put(&["server"], node("server", server, collector));
    root.put(&["plugins"], node("plugins", plugins, collector));
    root.put(&["engine"], node("engine", engine, collector));
    root.put(&["tls"], node("tls", tls, collector));
    root.put(&["metrics"], node("metrics", metrics, collector));
    root.put(&["sentry"], node("sentry", sentry, collector));
    root.put(&["notify"], notify(&config.notify, collector));
    root.put(&["proxies"], node("proxies", &config.proxies, collector));
    root.put(&["tools"], node("tools", &tools.0, collector));
    // Serde leaves secrets out.
    put_secret(&mut root, &["server", "admin_token"], &server.admin_token);
    put_secret(&mut root, &["metrics", "token"], &metrics.token);
    put_secret(&mut root, &["sentry", "dsn"], &sentry.dsn);
    for (name, proxy) in &config.proxies {
        put_secret(&mut root, &["proxies", name, "password"], &proxy.password);
    }
    root
}

fn notify(notify: &Notify, collector: &DiagnosticsCollector) -> Node {
    let mut root = node("notify", notify, collector);
    let Alertmanager {
        urls,
        bearer_token,
        password,
        ..
    } = &notify.alertmanager;
    put_secret(&mut root, &["alertmanager", "bearer_token"], bearer_token);
    put_secret(&mut root, &["alertmanager", "password"], password);
    if notify.alertmanager == Alertmanager::default() {
        root.remove(&["alertmanager"]);
    } else if urls.is_empty() {
        root.remove(&["alertmanager", "urls"]);
    }
    for (name, webhook) in &notify.webhooks {
        put_secret(&mut root, &["webhooks", name, "url"], &webhook.url);
        for (header, value) in &webhook.headers {
            let path = ["webhooks", name, "headers", header];
            root.put(&path, Node::secret(value));
        }
    }
    root
}

fn check(key: &str, check: &CheckConfig, collector: &DiagnosticsCollector) -> Node {
    let CheckConfig {
        plugin,
        schedule,
        limits,
        dir,
        ..
    } = check;
    let mut table = node(key, &RawDefaults::new(schedule, limits, *dir), collector);
    match plugin {
        Some(plugin) => table.put(&["plugin"], Node::text(plugin)),
        None => ["dir", "limits"]
            .iter()
            .for_each(|key| table.remove(&[key])),
    }
    table
}

/// Writes one table as serde does.
fn node(key: &str, table: &impl Serialize, collector: &DiagnosticsCollector) -> Node {
    let json = serde_json::to_value(table).unwrap_or_else(|error| {
        collector.push(Diagnostic {
            location: Location::Program,
            key: key.to_owned(),
            message: format!("`{key}` cannot be written as text"),
            remedy: error.to_string(),
        });
        Json::Null
    });
    without_nulls(Node::from(json))
}

#[expect(clippy::ref_option, reason = "the fields of sections are options")]
fn put_secret(root: &mut Node, path: &[&str], secret: &Option<Secret>) {
    if let Some(secret) = secret {
        root.put(path, Node::secret(secret));
    }
}

/// Leaves out the keys without a value, as a file does.
fn without_nulls(mut node: Node) -> Node {
    if let Value::Table(table) = &mut node.value {
        *table = std::mem::take(table)
            .into_iter()
            .filter(|(_, node)| !matches!(node.value, Value::Null))
            .map(|(key, node)| (key, without_nulls(node)))
            .collect();
    }
    node
}

impl Node {
    /// A text that a program sets.
    pub(super) fn text(text: impl Display) -> Self {
        Self::from(Json::String(text.to_string()))
    }

    /// A text that must not be shown.
    pub(super) fn secret(secret: &Secret) -> Self {
        Self {
            secret: true,
            ..Self::text(secret.expose())
        }
    }
}

/// A value that a program sets.
impl From<Json> for Node {
    fn from(json: Json) -> Self {
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Boolean(value),
            Json::String(text) => Value::Text(text),
            Json::Number(number) => match number.as_i128() {
                Some(number) => Value::Integer(number),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::Array(items) => Value::List(items.into_iter().map(Self::from).collect()),
            Json::Object(entries) => {
                let entries = entries.into_iter();
                let table: Table = entries.map(|(key, it)| (key, Self::from(it))).collect();
                Value::Table(table)
            }
        };
        Self {
            value,
            ..Self::empty()
        }
    }
}
