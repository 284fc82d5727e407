//! `docs/configuration.md`, the reference of the configuration. It is generated from the JSON Schema,
//! the environment variables and the keys that need a restart; its examples are valid.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use vitals_host::config::{
    Config, Environment, Sources, VARIABLES, json_schema, keys_needing_restart,
};
use vitals_tests::guests;

use super::markdown::Part;
use super::rows::{Row, is_table, resolved, rows, table};

#[test]
fn the_configuration_reference_is_current() {
    let current = page();
    if super::update() {
        fs::write(guests::root().join(PAGE), &current).expect("the page can be written");
        return;
    }
    let written = Part::of(PAGE).text().to_owned();
    let mut lines = written.lines().zip(current.lines());
    let differing = lines.find(|(is, of)| is != of);
    assert!(
        written == current,
        "{PAGE} is not current: write it with `UPDATE_DOCS=1 cargo test --test all -- docs`. It \
         first differs here: {differing:#?}"
    );
}

#[test]
fn every_section_has_an_example_that_is_valid_and_sets_keys_of_it() {
    let schema = json_schema();
    let there: BTreeSet<_> = sections(&schema)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let shown: BTreeSet<_> = EXAMPLES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(shown, there);
    let tokens = ["ADMIN_TOKEN", "METRICS_TOKEN", "OPS_TOKEN"].map(|name| (name, "s3cret"));
    let mut sources = Sources::default();
    sources.environment = Environment::fixed(tokens);
    for (name, example) in EXAMPLES {
        if let Err(error) = Config::parse(example, "vitals.toml".as_ref(), &sources) {
            panic!("the example of `[{name}]` is wrong: {error}");
        }
        let mut parts = name.split("NAME").map(|part| part.trim_matches('.'));
        assert!(
            parts.all(|part| example.contains(part)),
            "`[{name}]`: {example}"
        );
    }
}

#[test]
fn every_key_that_needs_a_restart_is_a_key() {
    let keys: BTreeSet<_> = keys(&json_schema()).into_iter().collect();
    for key in keys_needing_restart() {
        assert!(keys.contains(key), "`{key}` needs a restart, and is no key");
    }
}

fn page() -> String {
    let schema = json_schema();
    let sections = sections(&schema);
    let mut page = INTRODUCTION.to_owned();
    for (name, example) in EXAMPLES {
        let (_, found) = sections
            .iter()
            .find(|(found, _)| found == name)
            .expect("a section");
        let about = found["description"].as_str().unwrap_or_default();
        let heading = format!("\n## [{name}]\n\n{}\n\n", wrapped(about));
        let example = format!("\n```toml\n{}\n```\n", example.trim());
        page.extend([heading, keys_of(&schema, name, found), example]);
    }
    page
}

fn keys_of(schema: &Value, section: &str, found: &Value) -> String {
    let fixed = keys_needing_restart();
    let rows = rows(schema, found).into_iter().map(|row| {
        let key = format!("{section}.{}", row.key);
        let variable = VARIABLES.iter().find(|it| it.key == Some(&key));
        let variable = variable.map(|variable| format!("`{}`", variable.name));
        let applied = if fixed.contains(&key.as_str()) {
            "restart"
        } else {
            "reload"
        };
        let Row {
            key,
            kind,
            limits,
            default,
            about,
        } = row;
        vec![
            format!("`{key}`"),
            kind,
            limits,
            default,
            applied.to_owned(),
            variable.unwrap_or_default(),
            about,
        ]
    });
    let rows: Vec<_> = rows.collect();
    table(&HEAD, &rows)
}

/// The tables of the configuration that have keys of their own, by their names.
pub(super) fn sections(schema: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), schema)];
    while let Some((name, table)) = open.pop() {
        for (key, property) in table["properties"].as_object().into_iter().flatten() {
            let inner = resolved(schema, property);
            let named = &inner["additionalProperties"];
            let dotted = format!("{name}{key}");
            if is_table(schema, property) {
                open.push((format!("{dotted}."), inner));
            } else if named.is_object() && is_table(schema, named) {
                open.push((format!("{dotted}.NAME."), resolved(schema, named)));
            }
        }
        if let Some(name) = name.strip_suffix('.') {
            found.push((name.to_owned(), table));
        }
    }
    // A table that only has other tables has no rows.
    found.retain(|(_, table)| !rows(schema, table).is_empty());
    found
}

