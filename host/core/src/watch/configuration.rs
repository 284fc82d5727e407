//! The files of the configuration: detects changes and reads the new content. The caller decides
//! what to do with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::directory::{DEBOUNCE, Debounce};
use crate::catalog::Stamp;
use crate::client_options::client_options;
use vitals_config::{Config, Origin, Sources};
use vitals_io::regular_file;
use vitals_model::{CheckName, Digest};
use vitals_sandbox::ClientSettings;

/// Says why a host can't run under a configuration, if it can't.
pub type Accepts = fn(&Config) -> Result<(), String>;

/// The sources of the configuration, and what was last read from them.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    sources: Sources,
    accepts: Accepts,
    /// The file that the configuration was read from, if any.
    origin: Origin,
    /// The files that the configuration comes from.
    files: BTreeSet<PathBuf>,
    /// The contents at the last reading; `None` before the first scan, because files may have
    /// changed during the start of the host.
    seen: Option<Contents>,
    directories: BTreeSet<PathBuf>,
    /// The checks in the last valid configuration.
    checks: BTreeSet<CheckName>,
    /// The errors in what was last read.
    errors: Vec<String>,
    /// The stamps at the last scan, and the time since when they have been the same.
    found: (Vec<Option<Stamp>>, Instant),
}

/// The digest of each file; `None` if it can't be read.
type Contents = BTreeMap<PathBuf, Option<Digest>>;

/// The result of checking the files.
#[derive(Debug)]
pub(super) enum ReadOutcome {
    /// Nothing has changed.
    Unchanged,
    /// Somebody may still be writing. The files are checked again after [`DEBOUNCE`].
    Unstable,
    /// A new configuration, its identities and proxies, and the files with trusted roots that have
    /// changed.
    Changed(Box<Config>, ClientSettings, BTreeSet<PathBuf>),
    /// The configuration is invalid; one text for each error.
    Invalid(Vec<String>),
}

impl Configuration {
    /// Creates the state for the configuration that was read from `sources`. Resolves links: blocks
    /// briefly.
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

    /// Returns the file of the configuration, if there is one.
    pub(super) fn path(&self) -> Option<PathBuf> {
        matches!(self.origin, Origin::File(_)).then(|| self.sources.path())
    }

    /// Returns the errors in what was last read.
    pub(super) fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Returns the directories where a change of the files shows.
    pub(super) fn directories(&self) -> BTreeSet<PathBuf> {
        self.directories.clone()
    }

    /// Checks the files, and reads them if they have changed. Blocks.
    pub(super) fn check(mut self, debounce: Debounce) -> (Self, ReadOutcome) {
        let contents = contents(self.files.iter().cloned());
        if self.seen.as_ref() == Some(&contents) && self.errors.is_empty() {
            return (self, ReadOutcome::Unchanged);
        }
        if debounce == Debounce::Off {
            let found = self.read();
            return (self, found);
        }
        let stamps = self.stamps();
        let stable_for = self.unchanged_for(&stamps);
        if stable_for < DEBOUNCE {
            return (self, ReadOutcome::Unstable);
        }
        let before = self.clone();
        let found = self.read();
        let may_be_half = match &found {
            ReadOutcome::Invalid(_) => true,
            ReadOutcome::Changed(config, ..) => {
                let mut known = before.checks.iter();
                known.any(|check| !config.checks.contains_key(check))
            }
            ReadOutcome::Unchanged | ReadOutcome::Unstable => false,
        };
        // The stable content was read only if nobody wrote meanwhile. Content that may be half
        // written has to be observed without change for a while, because file timestamps are
        // unreliable when the clock is set.
        let seen_for = before.found.1.elapsed();
        if before.stamps() != stamps || may_be_half && seen_for < HALF_WRITTEN_TIME {
            return (before, ReadOutcome::Unstable);
        }
        (self, found)
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        let files = self.files.iter();
        files.map(|file| Stamp::of(file).ok()).collect()
    }

    /// Returns how long the files have been unchanged: by their timestamps, or since they were
    /// first observed, if their clock is ahead.
    fn unchanged_for(&mut self, stamps: &[Option<Stamp>]) -> Duration {
        let now = SystemTime::now();
        let ages = stamps.iter().flatten().map(|stamp| stamp.age(now));
        let stable_for = ages.min().unwrap_or(Duration::MAX);
        if self.found.0 != stamps {
            self.found = (stamps.to_vec(), Instant::now());
        }
        stable_for.max(self.found.1.elapsed())
    }

