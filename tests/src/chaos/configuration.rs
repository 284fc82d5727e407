//! The configuration file, and everything that may be done to it, at random.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;

use super::ground::{self, Ground, pause};
use super::model::by_itself;
use super::steady;

/// The file, and what stands in it.
pub(super) struct Configuration<'a> {
    ground: &'a Ground,
    rng: Rng,
    /// From one run of the checks that are left alone to the next.
    steady: Duration,
    /// Every check that was ever named, but for those that are left alone.
    lines: BTreeMap<String, Line>,
    /// Whether the newest text is in the file.
    is_good: bool,
}

/// One check.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) plugin: String,
    pub(super) critical: bool,
    pub(super) interval_ms: u32,
    pub(super) is_there: bool,
    is_broken: bool,
    word: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rename,
    Pieces,
    Copy,
    Editor,
    Refused,
    Gone,
    Touch,
}

const KINDS: [(Kind, usize); 7] = [
    (Kind::Rename, 6),
    (Kind::Pieces, 3),
    (Kind::Copy, 2),
    (Kind::Editor, 2),
    (Kind::Refused, 4),
    (Kind::Gone, 2),
    (Kind::Touch, 1),
];

impl<'a> Configuration<'a> {
    /// A configuration with checks of these names, plugins and weights.
    pub(super) fn new(
        ground: &'a Ground,
        steady: Duration,
        checks: impl IntoIterator<Item = (String, String, bool)>,
    ) -> Self {
        let line = |(name, plugin, critical)| (name, Line::new(plugin, critical));
        Self {
            ground,
            rng: Rng::with_seed(0),
            steady,
            lines: checks.into_iter().map(line).collect(),
            is_good: false,
        }
    }

    /// The checks that stand in the file when all is well.
    pub(super) fn checks(&self) -> impl Iterator<Item = (&String, &Line)> {
        self.lines.iter().filter(|(_, line)| line.is_there)
    }

    /// Does one thing after the other for so long; which, the seed determines.
    pub(super) async fn work(&mut self, seed: u64, until: Instant) {
        self.rng.seed(seed);
        let kinds = KINDS.iter();
        let kinds: Vec<_> = kinds
            .flat_map(|(kind, weight)| std::iter::repeat_n(*kind, *weight))
            .collect();
        while Instant::now() < until {
            pause(&mut self.rng, MOST_BETWEEN).await;
            let kind = self.rng.choice(&kinds).copied();
            let kind = kind.expect("there are kinds");
            if let Err(error) = self.operate(kind).await {
                let fault = format!("the campaign itself: configuration {kind:?}: {error}");
                self.ground.log.fault(&fault);
                return;
            }
        }
    }

    /// Makes everything right again: each check can run, and the file says so.
    pub(super) fn mend(&mut self) -> io::Result<()> {
        for line in self.lines.values_mut() {
            if line.is_there && line.is_broken {
                line.is_broken = false;
                self.is_good = false;
            }
        }
        if self.is_good {
            return Ok(());
        }
        let text = self.text();
        ground::renamed(&self.path(), text.as_bytes())?;
        self.is_good = true;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.ground.beside(FILE)
    }

    async fn operate(&mut self, kind: Kind) -> io::Result<()> {
        let path = self.path();
        match kind {
            Kind::Refused => return self.refused().await,
            Kind::Gone => {
                self.say("configuration gone", "");
                self.is_good = false;
                if path.exists() {
                    fs::remove_file(&path)?;
                }
                pause(&mut self.rng, Duration::from_secs(1)).await;
                // It is back as it was, or as it is the next time.
                return if self.rng.bool() { self.mend() } else { Ok(()) };
            }
            Kind::Touch => {
                self.say("configuration touched", "");
                return if path.exists() {
                    File::open(path)?.set_modified(SystemTime::now())
                } else {
                    Ok(())
                };
            }
            Kind::Rename | Kind::Pieces | Kind::Copy | Kind::Editor => {}
        }
        let edits = self.edit();
        let text = self.text();
        self.is_good = false;
        match kind {
            Kind::Pieces => {
                self.say("configuration in pieces", &edits);
                self.may_be_unfinished();
                let pieces = cut(&text, &mut self.rng);
                ground::in_pieces(&path, &pieces, &mut self.rng).await?;
            }
            Kind::Copy => {
                self.say("configuration copied over", &edits);
                ground::copied(&self.ground.beside("copy.toml"), &path, text.as_bytes())?;
            }
            Kind::Editor if path.exists() => {
                self.say("configuration by vim", &edits);
                self.may_be_unfinished();
                let pieces = cut(&text, &mut self.rng);
                ground::edited(&path, &pieces, &mut self.rng).await?;
            }
            _ => {
                self.say("configuration renamed", &edits);
                ground::renamed(&path, text.as_bytes())?;
            }
        }
        self.is_good = true;
        Ok(())
    }

