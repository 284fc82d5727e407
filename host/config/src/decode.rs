//! From the tree to typed values by serde, with every fault found in one go.
//!
//! A serde error ends the reading of a whole value. Here the node at fault is noted with its place
//! and then left out, and the value is read again, until nothing is at fault. Knows the shape of
//! values, never their meaning.

mod decoder;
mod stop;

use serde::de::DeserializeOwned;

use super::faults::Faults;
use super::tree::{KeyPath, Node};
use decoder::Decoder;

/// Reads a value from `node`. What is wrong with it or within it goes to `faults` and counts as not
/// written; nothing is answered where that leaves no value.
pub(super) fn decode<T: DeserializeOwned>(
    node: &Node,
    way: &KeyPath<'_>,
    faults: &Faults,
) -> Option<T> {
    while !faults.has(node) {
        let decoder = Decoder { node, way, faults };
        match T::deserialize(decoder) {
            Ok(value) => return Some(value),
            Err(stop) => decoder.note(stop),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use crate::Config;

    fn complaints(text: &str) -> Vec<String> {
        let found = text.parse::<Config>().expect_err("something is wrong");
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_is_found_at_once_and_named_once() {
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
            "vitals.toml:5: `server.details` is `sometimes`, which is not known: write `always` or \
             `authorized`",
            "vitals.toml:6: unknown key `port` in `[server]`: known are `listen`, \
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
        assert_eq!(complaints(text), expected);
    }

    #[test]
    fn a_wrong_type_anywhere_is_one_fault() {
        assert_eq!(
            complaints("server = 5"),
            ["vitals.toml:1: `server` is 5, which is not a table"]
        );
        assert_eq!(
            complaints("checks = []"),
            ["vitals.toml:1: `checks` is a list, which is not a table"]
        );
        assert_eq!(
            complaints("[checks]\na = 1"),
            ["vitals.toml:2: `checks.a` is 1, which is not a table"]
        );
        assert_eq!(
            complaints("[tls]\nroots = 'system'"),
            ["vitals.toml:2: `tls.roots` is `system`, which is not a list"]
        );
        assert_eq!(
            complaints("[server]\ndetails = 1"),
            ["vitals.toml:2: `server.details` is 1, which is not a string"]
        );
        assert_eq!(
            complaints("[defaults]\ninterval = 30"),
            [
                "vitals.toml:2: `defaults.interval` is 30, which is not a duration from 1ms to 24h: \
                 write for example \"30s\" or \"1m 30s\""
            ]
        );
    }

    #[test]
    fn unknown_tables_are_named_without_a_place() {
        assert_eq!(
            complaints("[sever]\nlisten = ''"),
            ["vitals.toml:1: unknown key `sever`: did you mean `server`?"]
        );
    }

    #[test]
    fn names_and_digests_say_what_they_are() {
        let text = "[checks.a]\nplugin = 'Postgres'\nsha256 = 'abc'";
        assert_eq!(
            complaints(text),
            [
                "vitals.toml:2: `checks.a.plugin`: `Postgres` is not a valid plugin name: use 1 to 64 \
             characters of a-z, 0-9, `.`, `_` and `-`, starting with a letter or digit",
                "vitals.toml:3: `checks.a.sha256`: `abc` is not a valid SHA-256 digest: use the 64 \
             hexadecimal digits that `sha256sum` prints",
            ]
        );
    }

    #[test]
    fn a_secret_is_never_shown() {
        let text = "[server]\nadmin_token = 'two words'\n[metrics]\ntoken = 'a b'\n\
                    [sentry]\ndsn = 12345678";
        assert_eq!(
            complaints(text),
            [
                "vitals.toml:2: `server.admin_token` is a secret, which is not a token: write one or \
             more letters, digits and signs, without spaces",
                "vitals.toml:4: `metrics.token` is a secret, which is not a token: write one or more \
             letters, digits and signs, without spaces",
                "vitals.toml:6: `sentry.dsn` is a secret, which is not a Sentry DSN: write for example \
             \"https://key@sentry.example.com/1\"",
            ]
        );
    }

    proptest! {
        /// Whatever a file says, reading it ends, and each node is named once.
        #[test]
        fn reading_ends_whatever_the_file_says(lines in prop::collection::vec(
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
