//! Random operations on the configuration file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::model::unnamed;
use super::state::CampaignState;
use super::steady;
use super::worker::{Worker, WriteMethod};
use crate::place::write_atomically;

/// The worker that changes the file, and what the file contains.
pub(super) struct Configuration {
    pub(super) worker: Worker,
    /// The interval of the checks that never change.
    interval: Duration,
    /// All other checks that were ever configured.
    entries: BTreeMap<String, Entry>,
    /// Whether the file contains the entries as they are.
    is_good: bool,
}

/// One check.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) plugin: String,
    pub(super) critical: bool,
    pub(super) interval_ms: u32,
    is_listed: bool,
    is_broken: bool,
    word: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Write(WriteMethod),
    Invalidate,
    Remove,
    Touch,
}

const KINDS: [(Kind, usize); 7] = [
    (Kind::Write(WriteMethod::Rename), 6),
    (Kind::Write(WriteMethod::Pieces), 3),
    (Kind::Write(WriteMethod::Copy), 2),
    (Kind::Write(WriteMethod::Vim), 2),
    (Kind::Invalidate, 4),
    (Kind::Remove, 2),
    (Kind::Touch, 1),
];

impl Configuration {
    /// A configuration with checks of these names, plugins and weights.
    pub(super) fn new(
        state: &Arc<CampaignState>,
        interval: Duration,
        checks: impl IntoIterator<Item = (String, String, bool)>,
    ) -> Self {
        let checks = checks.into_iter();
        let entries = checks.map(|(name, plugin, critical)| (name, Entry::new(plugin, critical)));
        Self {
            worker: Worker::new(state),
            interval,
            entries: entries.collect(),
            is_good: false,
        }
    }

    /// The checks that the file lists when it is repaired.
    pub(super) fn checks(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.entries.iter().filter(|(_, entry)| entry.is_listed)
    }

    /// Makes one random change.
    pub(super) async fn operate(&mut self) -> io::Result<()> {
        let kind = self.worker.choose_weighted(&KINDS);
        let path = self.path();
        match kind {
            Kind::Write(method) => {
                let edits = self.edit();
                self.log(kind, &edits);
                if matches!(method, WriteMethod::Pieces | WriteMethod::Vim) {
                    self.may_be_unfinished();
                }
                let text = self.text();
                // No piece ends before the mark.
                let (head, checks) = text.split_at(text.find(MARK).unwrap_or(0));
                let mut pieces = self.worker.cut(checks.as_bytes());
                pieces.insert(0, head.as_bytes());
                self.is_good = false;
                self.worker.write(method, &path, &pieces).await?;
                self.is_good = true;
            }
            // Its other checks show whether the host applies a part of it.
            Kind::Invalidate => {
                let (what, invalid) = self.worker.choose(&INVALID);
                self.log(kind, what);
                let text = steady::checks(Duration::from_hours(1)) + invalid;
                self.is_good = false;
                write_atomically(&path, text)?;
                self.worker.pause(LONGEST_ABSENCE).await;
            }
            Kind::Remove if path.exists() => {
                self.log(kind, "");
                self.is_good = false;
                fs::remove_file(path)?;
                self.worker.pause(LONGEST_ABSENCE).await;
                if self.worker.rng.bool() {
                    self.repair()?;
                }
            }
            Kind::Touch if path.exists() => {
                self.log(kind, "");
                File::open(path)?.set_modified(SystemTime::now())?;
            }
            Kind::Remove | Kind::Touch => {}
        }
        self.worker.pause(LONGEST_PAUSE).await;
        Ok(())
    }

