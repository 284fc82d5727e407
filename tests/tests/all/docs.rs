//! The documents, held to what the host does. Here the README's tables and paths; beside it the walk
//! through it, the demo and the page for operators.

mod demo;
pub(crate) mod markdown;
mod operate;
pub(crate) mod rows;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vitals_host::config::VARIABLES;
use vitals_tests::{TestHost, Vitals, guests};

use self::markdown::{Part, Table, ticked};

#[test]
fn the_tables_for_checks_in_the_readme_are_valid() {
    let reach = Part::of("README.md").section("What a check may reach");
    let code = reach.code();
    assert_eq!(code[0].language, "toml");
    let vitals = Vitals::new(["validate"]).config(&code[0].text);
    let ended = vitals.plugin("tcp", guests::TCP).run();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for granted in ["db.internal:5432", "10.0.0.0/8:5432"] {
        assert!(ended.stdout.contains(granted), "{granted}: {ended:?}");
    }
}

#[test]
fn the_tables_of_the_configuration_name_every_key_with_its_default_and_no_other() {
    let readme = Part::of("README.md");
    let schema = Part::of("vitals.schema.json");
    let schema: Value = serde_json::from_str(schema.text()).unwrap();
    let part = |name: &str| keys(&schema, &schema["$defs"][name], "");
    let tables = readme.section("Configuration").tables();
    let [whole, shared, own] = tables.as_slice() else {
        panic!("three tables: {tables:#?}");
    };

    let mut expected = keys(&schema, &schema, "");
    expected.retain(|key, _| !key.starts_with("defaults.") && key != "checks");
    assert_same(whole, 0, &expected);

    let mut expected = keys(&schema, &schema["properties"]["defaults"], "");
    expected.retain(|key, _| !key.starts_with("limits."));
    expected.insert("limits".to_owned(), None);
    assert_same(shared, 0, &expected);

    let mut expected_own = part("Check");
    expected_own.retain(|key, _| !key.contains('.') || key.starts_with("tls."));
    expected_own.retain(|key, _| !expected.contains_key(key));
    expected_own.insert("allow".to_owned(), None);
    assert_same(own, 0, &expected_own);

    let reach = readme.section("What a check may reach").tables();
    let mut expected = part("Allow");
    for default in expected.values_mut() {
        *default = None;
    }
    assert_same(&reach[0], 0, &expected);

    let mut limits = readme.section("Limits").tables().remove(0);
    limits.retain(|row| ticked(&row[1]).len() == 1 && row[1].ends_with('`'));
    let limits_of = keys(&schema, &schema["properties"]["defaults"], "");
    let limits_of = limits_of
        .into_iter()
        .filter_map(|(key, default)| Some((key.strip_prefix("limits.")?.to_owned(), default)));
    assert_same(&limits, 1, &limits_of.collect());
}

#[test]
fn the_readme_names_every_variable_beside_its_key_and_no_other() {
    let configuration = Part::of("README.md").section("Configuration");
    let mut named = BTreeMap::new();
    for row in &configuration.tables()[0] {
        let variables = ticked(&row[2]);
        let keys = ticked(&row[0]);
        for (at, variable) in variables.into_iter().enumerate() {
            named.insert(variable.to_owned(), keys.get(at).map(|&key| key.to_owned()));
        }
    }
    let is_variable = |text: &&str| {
        text.contains('_') && text.chars().all(|c| c == '_' || c.is_ascii_uppercase())
    };
    for variable in ticked(configuration.text()).into_iter().filter(is_variable) {
        named.entry(variable.to_owned()).or_insert(None);
    }
    let read = VARIABLES.iter().map(|variable| {
        let key = variable.key.map(str::to_owned);
        (variable.name.to_owned(), key)
    });
    assert_eq!(named, read.collect());
}

#[tokio::test]
async fn every_path_of_the_readme_is_answered_and_every_page_is_in_it() {
    let host = TestHost::builder()
        .plugin("hello", guests::HELLO)
        .config("[metrics]\nenabled = true")
        .start()
        .await;
    let readme = Part::of("README.md");
    let endpoints = readme.section("Endpoints").tables().remove(0);
    let paths: BTreeSet<_> = endpoints
        .iter()
        .map(|row| row[0].replace('`', ""))
        .collect();
    let nothing = host.get("/nothing").await;
    let pages = nothing.json()["error"].to_string();
    let pages = pages.split(|c: char| c.is_whitespace() || ",;`\"".contains(c));
    let pages = pages.filter(|word| word.starts_with('/') && *word != "/nothing");
    assert_eq!(paths, pages.map(str::to_owned).collect());

    let prose = readme
        .text()
        .split("\n## Status")
        .next()
        .unwrap_or_default();
    let prose = ticked(prose).into_iter().filter_map(|text| {
        let path = text.strip_prefix("GET ").unwrap_or(text);
        path.starts_with('/').then(|| path.to_owned())
    });
    for path in paths.iter().cloned().chain(prose) {
        let answer = host.get(&path.replace("{name}", "module:hello")).await;
        assert_ne!(answer.status, 404, "{path}: {}", answer.text());
    }
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
