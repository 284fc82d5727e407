//! Deserializes values from the tree with serde, and finds everything that is wrong in one pass.
//!
//! A serde error ends the deserialization of a whole value. Here the node with the error is
//! reported with its location and then left out, and the value is deserialized again, until nothing
//! is wrong. Knows the shape of values, not their meaning.

mod decode_error;
mod decoder;

use serde::de::DeserializeOwned;

use super::diagnostics_collector::DiagnosticsCollector;
use super::tree::{KeyPath, Node};
use decoder::Decoder;

/// Deserializes a value from `node`. What is wrong with it or in it is reported to `collector` and
/// counts as not written. Returns none if that leaves no value.
pub(super) fn decode<T: DeserializeOwned>(
    node: &Node,
    path: &KeyPath<'_>,
    collector: &DiagnosticsCollector,
) -> Option<T> {
    while !collector.has_diagnostic(node) {
        let decoder = Decoder {
            node,
            path,
            collector,
        };
        match T::deserialize(decoder) {
            Ok(value) => return Some(value),
            Err(error) => decoder.report(error),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use crate::Config;

    fn diagnostics_of(text: &str) -> Vec<String> {
        let found = text.parse::<Config>().expect_err("something is wrong");
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let text = r#"
[server]
listen = "here"
unhealthy_status = 500
details = "sometimes"
port = 80

[defaults]
interval = "5 sconds"
critical = "yes"
fall = 0
limits.fuel = -1

[checks.orders-db]
plugin = "postgres"
intervall = "15s"
allow = { tcp = ["a:1", 5, "b:2", true], htp = [] }
config = 7

[tools]
grafana = "nowhere"
"#;
        let expected = [
            "vitals.toml:3: `server.listen` is `here`, which is not an IP address with a port: write \
             for example \"127.0.0.1:8000\"",
            "vitals.toml:4: `server.unhealthy_status` is 500, which is not 200 or 503",
            "vitals.toml:5: `server.details` is `sometimes`, which is not a known value: \
             write `always` or `authorized`",
            "vitals.toml:6: unknown key `port` in `[server]`: the known keys are `listen`, \
             `unhealthy_status`, `details`, `admin_token`, `hosts`, `startup_grace` and \
             `shutdown_grace`",
            "vitals.toml:9: `defaults.interval` is `5 sconds`, which is not a duration from 1ms to \
             24h: write for example \"30s\" or \"1m 30s\" (its unit is none of `d`, `h`, `m`, `s`, \
             `ms`, `us` and `ns`)",
            "vitals.toml:10: `defaults.critical` is `yes`, which is not `true` or `false`",
            "vitals.toml:11: `defaults.fall` is 0, which is not a whole number from 1 to 1000",
            "vitals.toml:12: `defaults.limits.fuel` is -1, which is not a whole number from 1",
            "vitals.toml:16: unknown key `intervall` in `[checks.orders-db]`: did you mean \
             `interval`?",
            "vitals.toml:17: `checks.orders-db.allow.tcp[1]` is 5, which is not a string",
            "vitals.toml:17: `checks.orders-db.allow.tcp[3]` is true, which is not a string",
            "vitals.toml:17: unknown key `htp` in `[checks.orders-db.allow]`: did you mean `http`?",
            "vitals.toml:18: `checks.orders-db.config` is 7, which is not a table",
            "vitals.toml:21: `tools.grafana` is `nowhere`, which is not an http or https URL: write \
             for example \"http://grafana.example.com:3000\"",
        ];
        assert_eq!(diagnostics_of(text), expected);
    }

    #[test]
    fn a_wrong_type_is_reported_once() {
        assert_eq!(
            diagnostics_of("server = 5"),
            ["vitals.toml:1: `server` is 5, which is not a table"]
        );
        assert_eq!(
            diagnostics_of("checks = []"),
            ["vitals.toml:1: `checks` is a list, which is not a table"]
        );
        assert_eq!(
            diagnostics_of("[checks]\na = 1"),
            ["vitals.toml:2: `checks.a` is 1, which is not a table"]
        );
        assert_eq!(
            diagnostics_of("[tls]\nroots = 'system'"),
            ["vitals.toml:2: `tls.roots` is `system`, which is not a list"]
        );
        assert_eq!(
            diagnostics_of("[server]\ndetails = 1"),
            ["vitals.toml:2: `server.details` is 1, which is not a string"]
        );
        assert_eq!(
            diagnostics_of("[defaults]\ninterval = 30"),
            [
                "vitals.toml:2: `defaults.interval` is 30, which is not a duration from 1ms to 24h: \
                 write for example \"30s\" or \"1m 30s\""
            ]
        );
    }

    #[test]
    fn an_unknown_table_is_reported() {
        assert_eq!(
            diagnostics_of("[sever]\nlisten = ''"),
            ["vitals.toml:1: unknown key `sever`: did you mean `server`?"]
        );
    }

    #[test]
    fn invalid_names_and_digests_are_reported() {
        let text = "[checks.a]\nplugin = 'Postgres'\nsha256 = 'abc'";
        assert_eq!(
            diagnostics_of(text),
            [
                "vitals.toml:2: `checks.a.plugin`: `Postgres` is not a valid plugin name: use 1 to 64 \
             characters of a-z, 0-9, `.`, `_` and `-`, starting with a letter or digit",
                "vitals.toml:3: `checks.a.sha256`: `abc` is not a valid SHA-256 digest: use the 64 \
             hexadecimal digits that `sha256sum` prints",
            ]
        );
    }

    #[test]
    fn diagnostics_do_not_show_secrets() {
        let text = "[server]\nadmin_token = 'two words'\n[metrics]\ntoken = 'a b'\n\
                    [sentry]\ndsn = 12345678";
        assert_eq!(
            diagnostics_of(text),
            [
                "vitals.toml:2: `server.admin_token` is a secret, which is not a token: write \
             printable ASCII characters without spaces",
                "vitals.toml:4: `metrics.token` is a secret, which is not a token: write printable \
             ASCII characters without spaces",
                "vitals.toml:6: `sentry.dsn` is a secret, which is not a Sentry DSN: write for example \
             \"https://key@sentry.example.com/1\"",
            ]
        );
    }

    proptest! {
        /// Whatever a file says, reading it terminates, and each node is reported once.
        #[test]
        fn reading_terminates_and_reports_each_node_once(lines in prop::collection::vec(
            (prop::sample::select(KEYS), prop::sample::select(VALUES)), 0..12,
        )) {
            let lines: Vec<_> = lines.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            if let Err(found) = lines.join("\n").parse::<Config>() {
                let mut seen = HashSet::new();
                for diagnostic in &found {
                    let key = (diagnostic.location.clone(), diagnostic.key.clone());
                    prop_assert!(seen.insert(key), "twice: {diagnostic}");
                }
            }
        }
    }

    const KEYS: &[&str] = &[
        "server",
        "server.listen",
        "defaults.timeout",
        "defaults.limits",
        "checks",
        "checks.a.plugin",
        "checks.a.config.x",
        "checks.a.allow.tcp",
        "checks.a.limits.memory",
        "checks.B.interval",
        "tls.roots",
        "tools.x",
        "nothing.of.it",
    ];
    const VALUES: &[&str] = &[
        "1",
        "'30s'",
        "'${X}'",
        "[1, ['${X']]",
        "{ a = 1, limits = {} }",
        "nan",
        "true",
        "1979-05-27",
    ];
}
