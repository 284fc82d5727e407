//! The dashboards as Grafana takes them: whole, unambiguous, and over the data source that is provisioned.

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
fn the_dashboards_are_provisioned_over_a_source_that_is() {
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

    let boards = Dashboard::shipped();
    let files: Vec<_> = boards.iter().map(|board| board.file.as_str()).collect();
    assert_eq!(
        files,
        ["check.json", "host.json", "overview.json", "plugin.json"]
    );
    for board in &boards {
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
fn the_dashboards_are_what_the_types_of_grafana_say() {
    let said = passes(&types(&directory().join("grafana/dashboards")));
    let panels: usize = Dashboard::shipped()
        .iter()
        .map(|board| board.panels().len())
        .sum();
    let looked_at = said
        .rsplit_once(" parts of dashboards")
        .expect("a last line")
        .0;
    let looked_at: usize = looked_at.trim().parse().expect("a number alone");
    assert!(
        looked_at > panels * 2,
        "{looked_at} parts of {panels} panels"
    );

    let copy = TempDir::with_prefix("vitals-dashboards-").expect("cannot make a directory");
    let shipped = shipped::text("grafana/dashboards/check.json");
    for (from, to) in [
        ("\"gridPos\"", "\"gridpos\""),
        ("\"displayMode\": \"list\"", "\"displayMode\": \"lost\""),
        ("\"id\": 1,", "\"id\": \"one\","),
        ("\"type\": \"state-timeline\"", "\"type\": \"state-time\""),
    ] {
        let spoilt = shipped::replaced(&shipped, &[(from, to)]);
        std::fs::write(copy.path().join("check.json"), spoilt).expect("a copy can be written");
        fails(&types(copy.path()));
    }
}

/// What TypeScript says of the dashboards in a directory.
fn types(dashboards: &Path) -> Output {
    let script = guests::root().join("tests/grafana/types.mjs");
    let tools = tool("grafana", "");
    run(Command::new("node").arg(script).arg(dashboards).arg(tools))
}

#[test]
fn each_dashboard_has_a_name_of_its_own_and_leads_to_the_others() {
    let boards = Dashboard::shipped();
    for key in ["uid", "title", "description"] {
        let names: BTreeSet<_> = boards
            .iter()
            .map(|board| string(&board.json[key]))
            .collect();
        assert_eq!(names.len(), boards.len(), "{key}: {names:?}");
    }
    for Dashboard { file, json } in &boards {
        // What a stored one has is no business of who imports it.
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
            assert!(
                ids.insert(panel["id"].as_u64()),
                "{what}: its id is another's"
            );
            let place = |side: &str| panel["gridPos"][side].as_u64().expect("a number");
            assert!(
                place("x") + place("w") <= 24,
                "{what} stands out of the grid"
            );
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
            let names: BTreeSet<_> = targets.map(|target| string(&target["refId"])).collect();
            assert_eq!(
                names.len(),
                list(&panel["targets"]).len(),
                "{what}: {names:?}"
            );
            let is_plain = ["table", "heatmap", "state-timeline"];
            let is_plain = is_plain.iter().any(|kind| panel["type"] == *kind);
            let unit = &panel["fieldConfig"]["defaults"]["unit"];
            assert!(is_plain || unit.is_string(), "{what} has no unit");
        }
    }
}

#[test]
fn every_variable_is_used_and_every_one_that_is_used_is_there() {
    for board in Dashboard::shipped() {
        let variables = board.variables().iter();
        let variables: BTreeSet<_> = variables
            .map(|variable| string(&variable["name"]))
            .collect();
        let mut used = BTreeSet::new();
        let asked = board
            .variables()
            .iter()
            .map(|one| string(&one["query"]["query"]));
        let queries = board.queries().into_iter().map(|(_, query)| query);
        for query in queries.chain(asked) {
            for part in query.split('$').skip(1) {
                let end = part.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
                used.insert(part[..end.unwrap_or(part.len())].to_owned());
            }
        }
        // Those are Grafana's own.
        used.retain(|name| !name.starts_with("__"));
        assert_eq!(variables, used, "{}", board.file);
    }
}

/// All values of a key, however deep they stand.
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
