//! The dashboards: valid, unambiguous, and with the data source that is provisioned.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use vitals_tests::guests;
use vitals_tests::servers::tool;

use super::shipped::{self, Dashboard, directory, list, string};
use super::{fails, passes, run};

#[test]
fn the_dashboards_use_the_data_source_that_is_provisioned() {
    let sources = shipped::yaml("grafana/provisioning/datasources/prometheus.yml");
    let [source] = list(&sources["datasources"]) else {
        panic!("one source: {sources}");
    };
    let providers = shipped::yaml("grafana/provisioning/dashboards/vitals.yml");
    let [provider] = list(&providers["providers"]) else {
        panic!("one provider: {providers}");
    };
    // Where the compose file mounts them.
    assert_eq!(provider["options"]["path"], "/var/lib/grafana/dashboards");
    let scrape = &shipped::yaml("prometheus.yml")["global"]["scrape_interval"];
    assert_eq!(&source["jsonData"]["timeInterval"], scrape);

    for board in Dashboard::shipped() {
        let mut sources = Vec::new();
        named("datasource", &board.json, &mut sources);
        assert!(sources.len() > 10, "{}", board.file);
        for used in sources {
            assert_eq!(used["uid"], source["uid"], "{}: {used}", board.file);
            assert_eq!(used["type"], source["type"], "{}: {used}", board.file);
        }
    }
}

#[test]
fn the_dashboards_have_the_types_of_grafana() {
    let output = passes(&types(&directory().join("grafana/dashboards")));
    let boards = Dashboard::shipped();
    let panels: usize = boards.iter().map(|board| board.panels().len()).sum();
    let (parts, _) = output
        .rsplit_once(" parts of dashboards")
        .expect("a last line");
    let parts: usize = parts.trim().parse().expect("only a number");
    assert!(parts > panels * 2, "{parts} parts of {panels} panels");

    let copy = TempDir::with_prefix("vitals-dashboards-").expect("cannot make a directory");
    let shipped = shipped::text("grafana/dashboards/check.json");
    for (from, to) in [
        ("\"gridPos\"", "\"gridpos\""),
        ("\"displayMode\": \"list\"", "\"displayMode\": \"lost\""),
        ("\"id\": 1,", "\"id\": \"one\","),
        ("\"type\": \"state-timeline\"", "\"type\": \"state-time\""),
    ] {
        let changed = shipped::replaced(&shipped, &[(from, to)]);
        std::fs::write(copy.path().join("check.json"), changed).expect("a copy can be written");
        fails(&types(copy.path()));
    }
}

/// The output of the TypeScript compiler for the dashboards in a directory.
fn types(dashboards: &Path) -> Output {
    let script = guests::root().join("tests/grafana/types.mjs");
    let tools = tool("grafana", "");
    run(Command::new("node").arg(script).arg(dashboards).arg(tools))
}

#[test]
fn each_dashboard_has_a_name_of_its_own_and_links_to_the_others() {
    let boards = Dashboard::shipped();
    for key in ["uid", "title", "description"] {
        let names = boards.iter().map(|board| string(&board.json[key]));
        let names: BTreeSet<_> = names.collect();
        assert_eq!(names.len(), boards.len(), "{key}: {names:?}");
    }
    for Dashboard { file, json } in &boards {
        // Only a stored dashboard has an id.
        assert_eq!(json.get("id"), None, "{file}");
        assert!(json["schemaVersion"].as_u64() >= Some(39), "{file}");
        assert_eq!(json["tags"], json["links"][0]["tags"], "{file}");
    }
}

#[test]
fn panels_have_a_number_a_place_and_a_description_of_their_own() {
    for board in Dashboard::shipped() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in board.panels() {
            let what = format!("{}: {}", board.file, panel["title"]);
            assert!(ids.insert(panel["id"].as_u64()), "{what}: its id is taken");
            let place = |side: &str| panel["gridPos"][side].as_u64().expect("a number");
            assert!(place("x") + place("w") <= 24, "{what} leaves the grid");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{what} covers another at {x}, {y}");
                }
            }
            if panel["type"] == "row" {
                continue;
            }
            let description = string(&panel["description"]);
            assert!(description.ends_with('.'), "{what}: {description}");
            let targets = list(&panel["targets"]).iter();
            let count = targets.len();
            let names: BTreeSet<_> = targets.map(|target| string(&target["refId"])).collect();
            assert_eq!(names.len(), count, "{what}: {names:?}");
            let is_plain = ["table", "heatmap", "state-timeline"];
            let is_plain = is_plain.iter().any(|kind| panel["type"] == *kind);
            let unit = &panel["fieldConfig"]["defaults"]["unit"];
            assert!(is_plain || unit.is_string(), "{what} has no unit");
        }
    }
}

#[test]
fn every_variable_is_used_and_every_used_one_exists() {
    for board in Dashboard::shipped() {
        let variables = board.variables().iter();
        let names = variables.clone().map(|variable| string(&variable["name"]));
        let names: BTreeSet<_> = names.collect();
        let mut used = BTreeSet::new();
        let own = variables.map(|variable| string(&variable["query"]["query"]));
        let queries = board.queries().into_iter().map(|(_, query)| query);
        for query in queries.chain(own) {
            for part in query.split('$').skip(1) {
                let end = part.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
                used.insert(part[..end.unwrap_or(part.len())].to_owned());
            }
        }
        // These are built into Grafana.
        used.retain(|name| !name.starts_with("__"));
        assert_eq!(names, used, "{}", board.file);
    }
}

/// All values of a key at any depth.
fn named<'a>(key: &str, json: &'a Value, found: &mut Vec<&'a Value>) {
    match json {
        Value::Array(values) => values.iter().for_each(|value| named(key, value, found)),
        Value::Object(members) => {
            for (name, value) in members {
                if name == key {
                    found.push(value);
                }
                named(key, value, found);
            }
        }
        _ => {}
    }
}