    /// A text that is wrong as a whole, with changes in it that would be seen if any of it counted.
    async fn refused(&mut self) -> io::Result<()> {
        let steady = steady::lines(Duration::from_hours(1));
        let (what, wrong) = self.rng.choice(WRONG).expect("there are some");
        self.say("configuration refused", what);
        self.is_good = false;
        ground::renamed(&self.path(), format!("{steady}{wrong}").as_bytes())?;
        pause(&mut self.rng, Duration::from_secs(1)).await;
        Ok(())
    }

    /// Changes some lines, and says which.
    fn edit(&mut self) -> String {
        let mut edits = Vec::new();
        for _ in 0..self.rng.usize(1..=4) {
            let names: Vec<_> = self.lines.keys().cloned().collect();
            let Some(name) = self.rng.choice(names) else {
                break;
            };
            let is_new = self.rng.u8(0..8) == 0;
            let line = self.lines.get_mut(&name).expect("it was among them");
            if is_new {
                let new = format!("{}-n{}", line.plugin, self.rng.u32(..));
                let mut line = Line::new(line.plugin.clone(), false);
                line.is_there = false;
                self.lines.insert(new.clone(), line);
                edits.push(self.come(&new));
            } else if !line.is_there {
                edits.push(self.come(&name));
            } else {
                edits.push(match self.rng.u8(0..4) {
                    0 => self.go(&name),
                    1 => self.break_or_mend(&name),
                    2 => {
                        let interval_ms = self.rng.choice([2000, 2200, 2500, 3000]);
                        let line = self.lines.get_mut(&name).expect("it was among them");
                        line.interval_ms = interval_ms.unwrap_or(line.interval_ms);
                        format!("{name} every {} ms", line.interval_ms)
                    }
                    _ => {
                        let word = self.rng.u32(..);
                        let line = self.lines.get_mut(&name).expect("it was among them");
                        line.word = word;
                        format!("{name} has other settings")
                    }
                });
            }
        }
        edits.join(", ")
    }

    fn come(&mut self, name: &str) -> String {
        let line = self.lines.get_mut(name).expect("it is known");
        (line.is_there, line.is_broken) = (true, false);
        let plugin = line.plugin.clone();
        let mut model = self.ground.model();
        model.may_come(name, &plugin, line.critical);
        // The plugin is no longer one that nobody names.
        model.may_go(&by_itself(&plugin));
        format!("{name} comes")
    }

    fn go(&mut self, name: &str) -> String {
        let line = self.lines.get_mut(name).expect("it is known");
        line.is_there = false;
        let plugin = line.plugin.clone();
        let mut model = self.ground.model();
        model.may_go(name);
        if !self.checks().any(|(_, line)| line.plugin == plugin) {
            model.may_come(&by_itself(&plugin), &plugin, false);
        }
        format!("{name} goes")
    }

    fn break_or_mend(&mut self, name: &str) -> String {
        let line = self.lines.get_mut(name).expect("it is known");
        line.is_broken = !line.is_broken;
        if line.is_broken {
            self.ground.model().may_fail(name);
            format!("{name} breaks")
        } else {
            format!("{name} is mended")
        }
    }

    /// A file that ends after a line has fewer checks, and may say just what it says.
    fn may_be_unfinished(&self) {
        let mut model = self.ground.model();
        for (name, line) in &self.lines {
            model.may_go(name);
            model.may_come(&by_itself(&line.plugin), &line.plugin, false);
        }
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        // The same check stands in another line each time.
        for _ in 0..self.rng.u8(0..4) {
            text.push_str("# nothing\n");
        }
        text.push_str(HEAD);
        text.push_str(&steady::lines(self.steady));
        text.push_str(MARK);
        let mut rng = self.rng.fork();
        let mut checks: Vec<_> = self.checks().collect();
        rng.shuffle(&mut checks);
        for (name, line) in checks {
            line.write(name, &mut text);
        }
        text
    }

    fn say(&self, kind: &'static str, on: &str) {
        self.ground.log.operation(kind, on);
    }
}

impl Line {
    fn new(plugin: String, critical: bool) -> Self {
        Self {
            plugin,
            critical,
            interval_ms: 2000,
            is_there: true,
            is_broken: false,
            word: 0,
        }
    }

