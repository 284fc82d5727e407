//! Validates the keys of `[notify]` against each other.

use crate::diagnostic::Diagnostic;
use crate::diagnostics_collector::DiagnosticsCollector;
use crate::notify::{Notify, header_error, label_error};
use crate::tree::{KeyPath, Node};
use vitals_model::PluginName;

/// Reports keys that are missing or exclude each other. What is wrong with a single value has been
/// reported when it was read.
pub(super) fn validate(notify: &Notify, root: &Node, collector: &DiagnosticsCollector) {
    let top = KeyPath::Key(&KeyPath::Top, "notify");
    if let Some(table) = root.find(&["notify", "alertmanager"]) {
        alertmanager(
            notify,
            table,
            &KeyPath::Key(&top, "alertmanager"),
            collector,
        );
    }
    let webhooks = KeyPath::Key(&top, "webhooks");
    for (name, webhook) in &notify.webhooks {
        let Some(table) = root.find(&["notify", "webhooks", name]) else {
            continue;
        };
        let path = KeyPath::Key(&webhooks, name);
        // Names of webhooks follow the rule for names of plugins.
        if let Err(error) = name.parse::<PluginName>() {
            let rule = error.rule();
            let message = format!("`[{path}]` cannot be the table of a webhook: {rule}");
            collector.report_at(table.location.clone(), path.to_string(), message);
        }
        if table.find(&["url"]).is_none() {
            collector.push(Diagnostic {
                location: table.location.clone(),
                key: path.to_string(),
                message: format!("`{path}` has no `url`"),
                remedy: "set the URL to post transitions to".to_owned(),
            });
        }
        let headers = KeyPath::Key(&path, "headers");
        for (name, value) in &webhook.headers {
            let problem = header_error(name, value.expose());
            let node = table.find(&["headers", name]);
            report(node, &KeyPath::Key(&headers, name), problem, collector);
        }
    }
}

fn alertmanager(
    notify: &Notify,
    table: &Node,
    path: &KeyPath<'_>,
    collector: &DiagnosticsCollector,
) {
    if table.find(&["urls"]).is_none() {
        let message = format!("`{path}` has no `urls`");
        let remedy = "write for example `urls = [\"http://alertmanager:9093\"]`".to_owned();
        collector.report(table, path, message, remedy);
    }
    let node = |key: &str| table.find(&[key]);
    let (user, password) = (node("username"), node("password"));
    let alone = match (user, password) {
        (Some(user), None) => Some((user, "username", "needs a `password`: set both")),
        (None, Some(password)) => Some((password, "password", "needs a `username`: set both")),
        _ => None,
    };
    if let Some((node, key, problem)) = alone {
        report(
            Some(node),
            &KeyPath::Key(path, key),
            Some(problem),
            collector,
        );
    }
    if let (Some(token), Some(_)) = (node("bearer_token"), user) {
        let problem = "excludes `username`: set one of them";
        let path = KeyPath::Key(path, "bearer_token");
        report(Some(token), &path, Some(problem), collector);
    }
    let labels = KeyPath::Key(path, "labels");
    for name in notify.alertmanager.labels.keys() {
        let node = table.find(&["labels", name]);
        let path = KeyPath::Key(&labels, name);
        report(node, &path, label_error(name), collector);
    }
}

/// Reports a problem that says after a colon what to do.
fn report(
    node: Option<&Node>,
    path: &KeyPath<'_>,
    problem: Option<&str>,
    collector: &DiagnosticsCollector,
) {
    if let (Some(node), Some(problem)) = (node, problem) {
        let (problem, remedy) = problem.split_once(": ").unwrap_or((problem, ""));
        collector.report(node, path, format!("`{path}` {problem}"), remedy.to_owned());
    }
}
