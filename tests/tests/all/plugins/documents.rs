//! What is true of every first-party plugin: its README has an example that is valid and the settings that
//! it has, and the README of all has a row for it.

use std::collections::BTreeSet;

use serde_json::Value;
use vitals_host::workbench::settings::rows;
use vitals_tests::{Finished, Vitals, guests};

use super::readme::{self, Document};

/// A plugin as the command line and its own README tell of it.
struct Documented {
    code: String,
    component: Vec<u8>,
    readme: Document,
    /// What `vitals inspect` says.
    inspection: Value,
}

impl Documented {
    fn all() -> Vec<Self> {
        let all: Vec<_> = guests::plugins()
            .into_iter()
            .map(|(code, component)| {
                let file = format!("plugins/{code}.wasm");
                let inspect = Vitals::new(["inspect", "--format", "json", &file]);
                let ended = inspect.plugin(&code, component.clone()).run();
                assert_eq!(ended.status, Some(0), "{code}: {ended:?}");
                // Numbers that differ from run to run stand as words.
                let json = ended.stdout.replace("<varies>", "0");
                Self {
                    readme: Document::open(&format!("plugins/{code}/README.md")),
                    inspection: serde_json::from_str(&json).expect("JSON"),
                    component,
                    code,
                }
            })
            .collect();
        assert!(all.len() >= 6, "there are first-party plugins");
        all
    }

    fn summary(&self) -> &str {
        self.inspection["summary"].as_str().unwrap_or_default()
    }

    /// A command with the example of its README as configuration, and something for each variable in it.
    fn with_example(&self, command: &str) -> Finished {
        let example = self.readme.code("toml");
        let vitals = Vitals::new([command]).config(example);
        let names = example
            .split("${")
            .skip(1)
            .filter_map(|rest| rest.split('}').next());
        names
            .fold(vitals, |vitals, name| vitals.env(name, "something"))
            .plugin(&self.code, self.component.clone())
            .run()
    }

    /// What an operator has to write so that it reaches what it looks at: the settings that grant it, and the
    /// `allow` of the example.
    fn grants(&self) -> String {
        let wants = self.inspection["wants"].as_array().into_iter().flatten();
        let settings: BTreeSet<_> = wants
            .filter_map(|want| want[0].as_str()?.trim_matches(['/', '*']).to_owned().into())
            .map(|key: String| format!("`{}`", key.replace('/', ".")))
            .collect();
        let mut parts: Vec<String> = settings.into_iter().collect();
        let example: toml::Table = self.readme.code("toml").parse().expect("TOML");
        let checks = example["checks"].as_table().into_iter().flatten();
        let allowed = checks.filter_map(|(_, check)| check.get("allow")?.as_table());
        for (key, entries) in allowed.flatten() {
            parts.push(format!("`allow.{key}` = `{entries}`"));
        }
        parts.join(", ")
    }
}

/// Fails with all that is wrong at once.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

#[test]
fn every_plugin_has_the_name_and_the_words_of_its_readme() {
    for plugin in Documented::all() {
        let Documented { code, readme, .. } = &plugin;
        assert_eq!(plugin.inspection["code"], code.as_str());
        let beginning = format!("# {code}\n\n{}\n\n```toml\n[checks.", plugin.summary());
        assert!(
            readme.text().starts_with(&beginning),
            "{code}: its README has to begin with\n{beginning}"
        );
        let shown = Vitals::new(["inspect", &format!("plugins/{code}.wasm")]);
        let shown = shown.plugin(code, plugin.component.clone()).run();
        for row in rows(&plugin.inspection["schema"]) {
            assert!(
                shown.stdout.contains(&format!("\n  {} ", row.key)),
                "{code}: {}",
                shown.stdout
            );
            assert!(
                !row.description.is_empty(),
                "{code}: `{}` says nothing of itself",
                row.key
            );
        }
    }
}

#[test]
fn the_example_of_every_plugin_is_valid() {
    for plugin in Documented::all() {
        let code = &plugin.code;
        assert!(
            plugin
                .readme
                .code("toml")
                .contains(&format!("plugin = \"{code}\"")),
            "{code}"
        );
        let ended = plugin.with_example("validate");
        assert_eq!(ended.status, Some(0), "{code}: {ended:?}");
        assert!(
            ended.stdout.contains(": valid, may reach "),
            "{code}: {ended:?}"
        );
    }
}

#[test]
fn the_settings_in_the_readme_of_every_plugin_are_those_of_its_schema() {
    let all = Documented::all();
    let complaints = all.iter().filter_map(|plugin| {
        let table = readme::settings(&rows(&plugin.inspection["schema"]));
        plugin.readme.holds("settings", &table).err()
    });
    none(&complaints.collect::<Vec<_>>());
}

#[test]
fn the_table_of_plugins_has_a_row_for_each() {
    let mut table = "| plugin | | is granted by |\n|---|---|---|\n".to_owned();
    for plugin in Documented::all() {
        let code = &plugin.code;
        let link = format!("[`{code}`](plugins/{code}/README.md)");
        table += &readme::line(&[&link, plugin.summary(), &plugin.grants()]);
    }
    let complaint = Document::open("README.md").holds("plugins", &table);
    none(&complaint.err().into_iter().collect::<Vec<_>>());
}
