//! The configuration of a host: what all have in common, what its group adds, a check for each case.

use std::fmt::Write as _;
use std::time::Duration;

use toml::{Table, Value};

use super::{NEIGHBOUR, Neighbour};
use crate::hostile::Patience;
use crate::hostile::case::{Group, HostileCase};
use crate::hostile::world::World;

/// The configuration of the host of a group.
pub(super) struct HostConfig(Table);

impl HostConfig {
    /// What is said of the host and its neighbour, with what the group says beside it or instead.
    pub(super) fn new(group: Group, world: &World, patience: Patience) -> Self {
        let every = patience.neighbour_interval().as_millis();
        let common = format!(
            "[server]\nlisten = '127.0.0.1:0'\n[plugins]\nlibrary = 'plugins'\nrescan = '20ms'\n\
             [metrics]\nenabled = true\n[defaults]\ninterval = '1h'\n\
             [checks.{NEIGHBOUR}]\nplugin = 'neighbour'\ninterval = '{every}ms'\n\
             timeout = '{every}ms'\n\
             [checks.warm-up]\nplugin = 'warm-up'\ntimeout = '30s'\nconfig = {{ mebibytes = 48 }}\n",
        );
        let mut config = table(&common);
        merge(&mut config, table(&world.fill(group.host)));
        Self(config)
    }

    /// The directory of the plugins that checks take.
    pub(super) fn library(&self) -> &str {
        let library = self.0["plugins"]["library"].as_str();
        library.expect("it is a path")
    }

    /// Whether some pages are for those with a token alone.
    pub(super) fn is_closed(&self) -> bool {
        let details = self.0["server"].get("details");
        details.is_some_and(|details| details.as_str() == Some("authorized"))
    }

    /// All of it as text, with a check for each case.
    pub(super) fn text(&self, cases: &[HostileCase], world: &World) -> String {
        let mut text = self.0.to_string();
        for case in cases {
            let millis = case.timeout.as_millis();
            let settings = world.fill(&case.settings);
            let name = &case.name;
            let written = write!(
                text,
                "[checks.{name}]\nplugin = '{name}'\ntimeout = '{millis}ms'\n{settings}"
            );
            written.expect("memory takes it");
        }
        text
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

impl Patience {
    pub(super) fn neighbour_interval(self) -> Duration {
        match self {
            Self::Busy => Duration::from_secs(1),
            Self::Quiet => Duration::from_millis(100),
        }
    }

    /// How long a run of the neighbour may take: the promise is 50 ms over what it takes alone,
    /// which is nothing.
    pub(super) fn neighbour_latency_ms(self) -> f64 {
        match self {
            Self::Busy => 1000.0,
            Self::Quiet => 50.0,
        }
    }

    /// How long `/health/live` may take.
    pub(super) fn slowest_probe(self) -> Duration {
        match self {
            Self::Busy => Duration::from_secs(2),
            Self::Quiet => Duration::from_millis(200),
        }
    }

    pub(super) fn neighbour_faults(
        self,
        before: Neighbour,
        after: Neighbour,
        time: Duration,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        if after.bad > before.bad {
            let bad = after.bad - before.bad;
            faults.push(format!("the neighbour failed {bad} times"));
        }
        if after.skipped > before.skipped {
            let skipped = after.skipped - before.skipped;
            faults.push(format!("{skipped} runs were skipped"));
        }
        let due = time.as_secs_f64() / self.neighbour_interval().as_secs_f64();
        let ran = u32::try_from(after.good - before.good).unwrap_or(u32::MAX);
        // One is on its way, and its moment is anywhere within the interval.
        if f64::from(ran) < (due - 2.0).floor() {
            faults.push(format!(
                "the neighbour ran {ran} times where {due:.0} were due"
            ));
        }
        faults
    }

    /// How long something is waited for that takes `time` by itself.
    pub(super) fn longest(self, time: Duration) -> Duration {
        time + match self {
            Self::Busy => Duration::from_secs(30),
            Self::Quiet => Duration::from_secs(12),
        }
    }
}