    fn read(&mut self) -> ReadOutcome {
        let path = self.sources.path();
        // A pipe can be read only once, at the start of the host.
        if path.metadata().is_ok_and(|file| !file.is_file()) {
            let path = path.display();
            let why = "cannot read the configuration again: it is not a regular file";
            return self.invalid(vec![format!("{path}: {why}")]);
        }
        let config = match Config::load(&self.sources) {
            Ok(config) => config,
            Err(found) => return self.invalid(found.iter().map(ToString::to_string).collect()),
        };
        if let Err(why) = (self.accepts)(&config) {
            return self.invalid(vec![format!("{}: {why}", path.display())]);
        }
        let clients = match ClientSettings::read(client_options(&config)) {
            Ok(clients) => clients,
            Err(found) => {
                let text = |why| format!("{}: {why}", path.display());
                return self.invalid(found.texts().map(text).collect());
            }
        };
        if let (Origin::File(file), Origin::Defaults) = (&self.origin, &config.origin) {
            let why = format!(
                "the configuration file {} is gone, and its last content stays active: restore it, \
                 or restart to run without one",
                file.display()
            );
            return self.invalid(vec![why]);
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
            return ReadOutcome::Unchanged;
        }
        ReadOutcome::Changed(Box::new(config), clients, changed_roots)
    }

    fn invalid(&mut self, errors: Vec<String>) -> ReadOutcome {
        if self.errors == errors {
            return ReadOutcome::Unchanged;
        }
        self.errors.clone_from(&errors);
        ReadOutcome::Invalid(errors)
    }
}

/// Returns the files of a configuration: the configuration file, the files that values come from,
/// and the files with trusted roots and identities.
fn files(sources: &Sources, config: &Config) -> BTreeSet<PathBuf> {
    let mut files = config.referenced_files.clone();
    files.extend(config.root_files().into_iter().cloned());
    files.extend(config.identity_files().into_iter().cloned());
    files.insert(sources.path());
    files
}

fn contents(files: impl Iterator<Item = PathBuf>) -> Contents {
    files
        .map(|file| {
            let content = regular_file::read(&file, MAX_FILE_BYTES).ok();
            let digest = content.map(|bytes| Digest::of(&bytes));
            (file, digest)
        })
        .collect()
}

/// Returns the directory of a file and, for a link, the directory of its target.
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

