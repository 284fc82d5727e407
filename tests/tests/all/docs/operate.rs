//! `docs/operate.md`: the parts of it that are made from the code are current, and what is written by
//! hand names keys, metrics, paths and messages that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use vitals_host::check::{Activity, Code, LimitUse, RunError};
use vitals_host::config::{VARIABLES, json_schema, need_restart};
use vitals_host::metrics::FAMILIES;
use vitals_tests::{TestHost, Vitals, guests};

use super::markdown::{Part, ticked};
use super::rows::{is_table, resolved, rows, table};
use crate::monitoring::page;

#[test]
fn what_is_generated_of_the_page_is_current() {
    let is_to_be_written = update();
    let written = Part::of(PAGE).text().to_owned();
    let current = regenerated(&written, &generate);
    if is_to_be_written {
        fs::write(guests::root().join(PAGE), &current).expect("the page can be written");
    }
    let differing = written
        .lines()
        .zip(current.lines())
        .find(|(is, of)| is != of);
    assert!(
        is_to_be_written || written == current,
        "{PAGE} is not current; write it anew with `UPDATE_DOCS=1 cargo test --test all -- \
         docs::operate`. It first differs here: {differing:#?}"
    );
}

#[test]
fn every_section_of_the_configuration_has_its_table_on_the_page() {
    let page = Part::of(PAGE);
    let shown = page.text().lines().filter_map(name_of_part);
    let shown: BTreeSet<_> = shown
        .filter_map(|name| name.strip_prefix("configuration "))
        .collect();
    let schema = json_schema();
    let sections = sections(&schema);
    let there: BTreeSet<_> = sections.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(shown, there);
    let keys: BTreeSet<_> = keys(&schema).into_iter().collect();
    for key in need_restart() {
        assert!(keys.contains(key), "`{key}` needs a restart, and is no key");
    }
}

#[test]
fn the_page_names_metrics_keys_and_variables_that_there_are() {
    let page = Part::of(PAGE);
    let schema = json_schema();
    let sections = sections(&schema);
    let keys = keys(&schema);
    for text in ticked(&prose(page.text())) {
        let word = text.split(['{', ' ', '=']).next().unwrap_or_default();
        if word.starts_with("vitals_") && !word.starts_with("vitals_host::") {
            let known = FAMILIES.iter().any(|family| family.name() == word);
            assert!(known, "there is no metric `{word}`");
        }
        let is_variable = |c: char| c == '_' || c.is_ascii_uppercase();
        if word.trim_matches('_').contains('_') && word.chars().all(is_variable) {
            let known = VARIABLES.iter().any(|variable| variable.name == word);
            assert!(
                known || word == "XDG_CACHE_HOME",
                "there is no variable `{word}`"
            );
        }
        if let Some((section, key)) = word.split_once('.')
            && sections.iter().any(|(name, _)| name == section)
            && key
                .chars()
                .all(|c| c == '_' || c == '.' || c.is_ascii_lowercase())
        {
            let is_section = sections.iter().any(|(name, _)| name == word);
            let known = keys.iter().any(|known| known == word);
            assert!(known || is_section, "there is no key `{word}`");
        }
    }
}

#[tokio::test]
async fn every_path_on_the_page_is_answered() {
    let host = TestHost::builder()
        .plugin("hello", guests::HELLO)
        .config("[metrics]\nenabled = true")
        .start()
        .await;
    let page = prose(Part::of(PAGE).text());
    let paths = ticked(&page).into_iter().filter_map(|text| {
        let path = text.rsplit(' ').next()?;
        let is_page = ["/health", "/plugins", "/metrics", "/-/"];
        is_page
            .iter()
            .any(|page| path.starts_with(page))
            .then_some(path)
    });
    let paths: BTreeSet<_> = paths.collect();
    assert!(paths.len() > 5, "{paths:?}");
    for path in paths {
        let answer = host.get(&path.replace("{name}", "module:hello")).await;
        assert_ne!(answer.status, 404, "{path}: {}", answer.text());
    }
}

#[test]
fn the_messages_on_the_page_are_those_of_the_host() {
    let mut sources = String::new();
    read(&guests::root().join("host"), &mut sources);
    let trouble = Part::of(PAGE).section("What to look at when …");
    let mut messages = 0;
    for row in &trouble.tables()[0] {
        for message in ticked(&row[0]) {
            messages += 1;
            let mut fragments = message.split('…').map(str::trim);
            let missing = fragments.find(|fragment| !sources.contains(fragment));
            assert_eq!(missing, None, "the host does not say `{message}`");
        }
    }
    assert!(messages > 5, "{messages} messages");
}

/// One part of the page, by the name that stands in its marker.
fn generate(name: &str) -> Option<String> {
    match name {
        "environment" => Some(environment()),
        "metrics" => Some(metrics()),
        "codes" => Some(codes()),
        "commands" => Some(commands()),
        "alerts" => Some(page::alerts()),
        _ => configuration(name.strip_prefix("configuration ")?),
    }
}

fn environment() -> String {
    let rows: Vec<_> = VARIABLES
        .iter()
        .map(|variable| {
            let key = variable
                .key
                .map_or_else(String::new, |key| format!("`{key}`"));
            vec![
                format!("`{}`", variable.name),
                key,
                variable.about.to_owned(),
            ]
        })
        .collect();
    table(&["variable", "counts over", "says"], &rows)
}

