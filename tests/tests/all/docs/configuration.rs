//! The tables of `docs/configuration.md`, generated from the JSON Schema, the environment variables and
//! the keys that need a restart.

use serde_json::Value;
use vitals_host::config::{
    Config, Environment, Sources, VARIABLES, json_schema, keys_needing_restart,
};

use super::markdown::Part;
use super::rows::{is_table, resolved, rows, table};

#[test]
fn every_section_has_an_example_that_is_valid_and_sets_keys_of_it() {
    let page = Part::of("docs/configuration.md");
    let tokens = [
        "ADMIN_TOKEN",
        "METRICS_TOKEN",
        "OPS_TOKEN",
        "PROXY_PASSWORD",
    ];
    let tokens = tokens.map(|name| (name, "s3cret"));
    let mut sources = Sources::default();
    sources.environment = Environment::fixed(tokens);
    let schema = json_schema();
    let sections = sections(&schema);
    for (name, _) in &sections {
        let section = page.section(&format!("[{name}]"));
        let marker = format!("<!-- generated: section {name} -->");
        assert!(
            section.text().contains(&marker),
            "`[{name}]` lacks {marker}"
        );
        let example = section.code().remove(0).text;
        if let Err(error) = Config::parse(&example, "vitals.toml".as_ref(), &sources) {
            panic!("the example of `[{name}]` is wrong: {error}");
        }
        let mut parts = name.split("NAME").map(|part| part.trim_matches('.'));
        assert!(
            parts.all(|part| example.contains(part)),
            "`[{name}]`: {example}"
        );
    }
    let headings = page.text().matches("\n## ").count();
    assert_eq!(headings, sections.len(), "every heading is a section");
}

#[test]
fn every_key_that_needs_a_restart_is_a_key() {
    let keys = keys(&json_schema());
    for key in keys_needing_restart() {
        let is_key = keys.iter().any(|known| known == key);
        assert!(is_key, "`{key}` needs a restart, and is no key");
    }
}

/// The description of a section, and the table of its keys.
pub(super) fn section(name: &str) -> Option<String> {
    let schema = json_schema();
    let sections = sections(&schema);
    let (_, found) = sections.iter().find(|(found, _)| found == name)?;
    let fixed = keys_needing_restart();
    let rows = rows(&schema, found).into_iter().map(|row| {
        let key = format!("{name}.{}", row.key);
        let variable = VARIABLES.iter().find(|it| it.key == Some(&key));
        let is_fixed = fixed.contains(&key.as_str());
        vec![
            format!("`{}`", row.key),
            row.kind,
            row.limits,
            row.default,
            if is_fixed { "restart" } else { "reload" }.to_owned(),
            variable.map_or_else(String::new, |it| format!("`{}`", it.name)),
            row.about,
        ]
    });
    let rows: Vec<_> = rows.collect();
    let about = found["description"].as_str().unwrap_or_default();
    Some(format!("{}\n\n{}", wrapped(about), table(&HEAD, &rows)))
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
pub(super) fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let fits = length + 1 + word.len() <= 100;
        let (before, start) = match (length, fits) {
            (0, _) => ("", 0),
            (_, true) => (" ", length + 1),
            (_, false) => ("\n", 0),
        };
        lines.extend([before, word]);
        length = start + word.len();
    }
    lines
}

const HEAD: [&str; 7] = [
    "key",
    "type",
    "limits",
    "default",
    "applied by",
    "environment",
    "meaning",
];
