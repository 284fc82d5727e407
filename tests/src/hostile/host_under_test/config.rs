//! The configuration of a host: what all have in common, what its group adds, a check for each
//! case.

use std::fmt::Write as _;
use std::time::Duration;

use toml::{Table, Value};

use super::CONTROL;
use crate::hostile::case::{Group, HostileCase};
use crate::hostile::world::World;

/// The configuration of the host of a group.
pub(super) struct HostConfig {
    pub(super) text: String,
    /// The directory of the plugins of checks.
    pub(super) library: String,
    /// Whether some pages are for clients with a token alone.
    pub(super) is_closed: bool,
}

impl HostConfig {
    /// Makes it, with a control check that runs at this interval.
    pub(super) fn new(
        group: Group,
        cases: &[HostileCase],
        world: &World,
        interval: Duration,
    ) -> Self {
        let every = interval.as_millis();
        let common = format!(
            "[server]\nlisten = '127.0.0.1:0'\n[plugins]\nlibrary = 'plugins'\nrescan = '20ms'\n\
             [metrics]\nenabled = true\n[defaults]\ninterval = '1h'\n\
             [checks.{CONTROL}]\nplugin = '{CONTROL}'\ninterval = '{every}ms'\n\
             timeout = '{every}ms'\n\
             [checks.warm-up]\nplugin = 'warm-up'\ntimeout = '30s'\nconfig = {{ mebibytes = 48 }}\n",
        );
        let mut config = table(&common);
        merge(&mut config, table(&world.fill(group.host)));
        let mut text = config.to_string();
        for case in cases {
            let (name, millis) = (case.name, case.timeout.as_millis());
            let settings = world.fill(&case.settings);
            let written = write!(
                text,
                "[checks.{name}]\nplugin = '{name}'\ntimeout = '{millis}ms'\n{settings}"
            );
            written.expect("memory takes it");
        }
        let library = config["plugins"]["library"].as_str();
        let details = config["server"].get("details").and_then(Value::as_str);
        Self {
            text,
            library: library.expect("it is a path").to_owned(),
            is_closed: details == Some("authorized"),
        }
    }
}

fn table(text: &str) -> Table {
    let table = text.parse();
    table.unwrap_or_else(|error| panic!("{error} in\n{text}"))
}

/// Adds what `other` says, and takes it where both say something.
fn merge(table: &mut Table, other: Table) {
    for (key, value) in other {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(table)), Value::Table(other)) => merge(table, other),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}
