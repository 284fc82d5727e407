//! The documents of every first-party plugin: its README has a valid example and the settings of the
//! schema, and the page of plugins has a row for it.

use std::collections::BTreeSet;

use serde_json::Value;
use vitals_host::workbench::settings::rows;
use vitals_tests::{Finished, Vitals, guests};

use super::readme::{self, Document};

/// A plugin with its README and its inspection.
struct Documented {
    code: String,
    component: Vec<u8>,
    readme: Document,
    /// The output of `vitals inspect`.
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
                // The harness replaces numbers that differ from run to run by this word.
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

    /// Runs a command with the README's example as configuration, and a value for each variable in it.
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

    /// Returns what grants the plugin its access: settings, and entries in `allow` of the example.
    fn grants(&self) -> String {
        let wants = self.inspection["wants"].as_array().into_iter().flatten();
        let keys = wants.filter_map(|want| Some(want[0].as_str()?.trim_matches(['/', '*'])));
        let settings: BTreeSet<_> = keys
            .map(|key| format!("`{}`", key.replace('/', ".")))
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

/// Fails with all problems at once.
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn every_readme_begins_with_code_and_summary_and_every_setting_is_described() {
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
            let line = format!("\n  {} ", row.key);
            assert!(shown.stdout.contains(&line), "{code}: {}", shown.stdout);
            let has_description = !row.description.is_empty();
            assert!(has_description, "{code}: `{}` has no description", row.key);
        }
    }
}

#[test]
fn the_example_of_every_plugin_is_valid() {
    for plugin in Documented::all() {
        let code = &plugin.code;
        let line = format!("plugin = \"{code}\"");
        assert!(plugin.readme.code("toml").contains(&line), "{code}");
        let ended = plugin.with_example("validate");
        assert_eq!(ended.status, Some(0), "{code}: {ended:?}");
        let is_valid = ended.stdout.contains(": valid, may reach ");
        assert!(is_valid, "{code}: {ended:?}");
    }
}

#[test]
fn the_settings_in_every_readme_are_those_of_the_schema() {
    let all = Documented::all();
    let problems = all.iter().filter_map(|plugin| {
        let table = readme::settings(&rows(&plugin.inspection["schema"]));
        plugin.readme.check_part("settings", &table).err()
    });
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
fn the_page_of_plugins_has_a_row_for_each() {
    let mut table = "| plugin | | is granted by |\n|---|---|---|\n".to_owned();
    for plugin in Documented::all() {
        let code = &plugin.code;
        let link = format!("[`{code}`](../plugins/{code}/README.md)");
        table += &readme::line(&[&link, plugin.summary(), &plugin.grants()]);
    }
    let page = Document::open("docs/plugins.md");
    assert_none(page.check_part("plugins", &table).err().as_slice());
}
