//! The files that the configuration comes from: when they have changed, and what they say then.
//! What is done about it, this file does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::directory::DEBOUNCE;
use super::pace::Pace;
use crate::catalog::Stamp;
use vitals_config::{Config, Origin, Sources};
use vitals_io::regular_file;
use vitals_model::{CheckName, Digest};

/// Says why a host can't run under a configuration, if it can't.
pub type Accepts = fn(&Config) -> Result<(), String>;

/// Where the configuration comes from, and what was last read there.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    sources: Sources,
    accepts: Accepts,
    /// The file that it was read from; none where there was none.
    origin: Origin,
    /// The files that it comes from.
    files: BTreeSet<PathBuf>,
    /// What they were when they were last read; nothing before the first look, since they may have
    /// changed while the host started.
    seen: Option<Contents>,
    directories: BTreeSet<PathBuf>,
    /// The checks in what was last read and right.
    checks: BTreeSet<CheckName>,
    /// What is wrong with what was last read.
    errors: Vec<String>,
    /// What the files were when they were last looked at, and since when they are that.
    found: (Vec<Option<Stamp>>, Instant),
}

/// The content of each file; none of one that can't be read.
type Contents = BTreeMap<PathBuf, Option<Digest>>;

/// What a look found.
#[derive(Debug)]
pub(super) enum Found {
    /// What was there the last time.
    Same,
    /// Somebody is still writing; it is to be looked at again after [`DEBOUNCE`].
    Restless,
    /// Another configuration, and the files of trusted roots that are not what they were.
    Another(Box<Config>, BTreeSet<PathBuf>),
    /// Something that is wrong as a whole; one text each.
    Wrong(Vec<String>),
}

impl Configuration {
    /// The configuration that was read from `sources`. Looks at links: blocks for a moment.
    pub(super) fn new(sources: Sources, accepts: Accepts, config: &Config) -> Self {
        let files = files(&sources, config);
        let directories = files.iter().flat_map(|file| directories(file)).collect();
        Self {
            sources,
            accepts,
            directories,
            origin: config.origin.clone(),
            files,
            seen: None,
            checks: config.checks.keys().cloned().collect(),
            errors: Vec::new(),
            found: (Vec::new(), Instant::now()),
        }
    }

    /// The file that is read, if it is one.
    pub(super) fn path(&self) -> Option<PathBuf> {
        matches!(self.origin, Origin::File(_)).then(|| self.sources.path())
    }

    /// What is wrong with what was last read.
    pub(super) fn errors(&self) -> &[String] {
        &self.errors
    }

    /// The directories in which a change shows.
    pub(super) fn directories(&self) -> BTreeSet<PathBuf> {
        self.directories.clone()
    }

    /// Looks at the files, and reads them if they have changed. Blocks.
    pub(super) fn look(mut self, pace: Pace) -> (Self, Found) {
        let contents = contents(self.files.iter().cloned());
        if self.seen.as_ref() == Some(&contents) && self.errors.is_empty() {
            return (self, Found::Same);
        }
        if pace == Pace::Now {
            let found = self.read();
            return (self, found);
        }
        let stamps = self.stamps();
        let rested = self.rested(&stamps);
        if rested < DEBOUNCE {
            return (self, Found::Restless);
        }
        let before = self.clone();
        let found = self.read();
        let may_be_half = match &found {
            Found::Wrong(_) => true,
            Found::Another(config, _) => {
                let mut known = before.checks.iter();
                known.any(|check| !config.checks.contains_key(check))
            }
            Found::Same | Found::Restless => false,
        };
        // What was read is what had rested only if nobody wrote meanwhile. And what looks like half of
        // a file has to be seen to rest: the dates of files are no witnesses when the clock is set.
        let seen_for = before.found.1.elapsed();
        if before.stamps() != stamps || may_be_half && seen_for < HALF_WRITTEN {
            return (before, Found::Restless);
        }
        (self, found)
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        let files = self.files.iter();
        files.map(|file| Stamp::of(file).ok()).collect()
    }

    /// How long the files have been left alone: by what they say themselves, or since they were first
    /// seen so, where their clock is ahead.
    fn rested(&mut self, stamps: &[Option<Stamp>]) -> Duration {
        let now = SystemTime::now();
        let ages = stamps.iter().flatten().map(|stamp| stamp.age(now));
        let rested = ages.min().unwrap_or(Duration::MAX);
        if self.found.0 != stamps {
            self.found = (stamps.to_vec(), Instant::now());
        }
        rested.max(self.found.1.elapsed())
    }

