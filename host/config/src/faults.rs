//! Gathers what is wrong while a tree is read, each node at most once.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ptr;

use super::diagnose::{Diagnostic, Location, nearest, quoted_list};
use super::tree::{KeyPath, Node};

/// The faults found so far, and the nodes that have one: those are not looked at again.
#[derive(Default)]
pub(super) struct Faults {
    found: RefCell<Vec<Diagnostic>>,
    nodes: RefCell<HashSet<*const Node>>,
}

impl Faults {
    /// Reports a fault of `node`; a second one of the same node is dropped.
    pub(super) fn report(&self, node: &Node, way: &KeyPath<'_>, message: String, remedy: String) {
        if self.nodes.borrow_mut().insert(ptr::from_ref(node)) {
            self.add(Diagnostic {
                location: node.location.clone(),
                key: way.to_string(),
                message,
                remedy,
            });
        }
    }

    /// Reports that no key of this name is known in `table`.
    pub(super) fn unknown_key(&self, node: &Node, table: &KeyPath<'_>, key: &str, known: &[&str]) {
        let place = match table {
            KeyPath::Top => String::new(),
            KeyPath::Key(..) | KeyPath::Item(..) => format!(" in `[{table}]`"),
        };
        let remedy = match nearest(key, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known are {}", quoted_list(known)),
        };
        let way = KeyPath::Key(table, key);
        let shown = KeyPath::Key(&KeyPath::Top, key).to_string();
        self.report(node, &way, format!("unknown key `{shown}`{place}"), remedy);
    }

    /// Reports what is about no single node.
    pub(super) fn report_at(&self, location: Location, key: String, message: String) {
        self.add(Diagnostic {
            location,
            key,
            message,
            remedy: String::new(),
        });
    }

    pub(super) fn add(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    /// Whether `node` itself has a fault.
    pub(super) fn has(&self, node: &Node) -> bool {
        self.nodes.borrow().contains(&ptr::from_ref(node))
    }

    pub(super) fn count(&self) -> usize {
        self.found.borrow().len()
    }

    pub(super) fn into_found(self) -> Vec<Diagnostic> {
        self.found.into_inner()
    }
}
