//! The pages for operators: their generated parts are current, and the prose names keys, metrics,
//! paths and messages that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use vitals_host::check::{Activity, Code, LimitUse, RunError};
use vitals_host::config::{VARIABLES, json_schema};
use vitals_host::metrics::FAMILIES;
use vitals_tests::{TestHost, Vitals, guests};

use super::configuration::{keys, sections};
use super::markdown::{Part, ticked};
use super::rows::table;
use crate::monitoring::page;

#[test]
fn the_generated_parts_of_the_pages_are_current() {
    let is_to_be_written = super::update();
    for page in PAGES {
        let written = Part::of(page).text().to_owned();
        let current = regenerated(&written, &generate);
        if is_to_be_written {
            fs::write(guests::root().join(page), &current).expect("the page can be written");
        }
        let differing = written
            .lines()
            .zip(current.lines())
            .find(|(is, of)| is != of);
        assert!(
            is_to_be_written || written == current,
            "{page} is not current; write it anew with `UPDATE_DOCS=1 cargo test --test all -- \
             docs`. It first differs here: {differing:#?}"
        );
    }
}

#[test]
fn the_pages_name_metrics_keys_and_variables_that_exist() {
    let schema = json_schema();
    let sections = sections(&schema);
    let keys = keys(&schema);
    for text in ticked(&prose(&pages())) {
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
async fn every_path_on_the_pages_is_answered() {
    let host = TestHost::builder()
        .plugin("hello", guests::HELLO)
        .config("[metrics]\nenabled = true")
        .start()
        .await;
    let prose = prose(&pages()) + Part::of("README.md").text();
    let paths = ticked(&prose).into_iter().filter_map(|text| {
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
fn the_messages_in_the_tables_are_those_of_the_host() {
    let mut sources = String::new();
    read(&guests::root().join("host"), &mut sources);
    for (page, section) in [("operate", "Troubleshoot"), ("logs", "Look up a message")] {
        let section = Part::of(&format!("docs/{page}.md")).section(section);
        let mut messages = 0;
        for row in &section.tables()[0] {
            for message in ticked(&row[0]) {
                messages += 1;
                let mut fragments = message.split('…').map(str::trim);
                let missing = fragments.find(|fragment| !sources.contains(fragment));
                assert_eq!(missing, None, "the host does not say `{message}`");
            }
        }
        assert!(messages > 25, "{messages} messages in {page}");
    }
}

/// One part of the page, by the name that stands in its marker.
fn generate(name: &str) -> Option<String> {
    match name {
        "environment" => Some(environment()),
        "metrics" => Some(metrics()),
        "codes" => Some(codes()),
        "commands" => Some(commands()),
        "alerts" => Some(page::alerts()),
        _ => None,
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
    table(&["variable", "overrides", "meaning"], &rows)
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

/// The pages, one after the other.
fn pages() -> String {
    PAGES
        .map(|page| Part::of(page).text().to_owned())
        .join("\n")
}

/// What is written by hand.
fn prose(page: &str) -> String {
    regenerated(page, &|_| Some(String::new()))
}

fn name_of_part(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- generated: ")?.strip_suffix(" -->")
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

const PAGES: [&str; 13] = [
    "docs/alerts.md",
    "docs/commands.md",
    "docs/configuration.md",
    "docs/configure.md",
    "docs/endpoints.md",
    "docs/grants.md",
    "docs/limits.md",
    "docs/logs.md",
    "docs/metrics.md",
    "docs/notifications.md",
    "docs/operate.md",
    "docs/reload.md",
    "docs/sentry.md",
];
const END: &str = "<!-- end -->";