    fn read(&mut self) -> Found {
        let path = self.sources.path();
        // A pipe can be read once, when the host starts.
        if path.metadata().is_ok_and(|file| !file.is_file()) {
            let path = path.display();
            let why = "cannot read the configuration again: it is not a regular file";
            return self.wrong(vec![format!("{path}: {why}")]);
        }
        let config = match Config::load(&self.sources) {
            Ok(config) => config,
            Err(found) => return self.wrong(found.iter().map(ToString::to_string).collect()),
        };
        if let Err(why) = (self.accepts)(&config) {
            return self.wrong(vec![format!("{}: {why}", path.display())]);
        }
        if let (Origin::File(file), Origin::Defaults) = (&self.origin, &config.origin) {
            let why = format!(
                "the configuration file {} is gone: what it said still holds; put it back, or \
                 restart to run without one",
                file.display()
            );
            return self.wrong(vec![why]);
        }
        let now = contents(files(&self.sources, &config).into_iter());
        let last = self.seen.take().unwrap_or_default();
        let is_same = last == now && self.errors.is_empty();
        let roots = config.root_files().into_iter();
        let changed_roots = roots
            .filter(|file| last.contains_key(*file) && last.get(*file) != now.get(*file))
            .cloned()
            .collect();
        self.origin = config.origin.clone();
        self.checks = config.checks.keys().cloned().collect();
        self.directories = now.keys().flat_map(|file| directories(file)).collect();
        self.files = now.keys().cloned().collect();
        self.seen = Some(now);
        self.errors.clear();
        if is_same {
            return Found::Same;
        }
        Found::Another(Box::new(config), changed_roots)
    }

    fn wrong(&mut self, errors: Vec<String>) -> Found {
        if self.errors == errors {
            return Found::Same;
        }
        self.errors.clone_from(&errors);
        Found::Wrong(errors)
    }
}

/// The files that a configuration comes from: itself, what it takes values from, and the roots that
/// it trusts.
fn files(sources: &Sources, config: &Config) -> BTreeSet<PathBuf> {
    let mut files = config.read_files.clone();
    files.extend(config.root_files().into_iter().cloned());
    files.insert(sources.path());
    files
}

fn contents(files: impl Iterator<Item = PathBuf>) -> Contents {
    files
        .map(|file| {
            let content = regular_file::read(&file, LARGEST).ok();
            let digest = content.map(|bytes| Digest::of(&bytes));
            (file, digest)
        })
        .collect()
}

/// The directory of a file, and of what it leads to if it is a link.
fn directories(file: &Path) -> impl Iterator<Item = PathBuf> {
    let here = file.parent().map(|parent| {
        if parent.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            parent.to_owned()
        }
    });
    let is_link = file.symlink_metadata().is_ok_and(|it| it.is_symlink());
    let target = is_link.then(|| file.canonicalize().ok()).flatten();
    let there = target.and_then(|target| Some(target.parent()?.to_owned()));
    here.into_iter().chain(there)
}

