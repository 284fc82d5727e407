//! The binary `vitals`, run as a user runs it.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::geteuid;

use crate::enclosed_network::EnclosedNetwork;
use crate::guests::{self, Guest};
use crate::place::Place;
use crate::serving::Serving;
use crate::tidy::tidy;

/// A command line of `vitals` in a directory of its own, with an environment of its own.
#[derive(Debug)]
pub struct Vitals {
    place: Place,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    is_unprivileged: bool,
    network: Option<EnclosedNetwork>,
}

/// How a command ended. It is displayed with everything that it wrote.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The exit status, or `None` if a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Vitals {
    /// A command line with these arguments. It runs in a temporary directory with an empty
    /// `plugins`. Its environment contains only the directory for compiled code.
    pub fn new<A: Into<OsString>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let cache = Place::cache().join("binary");
        Self {
            place: Place::new(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            variables: vec![("XDG_CACHE_HOME".into(), cache.into())],
            is_unprivileged: false,
            network: None,
        }
    }

    /// `vitals serve` on a free port, with this configuration, and these guests in the plugins
    /// directory under their own names.
    pub fn host(config: &str, guests: impl IntoIterator<Item = Guest>) -> Self {
        let host = Self::new(["serve", "--listen", "127.0.0.1:0"]);
        host.config(config).guests(guests)
    }

    /// Writes the configuration, `vitals.toml`. Where that names no library, `plugins` is it too.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        if !toml.contains("library") {
            self.variables.push((LIBRARY.into(), "plugins".into()));
        }
        self.place.write("vitals.toml", toml);
        self
    }

    /// Puts a plugin into the plugins directory.
    #[must_use]
    pub fn plugin(self, name: &str, guest: impl Into<Vec<u8>>) -> Self {
        self.place.write_plugin(name, guest);
        self
    }

    /// Puts guests into the plugins directory under their own names.
    #[must_use]
    pub fn guests(self, guests: impl IntoIterator<Item = Guest>) -> Self {
        let put = |vitals: Self, guest: Guest| vitals.plugin(guest.name(), guest);
        guests.into_iter().fold(self, put)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Serves as a user to whom permissions apply, even if root runs the tests.
    #[must_use]
    pub fn unprivileged(mut self) -> Self {
        self.is_unprivileged = true;
        let cache = self.place.path().join("cache");
        self.variables.push(("XDG_CACHE_HOME".into(), cache.into()));
        self
    }

    /// Serves in a network of its own. Unless that is the machine's, nothing outside reaches the host,
    /// and only its log shows what it found.
    #[must_use]
    pub fn enclosed(mut self, network: EnclosedNetwork) -> Self {
        self.network = Some(network);
        self.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    }

    /// Its directory.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Runs it to its end, which must be this exit status.
    ///
    /// # Panics
    ///
    /// Panics if it ends in another one, has not been built, or takes longer than three minutes.
    #[track_caller]
    pub fn exits(self, status: i32) -> Finished {
        let arguments = self.arguments.clone();
        let ended = self.run();
        assert_eq!(ended.status, Some(status), "{arguments:?}: {ended}");
        ended
    }

    /// Runs it to its end.
    ///
    /// # Panics
    ///
    /// Panics if it has not been built, or takes longer than three minutes.
    pub fn run(self) -> Finished {
        let mut command = assert_cmd::Command::new(binary());
        command
            .current_dir(self.place.path())
            .args(&self.arguments)
            .env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = command
            .timeout(PATIENCE)
            .output()
            .expect("it runs to its end");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let text = |bytes| tidy(self.place.path(), &text(bytes));
        Finished {
            status: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Starts it as a host and waits until it is up.
    ///
    /// # Panics
    ///
    /// Panics if it has not been built, or does not come up.
    pub async fn serve(self) -> Serving {
        self.begin().up().await
    }

    /// Starts it as a host that is not up yet.
    ///
    /// # Panics
    ///
    /// Panics if it has not been built.
    pub fn begin(self) -> Serving {
        let mut command = if self.is_unprivileged {
            as_nobody(&self.place)
        } else if let Some(network) = &self.network {
            network.enclose(&binary(), &self.place)
        } else {
            Command::new(binary())
        };
        command
            .current_dir(self.place.path())
            .args(&self.arguments)
            .env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        Serving::begin(command, self.place)
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit status {:?}", self.status)?;
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                write!(f, "{name}:\n{stream}")?;
            }
        }
        Ok(())
    }
}

/// The binary as a command of an unprivileged user, who owns the place from here on.
fn as_nobody(place: &Place) -> Command {
    if !geteuid().is_root() {
        return Command::new(binary());
    }
    // The user may have no access to where it was built.
    let program = place.path().join("vitals");
    fs::hard_link(binary(), &program)
        .or_else(|_| fs::copy(binary(), &program).map(drop))
        .expect("the binary can be copied");
    for directory in [place.path(), &place.plugins(), &place.library()] {
        chown(directory, Some(NOBODY), Some(NOBODY)).expect("root can give it away");
    }
    let mut command = Command::new(program);
    command.uid(NOBODY).gid(NOBODY);
    command
}

/// The binary that was built with the tests, or the one that `VITALS_TEST_BIN` names.
///
/// # Panics
///
/// Panics if it has not been built.
pub fn binary() -> PathBuf {
    let path = guests::built("VITALS_TEST_BIN", "debug/vitals");
    let build = "cargo build -p vitals -p vitals-tests --bins";
    assert!(
        path.exists(),
        "there is no {}: run `cargo xtask test`, or `{build}`",
        path.display()
    );
    path
}

/// It may have to compile a component of 18 MB while other tests keep the processors busy.
const PATIENCE: Duration = Duration::from_mins(3);
/// The user and group `nobody` of most systems; any but root will do.
const NOBODY: u32 = 65534;

/// Overrides the library of the configuration.
const LIBRARY: &str = "VITALS_PLUGINS_LIBRARY";
