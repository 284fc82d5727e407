//! Holds the keys of `[notify]` against each other.

use secrecy::ExposeSecret as _;

use crate::diagnose::Diagnostic;
use crate::faults::Faults;
use crate::notify::{Notify, wrong_header, wrong_label};
use crate::tree::{KeyPath, Node};
use vitals_model::PluginName;

/// Reports what does not go together; what is wrong by itself was reported when it was read.
pub(super) fn hold_together(notify: &Notify, root: &Node, faults: &Faults) {
    let top = KeyPath::Key(&KeyPath::Top, "notify");
    if let Some(table) = root.find(&["notify", "alertmanager"]) {
        alertmanager(notify, table, &KeyPath::Key(&top, "alertmanager"), faults);
    }
    let webhooks = KeyPath::Key(&top, "webhooks");
    for (name, webhook) in &notify.webhooks {
        let Some(table) = root.find(&["notify", "webhooks", name]) else {
            continue;
        };
        let way = KeyPath::Key(&webhooks, name);
        // A name of a webhook is held to the rule for all names.
        if let Err(error) = name.parse::<PluginName>() {
            let rule = error.rule();
            let message = format!("`[{way}]` cannot be the table of a webhook: {rule}");
            faults.report_at(table.location.clone(), way.to_string(), message);
        }
        if table.find(&["url"]).is_none() {
            faults.add(Diagnostic {
                location: table.location.clone(),
                key: way.to_string(),
                message: format!("`{way}` has no `url`"),
                remedy: "write where transitions are to be posted".to_owned(),
            });
        }
        let headers = KeyPath::Key(&way, "headers");
        for (name, value) in &webhook.headers {
            let problem = wrong_header(name, value.expose_secret());
            let node = table.find(&["headers", name]);
            report(node, &KeyPath::Key(&headers, name), problem, faults);
        }
    }
}

fn alertmanager(notify: &Notify, table: &Node, way: &KeyPath<'_>, faults: &Faults) {
    if table.find(&["urls"]).is_none() {
        let message = format!("`{way}` has no `urls`");
        let remedy = "write for example urls = [\"http://alertmanager:9093\"]".to_owned();
        faults.report(table, way, message, remedy);
    }
    let node = |key: &str| table.find(&[key]);
    let (user, password) = (node("username"), node("password"));
    let alone = match (user, password) {
        (Some(user), None) => Some((user, "username", "stands without a `password`: write both")),
        (None, Some(password)) => Some((
            password,
            "password",
            "stands without a `username`: write both",
        )),
        _ => None,
    };
    if let Some((node, key, problem)) = alone {
        report(Some(node), &KeyPath::Key(way, key), Some(problem), faults);
    }
    if let (Some(token), Some(_)) = (node("bearer_token"), user) {
        let problem = "stands beside a `username`: write one of them";
        let way = KeyPath::Key(way, "bearer_token");
        report(Some(token), &way, Some(problem), faults);
    }
    let labels = KeyPath::Key(way, "labels");
    for name in notify.alertmanager.labels.keys() {
        let node = table.find(&["labels", name]);
        let way = KeyPath::Key(&labels, name);
        report(node, &way, wrong_label(name), faults);
    }
}

/// Reports a problem that says after a colon what to do.
fn report(node: Option<&Node>, way: &KeyPath<'_>, problem: Option<&str>, faults: &Faults) {
    if let (Some(node), Some(problem)) = (node, problem) {
        let (problem, remedy) = problem.split_once(": ").unwrap_or((problem, ""));
        faults.report(node, way, format!("`{way}` {problem}"), remedy.to_owned());
    }
}