    fn write(&self, name: &str, text: &mut String) {
        let Self {
            plugin,
            critical,
            interval_ms,
            word,
            ..
        } = self;
        let quote = if self.is_broken { "" } else { "'" };
        let written = writeln!(
            text,
            "[checks.{name}]\ncritical = {critical}\nplugin = '{plugin}'\n\
             interval = '{interval_ms}ms'\nconfig = {{ word = {quote}{word}{quote} }}"
        );
        written.expect("memory takes it");
    }
}

/// Cuts a text into pieces, of which the first has all that must never be missing.
fn cut<'t>(text: &'t str, rng: &mut Rng) -> Vec<&'t [u8]> {
    let (head, checks) = text.split_at(text.find(MARK).unwrap_or(0));
    let mut pieces = vec![head.as_bytes()];
    pieces.extend(ground::cut(checks.as_bytes(), rng));
    pieces
}

/// What is wrong with a file as a whole, and how it ends then.
const WRONG: [(&str, &str); 5] = [
    ("no TOML", "[checks.steady\n"),
    ("unknown key", "[plugins]\nfolder = 'plugins'\n"),
    ("wrong type", "[metrics]\nenabled = 'often'\n"),
    (
        "unknown key of a check",
        "[checks.new]\nplugin = 'new'\nevery = '1s'\n",
    ),
    ("bad duration", "[defaults]\ninterval = 'now and then'\n"),
];
/// The name of the file.
pub(super) const FILE: &str = "vitals.toml";
const HEAD: &str = "[server]\nlisten = '127.0.0.1:0'\n[plugins]\nlibrary = 'library'\n\
                    [engine]\nmax_runs = 256\n[metrics]\nenabled = true\n\
                    [defaults]\ndir = true\ninterval = '2s'\ntimeout = '2s'\ncritical = false\n";
/// From here on a file that is written in pieces may end.
const MARK: &str = "# those that change\n";
/// From one operation to the next.
const MOST_BETWEEN: Duration = Duration::from_millis(700);

#[cfg(test)]
mod tests {
    use vitals_host::config::Config;

    use super::*;

    const STEADY: Duration = Duration::from_secs(1);

    fn configuration(ground: &Ground) -> Configuration<'_> {
        let checks = ["a", "b", "c"].map(|name| (name.to_owned(), "p".to_owned(), name == "a"));
        Configuration::new(ground, STEADY, checks)
    }

    #[test]
    fn every_text_is_a_configuration_with_just_its_checks() {
        let place = tempfile::tempdir().unwrap();
        let ground = Ground::new(place.path());
        let mut configuration = configuration(&ground);
        for _ in 0..200 {
            configuration.edit();
            let text = configuration.text();
            let read: Config = text
                .parse()
                .unwrap_or_else(|error| panic!("{error}\n{text}"));
            let names: Vec<_> = read.checks.keys().map(ToString::to_string).collect();
            let lines = configuration.checks().map(|(name, _)| name.clone());
            let steady = steady::CHECKS.map(|(name, _)| name.to_owned());
            let mut expected: Vec<_> = lines.chain(steady).collect();
            expected.sort();
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn what_is_to_be_refused_is() {
        for (what, wrong) in WRONG {
            let text = format!("{}{wrong}", steady::lines(STEADY));
            assert!(text.parse::<Config>().is_err(), "{what}");
        }
    }

    #[test]
    fn a_file_that_ends_early_is_wrong_as_a_whole_or_lacks_checks_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let ground = Ground::new(place.path());
        let mut configuration = configuration(&ground);
        let text = configuration.text();
        let whole: Config = text.parse().unwrap();
        let mut fewer = 0;
        for end in text.find(MARK).unwrap()..text.len() {
            let Ok(read) = text[..end].parse::<Config>() else {
                continue;
            };
            fewer += usize::from(read.checks.len() < whole.checks.len());
            for (name, _) in steady::CHECKS {
                let schedule = |config: &Config| {
                    let mut checks = config.checks.iter();
                    let found = checks.find(|(found, _)| found.as_str() == name);
                    format!("{:?}", found.map(|(_, check)| &check.schedule))
                };
                assert_eq!(schedule(&read), schedule(&whole));
            }
            for (name, check) in &read.checks {
                let line = configuration.lines.get(name.as_str());
                if let Some(line) = line.filter(|_| check.plugin.is_some()) {
                    assert_eq!(check.schedule.critical, line.critical, "{name} at {end}");
                }
            }
        }
        assert!(fewer > 0, "that is what makes it worth a try");
    }
}