/// How long a file must have been seen to rest that is wrong, or in which a check is missing: that is how
/// half of one looks.
const HALF_WRITTEN: Duration = Duration::from_secs(1);
/// No configuration, secret or set of roots is larger.
const LARGEST: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use vitals_config::Environment;

    struct Rig {
        dir: tempfile::TempDir,
        configuration: Configuration,
    }

    impl Rig {
        fn new(text: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("vitals.toml"), text).unwrap();
            let sources = Sources {
                directory: dir.path().to_owned(),
                environment: Environment::default(),
                ..Sources::default()
            };
            let config = Config::load(&sources).unwrap();
            let configuration = Configuration::new(sources, accepts, &config);
            let mut rig = Self { dir, configuration };
            assert!(matches!(rig.look(), Found::Another(..)), "it is not known");
            assert!(matches!(rig.look(), Found::Same));
            rig
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.dir.path().join(name), text).unwrap();
        }

        fn look(&mut self) -> Found {
            let (configuration, found) = self.configuration.clone().look(Pace::Now);
            self.configuration = configuration;
            found
        }
    }

    /// That of a host that has all but one tool.
    fn accepts(config: &Config) -> Result<(), String> {
        let has_it = config.tools.0.contains_key("missing");
        if has_it {
            Err("`missing` is not built in".into())
        } else {
            Ok(())
        }
    }

    #[test]
    fn what_the_host_does_not_have_is_refused_and_what_it_said_holds() {
        let text = "[tools]\na = 'http://a.test'";
        let mut rig = Rig::new(text);
        rig.write("vitals.toml", "[tools]\nmissing = 'http://b.test'");
        let Found::Wrong(errors) = rig.look() else {
            panic!("it was accepted");
        };
        let [error] = errors.as_slice() else {
            panic!("{errors:?}");
        };
        let expected = "vitals.toml: `missing` is not built in";
        assert!(error.ends_with(expected), "{error}");
        rig.write("vitals.toml", text);
        assert!(matches!(rig.look(), Found::Another(..)));
    }

    #[test]
    fn another_content_is_read_and_the_same_is_not() {
        let mut rig = Rig::new("[tools]\na = 'http://a.test'");
        rig.write("vitals.toml", "[tools]\nb = 'http://b.test'");
        let Found::Another(config, _) = rig.look() else {
            panic!("it has changed");
        };
        assert!(config.tools.0.contains_key("b"));
        rig.write("vitals.toml", "[tools]\nb = 'http://b.test'");
        assert!(matches!(rig.look(), Found::Same));
    }

    #[test]
    fn what_is_wrong_is_said_once_and_what_is_mended_is_read() {
        let text = "[tools]\na = 'http://a.test'";
        let mut rig = Rig::new(text);
        rig.write("vitals.toml", "[tools\n");
        assert!(matches!(rig.look(), Found::Wrong(errors) if errors[0].contains("vitals.toml:1")));
        assert!(matches!(rig.look(), Found::Same));
        rig.write("vitals.toml", "[nonsense]\n");
        assert!(matches!(rig.look(), Found::Wrong(errors) if errors[0].contains("nonsense")));
        // The content that holds already: it is no longer wrong.
        rig.write("vitals.toml", text);
        assert!(matches!(rig.look(), Found::Another(..)));
        assert!(rig.configuration.errors().is_empty());
    }

    #[test]
    fn a_file_that_is_gone_leaves_what_it_said() {
        let mut rig = Rig::new("");
        fs::remove_file(rig.dir.path().join("vitals.toml")).unwrap();
        assert!(matches!(rig.look(), Found::Wrong(errors) if errors[0].contains("is gone")));
        rig.write("vitals.toml", "");
        assert!(matches!(rig.look(), Found::Another(..)));
    }

    #[test]
    fn a_file_that_a_value_comes_from_counts() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        fs::write(&secret, "one\n").unwrap();
        let text = format!(
            "[checks.a]\nplugin = 'p'\nconfig.key = '${{file:{}}}'",
            secret.display()
        );
        let mut rig = Rig::new(&text);
        assert!(rig.configuration.directories().contains(dir.path()));
        fs::write(&secret, "two\n").unwrap();
        let Found::Another(config, _) = rig.look() else {
            panic!("it has changed");
        };
        let check = config.checks.values().next().unwrap();
        assert_eq!(check.settings.as_ref().unwrap().values["key"], "two");
        fs::remove_file(&secret).unwrap();
        assert!(matches!(rig.look(), Found::Another(..)));
    }

    #[test]
    fn roots_that_have_changed_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let roots = dir.path().join("roots.pem");
        fs::write(&roots, "one").unwrap();
        let text = format!("[tls]\nroots = ['{}']", roots.display());
        let mut rig = Rig::new(&text);
        fs::write(&roots, "two").unwrap();
        let Found::Another(_, changed) = rig.look() else {
            panic!("it has changed");
        };
        assert_eq!(changed, BTreeSet::from([roots]));
    }

    #[test]
    fn what_is_being_written_is_left_alone_for_a_while() {
        let rig = Rig::new("");
        rig.write("vitals.toml", "[tools");
        let (configuration, found) = rig.configuration.look(Pace::Patient);
        assert!(matches!(found, Found::Restless), "{found:?}");
        // It rests for longer where that is how half of a file looks.
        let (path, mut configuration) = (rig.dir.path().join("vitals.toml"), configuration);
        let mut seen = Vec::new();
        while !seen.contains(&"wrong") {
            let found;
            let rest = || Stamp::of(&path).unwrap().age(SystemTime::now());
            let rested = rest();
            (configuration, found) = configuration.look(Pace::Patient);
            seen.push(match found {
                Found::Wrong(_) => "wrong",
                Found::Restless => "restless",
                Found::Same | Found::Another(..) => panic!("{found:?}"),
            });
            assert!(rested < Duration::from_secs(5), "it never ends");
            let is_wrong = seen.last() == Some(&"wrong");
            assert!(!is_wrong || rest() >= HALF_WRITTEN, "too early");
        }
    }
}
