//! Validates the keys of `[tls.identities]` and `[proxies]` against each other.

use super::report::{report, report_missing, report_name};
use crate::clients::{password_error, user_error};
use crate::diagnostics_collector::DiagnosticsCollector;
use crate::raw::RawFile;
use crate::secret::Secret;
use crate::tree::{KeyPath, Node};

/// Reports names that are not valid, and keys that are missing or exclude each other. What is wrong
/// with a single value has been reported when it was read.
pub(super) fn validate(file: &RawFile, root: &Node, collector: &DiagnosticsCollector) {
    let tls = KeyPath::Key(&KeyPath::Top, "tls");
    let identities = KeyPath::Key(&tls, "identities");
    for name in file.tls.identities.keys() {
        let Some(table) = root.find(&["tls", "identities", name]) else {
            continue;
        };
        let path = KeyPath::Key(&identities, name);
        report_name(name, table, &path, "an identity", collector);
        for key in ["certificate", "key"] {
            report_missing(table, &path, key, "name its PEM file", collector);
        }
    }
    let proxies = KeyPath::Key(&KeyPath::Top, "proxies");
    for (name, proxy) in &file.proxies {
        let Some(table) = root.find(&["proxies", name]) else {
            continue;
        };
        let path = KeyPath::Key(&proxies, name);
        report_name(name, table, &path, "a proxy", collector);
        let remedy = "write for example `url = \"http://proxy.example.com:3128\"`";
        report_missing(table, &path, "url", remedy, collector);
        let has = |key: &str| table.find(&[key]).is_some();
        let user = proxy.user.as_ref().map(Secret::expose);
        let password = proxy.password.as_ref().map(Secret::expose);
        for (key, needs, problem) in [
            ("user", "password", user.and_then(user_error)),
            ("password", "user", password.and_then(password_error)),
        ] {
            let missing = format!("needs a `{needs}`: set both");
            let missing = (!has(needs)).then_some(missing.as_str());
            report(table, &path, &[key], missing.or(problem), collector);
        }
    }
}