/// How long a file that is invalid, or lacks a known check, must be observed without change before
/// it is accepted. A half-written file looks like that.
const HALF_WRITTEN_TIME: Duration = Duration::from_secs(1);
/// The size limit of each file.
const MAX_FILE_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Rig {
        dir: tempfile::TempDir,
        configuration: Configuration,
    }

    impl Rig {
        fn new(text: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("vitals.toml"), text).unwrap();
            let mut sources = Sources::default();
            sources.directory = dir.path().to_owned();
            let config = Config::load(&sources).unwrap();
            let configuration = Configuration::new(sources, accepts, &config);
            let mut rig = Self { dir, configuration };
            assert!(
                matches!(rig.check(), ReadOutcome::Changed(..)),
                "it is not known"
            );
            assert!(matches!(rig.check(), ReadOutcome::Unchanged));
            rig
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.dir.path().join(name), text).unwrap();
        }

        fn check(&mut self) -> ReadOutcome {
            let (configuration, found) = self.configuration.clone().check(Debounce::Off);
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
        let ReadOutcome::Invalid(errors) = rig.check() else {
            panic!("it was accepted");
        };
        let [error] = errors.as_slice() else {
            panic!("{errors:?}");
        };
        let expected = "vitals.toml: `missing` is not built in";
        assert!(error.ends_with(expected), "{error}");
        rig.write("vitals.toml", text);
        assert!(matches!(rig.check(), ReadOutcome::Changed(..)));
    }

    #[test]
    fn only_changed_content_is_read() {
        let mut rig = Rig::new("[tools]\na = 'http://a.test'");
        rig.write("vitals.toml", "[tools]\nb = 'http://b.test'");
        let ReadOutcome::Changed(config, ..) = rig.check() else {
            panic!("it has changed");
        };
        assert!(config.tools.0.contains_key("b"));
        rig.write("vitals.toml", "[tools]\nb = 'http://b.test'");
        assert!(matches!(rig.check(), ReadOutcome::Unchanged));
    }

    #[test]
    fn errors_are_reported_once_and_a_fixed_file_is_read() {
        let text = "[tools]\na = 'http://a.test'";
        let mut rig = Rig::new(text);
        rig.write("vitals.toml", "[tools\n");
        assert!(
            matches!(rig.check(), ReadOutcome::Invalid(errors) if errors[0].contains("vitals.toml:1"))
        );
        assert!(matches!(rig.check(), ReadOutcome::Unchanged));
        rig.write("vitals.toml", "[nonsense]\n");
        assert!(
            matches!(rig.check(), ReadOutcome::Invalid(errors) if errors[0].contains("nonsense"))
        );
        // The content that is already active; it is no longer an error.
        rig.write("vitals.toml", text);
        assert!(matches!(rig.check(), ReadOutcome::Changed(..)));
        assert!(rig.configuration.errors().is_empty());
    }

    #[test]
    fn a_removed_file_keeps_its_last_configuration() {
        let mut rig = Rig::new("");
        fs::remove_file(rig.dir.path().join("vitals.toml")).unwrap();
        assert!(
            matches!(rig.check(), ReadOutcome::Invalid(errors) if errors[0].contains("is gone"))
        );
        rig.write("vitals.toml", "");
        assert!(matches!(rig.check(), ReadOutcome::Changed(..)));
    }

    #[test]
    fn a_file_that_a_value_comes_from_is_watched() {
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
        let ReadOutcome::Changed(config, ..) = rig.check() else {
            panic!("it has changed");
        };
        let check = config.checks.values().next().unwrap();
        assert_eq!(check.settings.as_ref().unwrap().values["key"], "two");
        fs::remove_file(&secret).unwrap();
        assert!(matches!(rig.check(), ReadOutcome::Changed(..)));
    }

    #[test]
    fn changed_roots_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        let roots = dir.path().join("roots.pem");
        fs::write(&roots, "one").unwrap();
        let text = format!("[tls]\nroots = ['{}']", roots.display());
        let mut rig = Rig::new(&text);
        fs::write(&roots, "two").unwrap();
        let ReadOutcome::Changed(_, _, changed) = rig.check() else {
            panic!("it has changed");
        };
        assert_eq!(changed, BTreeSet::from([roots]));
    }

    #[test]
    fn identities_are_read_again_and_the_last_ones_stay_if_they_cannot_be_used() {
        let dir = tempfile::tempdir().unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
        let renew = |name: &str| {
            let signing = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
            let made = params.self_signed(&signing).unwrap();
            fs::write(&certificate, made.pem()).unwrap();
            fs::write(&key, signing.serialize_pem()).unwrap();
        };
        renew("one.test");
        let text = format!(
            "[tls.identities.shop]\ncertificate = '{}'\nkey = '{}'",
            certificate.display(),
            key.display()
        );
        let mut rig = Rig::new(&text);
        assert!(rig.configuration.directories().contains(dir.path()));
        renew("two.test");
        let ReadOutcome::Changed(_, two, _) = rig.check() else {
            panic!("it has changed");
        };
        renew("three.test");
        let ReadOutcome::Changed(_, three, _) = rig.check() else {
            panic!("it has changed");
        };
        assert_ne!(two, three);
        let good = fs::read(&key).unwrap();
        fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let ReadOutcome::Invalid(errors) = rig.check() else {
            panic!("the key is another one");
        };
        let expected = format!(
            "`[tls.identities.shop]` cannot be used: its `key` {} does not belong to the certificate \
             in {}: name two files that belong together",
            key.display(),
            certificate.display()
        );
        assert!(errors[0].ends_with(&expected), "{errors:?}");
        fs::write(&key, good).unwrap();
        let ReadOutcome::Changed(_, again, _) = rig.check() else {
            panic!("it can be used again");
        };
        assert_eq!(again, three);
    }

    #[test]
    fn a_file_being_written_is_not_read() {
        let rig = Rig::new("");
        rig.write("vitals.toml", "[tools");
        let (configuration, found) = rig.configuration.check(Debounce::On);
        assert!(matches!(found, ReadOutcome::Unstable), "{found:?}");
        // A file that looks half written must be stable for longer.
        let (path, mut configuration) = (rig.dir.path().join("vitals.toml"), configuration);
        let mut seen = Vec::new();
        while !seen.contains(&"wrong") {
            let found;
            let rest = || Stamp::of(&path).unwrap().age(SystemTime::now());
            let stable_for = rest();
            (configuration, found) = configuration.check(Debounce::On);
            seen.push(match found {
                ReadOutcome::Invalid(_) => "wrong",
                ReadOutcome::Unstable => "restless",
                ReadOutcome::Unchanged | ReadOutcome::Changed(..) => panic!("{found:?}"),
            });
            assert!(stable_for < Duration::from_secs(5), "it never ends");
            let is_wrong = seen.last() == Some(&"wrong");
            assert!(!is_wrong || rest() >= HALF_WRITTEN_TIME, "too early");
        }
    }
}
