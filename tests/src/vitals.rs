//! The binary `vitals`, run as a user runs it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::geteuid;

use crate::enclosed_network::EnclosedNetwork;
use crate::guests;
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

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The exit status; nothing where a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Vitals {
    /// A command line with these arguments. It runs in a temporary directory with an empty
    /// `plugins`; there is nothing in its environment but where compiled code is kept.
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
        self.place
            .write(&format!("plugins/{name}.wasm"), guest.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Serves as a user whom permissions hold up, also where the tests run as one whom they do not.
    #[must_use]
    pub fn unprivileged(mut self) -> Self {
        self.is_unprivileged = true;
        let cache = self.place.path().join("cache");
        self.variables.push(("XDG_CACHE_HOME".into(), cache.into()));
        self
    }

    /// Serves in a network of its own. Unless it shares the machine's it is not reached from outside, and
    /// its log alone tells what it finds.
    #[must_use]
    pub fn enclosed(mut self, network: EnclosedNetwork) -> Self {
        self.network = Some(network);
        self.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    }

    /// Its directory.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Runs it to its end.
    ///
    /// # Panics
    ///
    /// It has not been built, or takes longer than three minutes.
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
    /// It has not been built, or does not come up.
    pub async fn serve(self) -> Serving {
        self.begin().up().await
    }

    /// Starts it as a host that is not up yet.
    ///
    /// # Panics
    ///
    /// It has not been built.
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

/// The binary as a command of somebody without privileges, to whom the place belongs from here on.
fn as_nobody(place: &Place) -> Command {
    if !geteuid().is_root() {
        return Command::new(binary());
    }
    // Where it was built others may have no access.
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
/// It has not been built.
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

/// A component of 18 MB may be compiled in it, while other tests keep the processors busy.
const PATIENCE: Duration = Duration::from_mins(3);
/// The user and group `nobody` of most systems; any but root will do.
const NOBODY: u32 = 65534;

/// Names the library above what the configuration says.
const LIBRARY: &str = "VITALS_PLUGINS_LIBRARY";