    /// Makes sure that the file exists, and that every check in it can run.
    pub(super) fn repair(&mut self) -> io::Result<()> {
        for entry in self.entries.values_mut() {
            self.is_good &= !entry.is_broken;
            entry.is_broken = false;
        }
        if !self.is_good {
            let text = self.text();
            write_atomically(&self.path(), text)?;
            self.is_good = true;
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.worker.state.path(FILE)
    }

    fn log(&self, kind: Kind, on: &str) {
        let log = &self.worker.state.log;
        log.operation(format_args!("Configuration::{kind:?}"), on);
    }

    /// Changes some checks, and says how.
    fn edit(&mut self) -> String {
        let edits = (0..self.worker.rng.usize(1..=4)).map(|_| self.edit_one());
        edits.collect::<Vec<_>>().join(", ")
    }

    fn edit_one(&mut self) -> String {
        let state = Arc::clone(&self.worker.state);
        let mut model = state.model.lock();
        let rng = &mut self.worker.rng;
        let mut name = rng.choice(self.entries.keys()).expect("an entry").clone();
        if rng.u8(0..8) == 0 {
            let plugin = self.entries[&name].plugin.clone();
            name = format!("{plugin}-n{}", rng.u32(..));
            let mut entry = Entry::new(plugin, false);
            entry.is_listed = false;
            self.entries.insert(name.clone(), entry);
        }
        let entry = self.entries.get_mut(&name).expect("it was chosen");
        if !entry.is_listed {
            (entry.is_listed, entry.is_broken) = (true, false);
            model.check_may_appear(&name, &entry.plugin, entry.critical);
            model.check_may_vanish(&unnamed(&entry.plugin));
            return format!("{name} appears");
        }
        match rng.u8(0..4) {
            0 => {
                entry.is_listed = false;
                let plugin = entry.plugin.clone();
                model.check_may_vanish(&name);
                if !self.checks().any(|(_, entry)| entry.plugin == plugin) {
                    model.check_may_appear(&unnamed(&plugin), &plugin, false);
                }
                format!("{name} vanishes")
            }
            1 => {
                entry.is_broken = !entry.is_broken;
                if entry.is_broken {
                    model.check_may_fail(&name);
                }
                format!("{name} is broken: {}", entry.is_broken)
            }
            2 => {
                let intervals = [6000, 6500, 7000, 8000];
                entry.interval_ms = intervals[rng.usize(..intervals.len())];
                format!("{name} every {} ms", entry.interval_ms)
            }
            _ => {
                entry.word = rng.u32(..);
                format!("{name} says {}", entry.word)
            }
        }
    }

    /// A file that is cut off after a line lacks checks, and may be valid.
    fn may_be_unfinished(&self) {
        let mut model = self.worker.state.model.lock();
        for (name, Entry { plugin, .. }) in &self.entries {
            model.check_may_vanish(name);
            model.check_may_appear(&unnamed(plugin), plugin, false);
        }
    }

    fn text(&mut self) -> String {
        // The same check is on another line each time.
        let comments = "# nothing\n".repeat(self.worker.rng.usize(0..4));
        let mut text = format!("{comments}{HEAD}{}{MARK}", steady::checks(self.interval));
        let mut checks: Vec<_> = self.entries.iter().collect();
        checks.retain(|(_, entry)| entry.is_listed);
        self.worker.rng.shuffle(&mut checks);
        for (name, entry) in checks {
            let Entry {
                plugin,
                critical,
                interval_ms,
                word,
                ..
            } = entry;
            let quote = if entry.is_broken { "" } else { "'" };
            let written = writeln!(
                text,
                "[checks.{name}]\ncritical = {critical}\nplugin = '{plugin}'\n\
                 interval = '{interval_ms}ms'\nconfig = {{ word = {quote}{word}{quote} }}"
            );
            written.expect("a string can be written");
        }
        text
    }
}

impl Entry {
    fn new(plugin: String, critical: bool) -> Self {
        Self {
            plugin,
            critical,
            interval_ms: 6000,
            is_listed: true,
            is_broken: false,
            word: 0,
        }
    }
}

/// Ends of a file that make all of it invalid.
const INVALID: [(&str, &str); 5] = [
    ("no TOML", "[checks.steady\n"),
    ("unknown key", "[plugins]\nfolder = 'plugins'\n"),
    ("wrong type", "[metrics]\nenabled = 'often'\n"),
    (
        "unknown key of a check",
        "[checks.new]\nplugin = 'new'\nevery = '1s'\n",
    ),
    (
        "invalid duration",
        "[defaults]\ninterval = 'now and then'\n",
    ),
];
/// The name of the file.
pub(super) const FILE: &str = "vitals.toml";
const HEAD: &str = "[server]\nlisten = '127.0.0.1:0'\n[plugins]\nlibrary = 'library'\n\
                    [engine]\nmax_runs = 256\n[metrics]\nenabled = true\n\
                    [defaults]\ndir = true\ninterval = '6s'\ntimeout = '6s'\ncritical = false\n";
/// A file that is written in pieces may be cut off from here on.
const MARK: &str = "# changing checks\n";
/// From one operation to the next.
const LONGEST_PAUSE: Duration = Duration::from_millis(700);
const LONGEST_ABSENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use vitals_host::config::Config;

    use super::*;

    fn configuration() -> Configuration {
        let state = Arc::new(CampaignState::new("unused".as_ref(), &[]));
        let checks = ["a", "b", "c"].map(|name| (name.to_owned(), "p".to_owned(), name == "a"));
        Configuration::new(&state, Duration::from_secs(1), checks)
    }

    #[test]
    fn every_text_is_a_configuration_of_just_its_checks() {
        let mut configuration = configuration();
        for _ in 0..200 {
            configuration.edit();
            let text = configuration.text();
            let read = text.parse::<Config>();
            let read = read.unwrap_or_else(|error| panic!("{error}\n{text}"));
            let listed = configuration.checks().map(|(name, _)| name.clone());
            let steady = steady::CHECKS.map(|(name, _)| name.to_owned());
            let mut expected: Vec<_> = listed.chain(steady).collect();
            expected.sort();
            let names = read.checks.keys().map(ToString::to_string);
            assert_eq!(names.collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn invalid_ends_are_rejected() {
        for (what, invalid) in INVALID {
            let text = steady::checks(Duration::from_secs(1)) + invalid;
            assert!(text.parse::<Config>().is_err(), "{what}");
        }
    }

    #[test]
    fn a_file_that_is_cut_off_is_invalid_or_lacks_checks_and_nothing_else() {
        let mut configuration = configuration();
        let text = configuration.text();
        let whole: Config = text.parse().unwrap();
        let mut fewer = 0;
        for end in text.find(MARK).unwrap()..text.len() {
            let Ok(read) = text[..end].parse::<Config>() else {
                continue;
            };
            fewer += usize::from(read.checks.len() < whole.checks.len());
            for (name, check) in &whole.checks {
                let is_steady = steady::CHECKS.iter().any(|(it, _)| *it == name.as_str());
                let found = read.checks.get(name);
                if is_steady {
                    let schedule = found.map(|found| &found.schedule);
                    assert_eq!(schedule, Some(&check.schedule), "{name} at {end}");
                } else if let Some(found) = found.filter(|found| found.plugin.is_some()) {
                    let critical = check.schedule.critical;
                    assert_eq!(found.schedule.critical, critical, "{name} at {end}");
                }
            }
        }
        assert!(fewer > 0, "otherwise it is not worth a try");
    }
}
