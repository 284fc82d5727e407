//! The pages for operators: their generated parts are current, and the prose names keys, metrics,
//! paths and messages that exist.

use std::collections::BTreeSet;

use vitals_host::check::{Activity, Code, LimitUse, RunError};
use vitals_host::config::{VARIABLES, json_schema};
use vitals_host::metrics::FAMILIES;
use vitals_tests::guests::HELLO;
use vitals_tests::{TestHost, Vitals, repository};

use super::assert_current;
use super::configuration::{keys, section, sections};
use super::contract::reference;
use super::markdown::{Part, ticked};
use super::rows::table;
use crate::monitoring::page;

#[test]
fn the_generated_parts_of_the_pages_are_current() {
    for page in PAGES {
        assert_current(page, &regenerated(&repository::read(page), &generate));
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
async fn every_path_on_the_pages_exists() {
    let host = TestHost::start("[metrics]\nenabled = true", [HELLO]).await;
    let prose = prose(&pages()) + Part::of("README.md").text();
    let paths = ticked(&prose).into_iter().filter_map(|text| {
        let path = text.rsplit(' ').next()?;
        let mut pages = ["/health", "/plugins", "/metrics", "/-/"].iter();
        let is_page = pages.any(|page| path.starts_with(page));
        is_page.then_some(path)
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
    let sources = sources();
    for (page, section) in [("operate", "Troubleshoot"), ("logs", "Look up a message")] {
        let section = Part::of(&format!("docs/{page}.md")).section(section);
        let mut messages = 0;
        for row in &section.tables()[0] {
            for message in ticked(&row[0]) {
                messages += 1;
                let is_whole = page == "logs" && !message.contains('…');
                let quote = if is_whole { "\"" } else { "" };
                let mut fragments = message
                    .split('…')
                    .map(|it| format!("{quote}{}{quote}", it.trim()));
                let missing = fragments.find(|fragment| !sources.contains(fragment));
                assert_eq!(missing, None, "the host has no message `{message}`");
            }
        }
        assert!(messages > 25, "{messages} messages in {page}");
    }
}

/// A generated part of a page, by the name in its marker.
fn generate(name: &str) -> Option<String> {
    match name {
        "environment" => Some(environment()),
        "metrics" => Some(metrics()),
        "codes" => Some(codes()),
        "commands" => Some(commands()),
        "alerts" => Some(page::alerts()),
        "contract" => Some(reference()),
        name => section(name.strip_prefix("section ")?),
    }
}

fn environment() -> String {
    let rows: Vec<_> = VARIABLES
        .iter()
        .map(|variable| {
            let key = variable.key.map(|key| format!("`{key}`"));
            let name = format!("`{}`", variable.name);
            vec![name, key.unwrap_or_default(), variable.about.to_owned()]
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
            let mut codes = Code::ALL.into_iter();
            let code = codes.find(|code| one["const"] == code.as_str());
            let code = code.expect("`ALL` contains every code");
            let about = one["description"].as_str().expect("a doc comment");
            let name = format!("`{}`", code.as_str());
            vec![name, about.replace('\n', " "), breaks(code).to_owned()]
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

/// A page with new generated parts.
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

/// All pages.
fn pages() -> String {
    PAGES.map(repository::read).join("\n")
}

/// The text that is written by hand.
fn prose(page: &str) -> String {
    regenerated(page, &|_| Some(String::new()))
}

fn name_of_part(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- generated: ")?.strip_suffix(" -->")
}

/// The sources of the host without tests. Strings that continue on the next line are joined.
fn sources() -> String {
    let mut joined = String::new();
    for (path, text) in repository::sources("host") {
        if !path.ends_with("tests.rs") {
            let text = text.split("\n#[cfg(test)]\nmod tests {").next();
            let mut pieces = text.unwrap_or_default().split("\\\n");
            joined.push_str(pieces.next().unwrap_or_default());
            pieces.for_each(|piece| joined.push_str(piece.trim_start()));
        }
    }
    joined
}

const PAGES: [&str; 14] = [
    "docs/alerts.md",
    "docs/commands.md",
    "docs/configuration.md",
    "docs/configure.md",
    "docs/contract.md",
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