/// Every key of the configuration, dotted.
pub(super) fn keys(schema: &Value) -> Vec<String> {
    let sections = sections(schema).into_iter();
    let keys = sections.flat_map(|(name, table)| {
        let rows = rows(schema, table).into_iter();
        rows.map(move |row| format!("{name}.{}", row.key))
    });
    keys.collect()
}

/// Breaks a paragraph into lines of at most 100 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("one line");
        if !last.is_empty() && last.len() + 1 + word.len() > 100 {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines.join("\n")
}

const PAGE: &str = "docs/configuration.md";

const HEAD: [&str; 7] = [
    "key",
    "type",
    "limits",
    "default",
    "applied by",
    "environment",
    "meaning",
];

const INTRODUCTION: &str = "\
# Configuration reference

<!-- This page is generated by tests/tests/all/docs/configuration.rs; CONTRIBUTING.md says how. -->

This page lists every key of the configuration file. [Configure the host](configure.md) explains
where the host finds the file, how environment variables and `${…}` work, and which values are
redacted.

- Every key is optional unless its default is \"required\".
- Durations are written as `\"30s\"`, `\"1.5s\"` or `\"1m 30s\"`, sizes as `\"64MiB\"`, `\"1.5GB\"` or a
  number of bytes, here and in the settings of plugins.
- Relative paths start at the working directory.
- A [reload](reload.md) applies every key except those with \"restart\" in the column \"applied by\".
";

/// One example for each section, in the order of the page.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "server",
        r#"
[server]
listen = "0.0.0.0:8000"
hosts = ["vitals.example.com"]
details = "authorized"
admin_token = "${ADMIN_TOKEN}"
"#,
    ),
    (
        "plugins",
        r#"
[plugins]
dir = "/var/lib/vitals/plugins"
library = "/usr/lib/vitals"
rescan = "1m"
"#,
    ),
    (
        "engine",
        r"
[engine]
max_runs = 32
guest_threads = 2
",
    ),
    (
        "tls",
        r#"
[tls]
roots = ["system", "/etc/vitals/internal-ca.pem"]
"#,
    ),
    (
        "metrics",
        r#"
[metrics]
enabled = true
token = "${METRICS_TOKEN}"
"#,
    ),
    (
        "sentry",
        r#"
[sentry]
dsn = "https://key@sentry.example.com/1"
environment = "production"
"#,
    ),
    (
        "notify",
        r#"
[notify]
on = ["unhealthy", "degraded"]
external_url = "https://vitals.example.com"
instance = "eu-1"
"#,
    ),
    (
        "notify.alertmanager",
        r#"
[notify.alertmanager]
urls = ["http://alertmanager-1:9093", "http://alertmanager-2:9093"]
labels = { team = "shop" }
"#,
    ),
    (
        "notify.webhooks.NAME",
        r#"
[notify.webhooks.ops]
url = "https://hooks.example.com/vitals"
headers = { Authorization = "Bearer ${OPS_TOKEN}" }
"#,
    ),
    (
        "tools",
        r#"
[tools]
grafana = "http://grafana.example.com:3000"
wiki = "https://wiki.example.com/on-call"
"#,
    ),
    (
        "defaults",
        r#"
[defaults]
interval = "1m"
timeout = "10s"
fall = 3
"#,
    ),
    (
        "defaults.limits",
        r#"
[defaults.limits]
memory = "128MiB"
fuel = 1_000_000_000
"#,
    ),
    (
        "checks.NAME",
        r#"
[checks.orders-db]
plugin = "postgres"
interval = "15s"
critical = false
config = { address = "db.internal:5432", user = "vitals" }
"#,
    ),
    (
        "checks.NAME.allow",
        r#"
[checks.orders-db]
plugin = "postgres"

[checks.orders-db.allow]
tcp = ["10.0.0.0/8:5432"]
"#,
    ),
    (
        "checks.NAME.limits",
        r#"
[checks.orders-db]
plugin = "postgres"

[checks.orders-db.limits]
memory = "256MiB"
connections = 4
"#,
    ),
    (
        "checks.NAME.tls",
        r#"
[checks.orders-db]
plugin = "postgres"

[checks.orders-db.tls]
roots = ["/etc/vitals/db-ca.pem"]
"#,
    ),
];
