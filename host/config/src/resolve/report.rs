//! Reports what is wrong with tables that have names of their own.

use crate::diagnostic::Diagnostic;
use crate::diagnostics_collector::DiagnosticsCollector;
use crate::tree::{KeyPath, Node};
use vitals_model::PluginName;

/// Reports a name that the table of `what` cannot have. The rule is that for names of plugins.
pub(super) fn report_name(
    name: &str,
    table: &Node,
    path: &KeyPath<'_>,
    what: &str,
    collector: &DiagnosticsCollector,
) {
    if let Err(error) = name.parse::<PluginName>() {
        let rule = error.rule();
        let message = format!("`[{path}]` cannot be the table of {what}: {rule}");
        collector.report_at(table.location.clone(), path.to_string(), message);
    }
}

/// Reports a required key that a table lacks.
pub(super) fn report_missing(
    table: &Node,
    path: &KeyPath<'_>,
    key: &str,
    remedy: &str,
    collector: &DiagnosticsCollector,
) {
    if table.find(&[key]).is_none() {
        collector.push(Diagnostic {
            location: table.location.clone(),
            key: path.to_string(),
            message: format!("`{path}` has no `{key}`"),
            remedy: remedy.to_owned(),
        });
    }
}

/// Reports a problem of the node at `keys` in `table`. It says after a colon what to do.
pub(super) fn report(
    table: &Node,
    path: &KeyPath<'_>,
    keys: &[&str],
    problem: Option<&str>,
    collector: &DiagnosticsCollector,
) {
    let Some(problem) = problem else {
        return;
    };
    if let [key, rest @ ..] = keys {
        if let Some(node) = table.find(&[*key]) {
            let path = KeyPath::Key(path, key);
            report(node, &path, rest, Some(problem), collector);
        }
        return;
    }
    let (problem, remedy) = problem.split_once(": ").unwrap_or((problem, ""));
    let message = format!("`{path}` {problem}");
    collector.report(table, path, message, remedy.to_owned());
}
