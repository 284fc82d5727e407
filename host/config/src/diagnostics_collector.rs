//! Collects diagnostics while a tree is read, at most one for each node.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ptr;

use super::diagnostic::{Diagnostic, Diagnostics, Location, nearest, quoted_list};
use super::tree::{KeyPath, Node};

/// The diagnostics so far, and the nodes that have one. Those nodes are not read again.
#[derive(Default)]
pub(super) struct DiagnosticsCollector {
    diagnostics: RefCell<Vec<Diagnostic>>,
    nodes: RefCell<HashSet<*const Node>>,
}

impl DiagnosticsCollector {
    /// Reports what is wrong with `node`. A second diagnostic for the same node is dropped.
    pub(super) fn report(&self, node: &Node, path: &KeyPath<'_>, message: String, remedy: String) {
        if self.nodes.borrow_mut().insert(ptr::from_ref(node)) {
            self.push(Diagnostic {
                location: node.location.clone(),
                key: path.to_string(),
                message,
                remedy,
            });
        }
    }

    /// Reports that `table` has no key of this name.
    pub(super) fn unknown_key(&self, node: &Node, table: &KeyPath<'_>, key: &str, known: &[&str]) {
        let place = match table {
            KeyPath::Top => String::new(),
            KeyPath::Key(..) | KeyPath::Item(..) => format!(" in `[{table}]`"),
        };
        let remedy = match nearest(key, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the known keys are {}", quoted_list(known)),
        };
        let path = KeyPath::Key(table, key);
        let shown = KeyPath::Key(&KeyPath::Top, key).to_string();
        self.report(node, &path, format!("unknown key `{shown}`{place}"), remedy);
    }

    /// Reports what is wrong at a location that is not a single node.
    pub(super) fn report_at(&self, location: Location, key: String, message: String) {
        self.push(Diagnostic {
            location,
            key,
            message,
            remedy: String::new(),
        });
    }

    pub(super) fn push(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Returns whether `node` itself has a diagnostic.
    pub(super) fn has_diagnostic(&self, node: &Node) -> bool {
        self.nodes.borrow().contains(&ptr::from_ref(node))
    }

    pub(super) fn len(&self) -> usize {
        self.diagnostics.borrow().len()
    }

    /// Returns `value` if nothing is wrong with it.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Diagnostics> {
        Diagnostics::new(self.diagnostics.into_inner()).map_or(Ok(value), Err)
    }
}
