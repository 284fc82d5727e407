//! The documents, compared with what the host does. This file covers the tables of grants, limits and
//! endpoints; the modules cover the first steps, the demo and the pages for operators.

mod configuration;
mod demo;
mod files;
pub(crate) mod markdown;
mod operate;
pub(crate) mod rows;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vitals_tests::{TestHost, Vitals, guests};

use self::markdown::{Part, Table, ticked};

#[test]
fn the_example_of_grants_is_valid() {
    let code = Part::of("docs/grants.md").code();
    assert_eq!(code[0].language, "toml");
    let vitals = Vitals::new(["validate"]).config(&code[0].text);
    let ended = vitals.plugin("tcp", guests::TCP).run();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for granted in ["db.internal:5432", "10.0.0.0/8:5432"] {
        assert!(ended.stdout.contains(granted), "{granted}: {ended:?}");
    }
}

#[test]
fn the_tables_of_grants_and_limits_name_every_key_and_no_other() {
    let schema = Part::of("vitals.schema.json");
    let schema: Value = serde_json::from_str(schema.text()).unwrap();
    let mut expected = keys(&schema, &schema["$defs"]["Allow"], "");
    for default in expected.values_mut() {
        *default = None;
    }
    assert_same(&Part::of("docs/grants.md").tables()[0], 0, &expected);

    let mut limits = Part::of("docs/limits.md").tables().remove(0);
    limits.retain(|row| ticked(&row[1]).len() == 1 && row[1].ends_with('`'));
    let limits_of = keys(&schema, &schema["properties"]["defaults"], "");
    let limits_of = limits_of
        .into_iter()
        .filter_map(|(key, default)| Some((key.strip_prefix("limits.")?.to_owned(), default)));
    assert_same(&limits, 1, &limits_of.collect());
}

#[tokio::test]
async fn the_table_of_endpoints_names_every_page_of_the_host() {
    let host = TestHost::builder()
        .plugin("hello", guests::HELLO)
        .start()
        .await;
    let endpoints = Part::of("docs/endpoints.md").tables().remove(0);
    let paths: BTreeSet<_> = endpoints
        .iter()
        .map(|row| row[0].replace('`', ""))
        .collect();
    let nothing = host.get("/nothing").await;
    let pages = nothing.json()["error"].to_string();
    let pages = pages.split(|c: char| c.is_whitespace() || ",;`\"".contains(c));
    let pages = pages.filter(|word| word.starts_with('/') && *word != "/nothing");
    assert_eq!(paths, pages.map(str::to_owned).collect());
}

/// Whether generated pages are to be written in place of being compared.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever changes the code asks for the pages to be written"
)]
fn update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

/// The keys that a schema has, dotted, each with its default where it has one.
fn keys(root: &Value, schema: &Value, prefix: &str) -> BTreeMap<String, Option<Value>> {
    let mut found = BTreeMap::new();
    let properties = resolved(root, schema)["properties"].as_object();
    for (name, property) in properties.expect("a schema of an object") {
        let key = format!("{prefix}{name}");
        if resolved(root, property)["properties"].is_object() {
            found.extend(keys(root, property, &format!("{key}.")));
        } else {
            found.insert(key, property.get("default").cloned());
        }
    }
    found
}

/// The schema that a reference, alone or as an alternative to nothing, leads to.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let mut referring = [schema].into_iter().chain(alternatives);
    let reference = referring.find_map(|schema| schema["$ref"].as_str());
    reference.map_or(schema, |reference| {
        let name = reference.strip_prefix("#/$defs/").expect("a local one");
        &root["$defs"][name]
    })
}

/// A table names these keys in column `at` and no others, and beside them their defaults.
fn assert_same(table: &Table, at: usize, expected: &BTreeMap<String, Option<Value>>) {
    let mut named = BTreeSet::new();
    for row in table {
        for key in ticked(&row[at]) {
            assert!(named.insert(key.to_owned()), "`{key}` stands twice");
            if let Some(Some(default)) = expected.get(key) {
                assert!(says(&row[at + 1], default), "{row:?}: {default}");
            }
        }
    }
    assert_eq!(named, expected.keys().cloned().collect());
}

/// A cell says a value as the file writes it, or as prose does: `64 MiB`, `500,000,000`.
fn says(cell: &str, value: &Value) -> bool {
    let prose = cell.replace([',', ' '], "");
    ticked(cell) == [value.to_string()] || prose == value.to_string().replace('"', "")
}
