//! A shell that runs the commands of a document.

use std::path::PathBuf;
use std::process::{Command, Output};

use vitals_host::config::VARIABLES;

use crate::vitals::binary;

/// A shell in a directory. `vitals` is in its path; the variables of this process's package and those of a
/// host are not in its environment.
#[derive(Clone, Debug)]
pub struct Shell {
    directory: PathBuf,
    cache: PathBuf,
}

impl Shell {
    /// A shell in `directory`, with `cache` for compiled code.
    pub fn new(directory: impl Into<PathBuf>, cache: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            cache: cache.into(),
        }
    }

    /// The same shell after `cd directory`.
    #[must_use]
    pub fn within(&self, directory: &str) -> Self {
        Self::new(self.directory.join(directory), &self.cache)
    }

    /// Its directory.
    pub fn directory(&self) -> &PathBuf {
        &self.directory
    }

    /// Runs a command line.
    ///
    /// # Panics
    ///
    /// Panics if there is no shell, or no binary `vitals`.
    pub fn run(&self, line: &str) -> Output {
        let binary = binary();
        let programs = binary.parent().expect("a file is in a directory");
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("PATH=\"$1:$PATH\"\n{line}"))
            .arg("sh")
            .arg(programs)
            .current_dir(&self.directory)
            .env("XDG_CACHE_HOME", &self.cache);
        for variable in OF_THIS_PACKAGE {
            shell.env_remove(variable);
        }
        for variable in VARIABLES {
            shell.env_remove(variable.name);
        }
        shell.output().expect("there is a shell")
    }

    /// Runs a command line that must succeed, and returns its output.
    ///
    /// # Panics
    ///
    /// Panics if its exit status is not 0.
    pub fn succeed(&self, line: &str) -> String {
        let output = self.run(line);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "`{line}`: {}\n{}{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }
}

const OF_THIS_PACKAGE: [&str; 3] = [
    "CARGO_TARGET_DIR",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
];
