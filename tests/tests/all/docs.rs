//! The documents, compared with the host. This file covers the tables of grants, limits and endpoints;
//! the modules cover the first steps, the demo, and the pages for operators and contributors.

mod configuration;
mod contract;
mod demo;
pub(crate) mod markdown;
mod operate;
pub(crate) mod rows;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use vitals_host::config::json_schema;
use vitals_tests::guests::{self, HELLO};
use vitals_tests::{TestHost, Vitals, repository};

use self::configuration::sections;
use self::markdown::{Part, Table, ticked};

#[test]
fn the_example_of_grants_is_valid() {
    let code = Part::of("docs/grants.md").code();
    assert_eq!(code[0].language, "toml");
    let vitals = Vitals::new(["validate"]).config(&code[0].text);
    let ended = vitals.guests([guests::TCP]).exits(0);
    for granted in ["db.internal:5432", "10.0.0.0/8:5432"] {
        assert!(ended.stdout.contains(granted), "{granted}: {ended}");
    }
}

#[test]
fn the_tables_of_grants_and_limits_name_every_key_and_no_other() {
    let mut allow = defaults_of("checks.NAME.allow");
    for default in allow.values_mut() {
        *default = None;
    }
    assert_same(&Part::of("docs/grants.md").tables()[0], 0, &allow);

    let mut limits = Part::of("docs/limits.md").tables().remove(0);
    limits.retain(|row| ticked(&row[1]).len() == 1 && row[1].ends_with('`'));
    assert_same(&limits, 1, &defaults_of("defaults.limits"));
}

#[tokio::test]
async fn the_table_of_endpoints_names_every_page_of_the_host() {
    let host = TestHost::start("", [HELLO]).await;
    let endpoints = Part::of("docs/endpoints.md").tables().remove(0);
    let paths = endpoints.iter().map(|row| row[0].replace('`', ""));
    let paths: BTreeSet<_> = paths.collect();
    let nothing = host.get("/nothing").await;
    let pages = nothing.json()["error"].to_string();
    let pages = pages.split(|c: char| c.is_whitespace() || ",;`\"".contains(c));
    let pages = pages.filter(|word| word.starts_with('/') && *word != "/nothing");
    assert_eq!(paths, pages.map(str::to_owned).collect());
}

#[test]
fn the_pages_for_contributors_name_files_that_exist() {
    let directories = ["host", "tests", "xtask", "bench"].map(repository::sources);
    let sources = directories.iter().flatten().map(|(path, _)| path);
    let sources: Vec<_> = sources
        .map(|path| without_src(&format!("/{}", path.display())))
        .collect();
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"] {
        let text = repository::read(page);
        let is_file = |name: &&str| {
            std::path::Path::new(name)
                .extension()
                .is_some_and(|it| it == "rs")
                && !name.contains('<')
        };
        let named: Vec<_> = ticked(&text).into_iter().filter(is_file).collect();
        assert!(named.len() > 20, "{page} names {} files", named.len());
        for name in named {
            let name = format!("/{}", without_src(name));
            let exists = sources.iter().any(|source| source.ends_with(&name));
            assert!(exists, "{page} names {name}, which does not exist");
        }
    }
}

/// A path as these pages write it: `sandbox/run.rs` stands for `sandbox/src/run.rs`.
fn without_src(path: &str) -> String {
    path.replace("/src/", "/")
}

/// Fails if a generated file is not current. If the environment contains `UPDATE_DOCS`, writes it.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever changes the code requests that the files are written"
)]
pub(crate) fn assert_current(file: &str, current: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(guests::root().join(file), current).expect("the file can be written");
    }
    let written = repository::read(file);
    let mut lines = written.lines().zip(current.lines());
    let differing = lines.find(|(is, of)| is != of);
    assert!(
        written == current,
        "{file} is not current: write it with `UPDATE_DOCS=1 cargo test --test all -- docs \
         deploy::rules`. It first differs here: {differing:#?}"
    );
}

/// The keys of a section of the configuration, each with its default, if it has one.
fn defaults_of(section: &str) -> BTreeMap<String, Option<Value>> {
    let schema = json_schema();
    let sections = sections(&schema);
    let (_, table) = sections
        .iter()
        .find(|(name, _)| name == section)
        .expect(section);
    let keys = table["properties"]
        .as_object()
        .expect("a schema of an object");
    let default = |(key, of): (&String, &Value)| (key.clone(), of.get("default").cloned());
    keys.iter().map(default).collect()
}

/// A table names these keys in column `at` and no others, and beside them their defaults.
fn assert_same(table: &Table, at: usize, expected: &BTreeMap<String, Option<Value>>) {
    let mut named = BTreeSet::new();
    for row in table {
        for key in ticked(&row[at]) {
            assert!(named.insert(key.to_owned()), "`{key}` occurs twice");
            if let Some(Some(default)) = expected.get(key) {
                assert!(is_value(&row[at + 1], default), "{row:?}: {default}");
            }
        }
    }
    assert_eq!(named, expected.keys().cloned().collect());
}

/// Whether a cell has a value as the file writes it, or as prose does: `64 MiB`, `500,000,000`.
fn is_value(cell: &str, value: &Value) -> bool {
    let prose = cell.replace([',', ' '], "");
    ticked(cell) == [value.to_string()] || prose == value.to_string().replace('"', "")
}
