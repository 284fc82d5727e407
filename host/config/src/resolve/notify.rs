//! Validates the keys of `[notify]` against each other.

use super::report::{report, report_missing, report_name};
use crate::diagnostics_collector::DiagnosticsCollector;
use crate::notify::{Notify, header_error, label_error};
use crate::tree::{KeyPath, Node};

/// Reports keys that are missing or exclude each other. What is wrong with a single value has been
/// reported when it was read.
pub(super) fn validate(notify: &Notify, root: &Node, collector: &DiagnosticsCollector) {
    let top = KeyPath::Key(&KeyPath::Top, "notify");
    if let Some(table) = root.find(&["notify", "alertmanager"]) {
        let path = KeyPath::Key(&top, "alertmanager");
        alertmanager(notify, table, &path, collector);
    }
    let webhooks = KeyPath::Key(&top, "webhooks");
    for (name, webhook) in &notify.webhooks {
        let Some(table) = root.find(&["notify", "webhooks", name]) else {
            continue;
        };
        let path = KeyPath::Key(&webhooks, name);
        report_name(name, table, &path, "a webhook", collector);
        report_missing(
            table,
            &path,
            "url",
            "set the URL to post transitions to",
            collector,
        );
        for (name, value) in &webhook.headers {
            let problem = header_error(name, value.expose());
            report(table, &path, &["headers", name], problem, collector);
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
    let has = |key: &str| table.find(&[key]).is_some();
    let (has_user, has_password) = (has("username"), has("password"));
    for (key, is_wrong, problem) in [
        ("username", !has_password, "needs a `password`: set both"),
        ("password", !has_user, "needs a `username`: set both"),
        (
            "bearer_token",
            has_user,
            "excludes `username`: set one of them",
        ),
    ] {
        report(table, path, &[key], is_wrong.then_some(problem), collector);
    }
    for name in notify.alertmanager.labels.keys() {
        report(table, path, &["labels", name], label_error(name), collector);
    }
}