fn configuration(section: &str) -> Option<String> {
    let schema = json_schema();
    let sections = sections(&schema);
    let (_, found) = sections.into_iter().find(|(name, _)| name == section)?;
    let fixed = need_restart();
    let rows: Vec<_> = rows(&schema, found)
        .into_iter()
        .map(|row| {
            let key = format!("{section}.{}", row.key);
            let mut variables = VARIABLES.iter();
            let variable = variables.find(|variable| variable.key == Some(&key));
            let change = if fixed.contains(&key.as_str()) {
                "restart"
            } else {
                "reload"
            };
            vec![
                format!("`{}`", row.key),
                row.kind,
                row.default,
                change.to_owned(),
                variable.map_or_else(String::new, |variable| format!("`{}`", variable.name)),
                row.about,
            ]
        })
        .collect();
    let head = [
        "key",
        "type",
        "default",
        "taken over by",
        "environment",
        "says",
    ];
    Some(table(&head, &rows))
}

fn metrics() -> String {
    let rows: Vec<_> = FAMILIES
        .iter()
        .map(|family| {
            let labels = family.labels().iter().map(|label| format!("`{label}`"));
            vec![
                format!("`{}`", family.name()),
                family.kind().to_owned(),
                labels.collect::<Vec<_>>().join(", "),
                family.help().to_owned(),
            ]
        })
        .collect();
    table(&["metric", "type", "labels", "says"], &rows)
}

fn codes() -> String {
    let schema = schemars::schema_for!(Code).to_value();
    let described = schema["oneOf"].as_array().expect("one for each code");
    assert_eq!(described.len(), Code::ALL.len());
    let rows: Vec<_> = described
        .iter()
        .map(|one| {
            let code = Code::ALL
                .into_iter()
                .find(|code| one["const"] == code.as_str());
            let code = code.expect("all codes are in the list of all");
            let about = one["description"].as_str().expect("a doc comment");
            let breaks = breaks(code).to_owned();
            vec![
                format!("`{}`", code.as_str()),
                about.replace('\n', " "),
                breaks,
            ]
        })
        .collect();
    table(&["code", "says", "counts for the breaker"], &rows)
}

/// Whether a run that ended so counts for the breaker.
fn breaks(code: Code) -> &'static str {
    let error = RunError::new(code, "");
    let computing = error.clone().with_activity(Activity::Computing);
    match (error.limit_use(), computing.limit_use()) {
        (LimitUse::Exceeded, _) => "yes",
        (_, LimitUse::Exceeded) => "where the guest was computing",
        (LimitUse::Within, _) => "as a good run",
        (LimitUse::Unknown, _) => "neither way",
    }
}

fn commands() -> String {
    let help = Vitals::new(["--help"]).run().stdout;
    let (_, commands) = help.split_once("Commands:\n").expect("a list of commands");
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let rows: Vec<_> = commands
        .filter_map(|line| line.trim().split_once(' '))
        .filter(|(command, _)| *command != "help")
        .map(|(command, about)| {
            let help = Vitals::new([command, "--help"]).run().stdout;
            let (_, status) = help.split_once("Exit status: ").expect("exit statuses");
            let status = status.lines().next().unwrap_or_default();
            vec![
                format!("`vitals {command}`"),
                about.trim().to_owned(),
                status.trim_end_matches('.').to_owned(),
            ]
        })
        .collect();
    table(&["command", "description", "exit status"], &rows)
}

/// The page with each of its generated parts made anew.
fn regenerated(page: &str, generate: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        text += line;
        text.push('\n');
        if let Some(name) = name_of_part(line) {
            let part = generate(name).unwrap_or_else(|| panic!("nothing generates `{name}`"));
            let ends = lines.by_ref().any(|line| line == END);
            assert!(ends, "`{line}` has no `{END}`");
            text.extend(["\n", &part, "\n", END, "\n"]);
        }
    }
    text
}

/// What is written by hand.
fn prose(page: &str) -> String {
    regenerated(page, &|_| Some(String::new()))
}

fn name_of_part(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- generated: ")?.strip_suffix(" -->")
}

/// The tables of the configuration that have keys of their own, by their names.
fn sections(schema: &Value) -> Vec<(String, &Value)> {
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
    // A table that holds others alone has nothing to say.
    found.retain(|(_, table)| !rows(schema, table).is_empty());
    found
}

/// Every key of the configuration, dotted.
fn keys(schema: &Value) -> Vec<String> {
    let sections = sections(schema).into_iter();
    let keys = sections.flat_map(|(name, table)| {
        let rows = rows(schema, table).into_iter();
        rows.map(move |row| format!("{name}.{}", row.key))
    });
    keys.collect()
}

/// Every source below a directory without its tests; texts that are broken over lines are whole.
fn read(directory: &Path, sources: &mut String) {
    for entry in fs::read_dir(directory).expect("a directory of the repository") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            read(&path, sources);
        } else if !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let text = text.split("\n#[cfg(test)]\nmod tests {").next();
            let mut pieces = text.unwrap_or_default().split("\\\n");
            sources.push_str(pieces.next().unwrap_or_default());
            pieces.for_each(|piece| sources.push_str(piece.trim_start()));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "who changes the code says so when the page is to be written anew"
)]
fn update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

const PAGE: &str = "docs/operate.md";
const END: &str = "<!-- end -->";
