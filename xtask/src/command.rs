//! Other programs, run to their end with their output passed through.
//!
//! The one place that starts a process and turns its exit status into an error.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::workspace;

/// A program that ended with a status other than 0; the verb ends with the same.
#[derive(Debug)]
pub(crate) struct Failed {
    command: String,
    status: Option<i32>,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.status {
            Some(status) => write!(f, "`{}` ended with exit status {status}", self.command),
            None => write!(f, "`{}` was ended by a signal", self.command),
        }
    }
}

impl std::error::Error for Failed {}

/// Makes a command that runs in the root of the repository.
///
/// It has no standard input: nothing here may ask a question. What `cargo run` tells this program
/// of its own package is kept from it: build scripts look at these variables, and a cargo that is
/// started from here would compile again what one in a terminal has compiled, and the other way
/// round.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root()).stdin(Stdio::null());
    #[expect(
        clippy::disallowed_methods,
        reason = "their names are needed, to take them away"
    )]
    let variables = std::env::vars_os();
    for (name, _) in variables {
        let known = name.to_string_lossy();
        if OF_THIS_PACKAGE
            .iter()
            .any(|prefix| known.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// How the variables begin that `cargo run` sets for the package it runs.
const OF_THIS_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// Makes a `cargo` command; the toolchain is the one that runs this program.
pub(crate) fn cargo(verb: &str) -> Command {
    let mut cargo = command("cargo");
    cargo.arg(verb);
    cargo
}

/// Runs a command to its end.
///
/// # Errors
///
/// It can't be started, or it fails: see [`Failed`].
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run `{}`", shown(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failed {
            command: shown(command),
            status: status.code(),
        }
        .into())
    }
}

/// Tells whether a command can be started and succeeds; its output is dropped.
pub(crate) fn succeeds(program: &str, args: &[&str]) -> bool {
    command(program)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a program and answers what it wrote to standard output, without the last line break; nothing
/// where there is no such program.
///
/// # Errors
///
/// It fails, or can't be started for another reason than that it does not exist.
pub(crate) fn output(program: &str, args: &[&str]) -> Result<Option<String>> {
    output_of(command(program).args(args))
        .map(Some)
        .or_else(|error| {
            let cause = error.downcast_ref::<io::Error>();
            let is_absent = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound);
            if is_absent { Ok(None) } else { Err(error) }
        })
}

/// Runs a command and answers what it wrote to standard output, without the last line break.
///
/// # Errors
///
/// It can't be started, or it fails: see [`Failed`].
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !output.status.success() {
        return Err(Failed {
            command: shown(command),
            status: output.status.code(),
        }
        .into());
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// The exit code of a verb that ended with `error`: that of the program that failed, else 1.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    error
        .downcast_ref::<Failed>()
        .and_then(|failed| u8::try_from(failed.status?).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

/// A command as a person would type it, but for what would fill a screen.
fn shown(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    match words.get(..MOST_WORDS) {
        Some(first) => format!("{} …", first.join(" ")),
        None => words.join(" "),
    }
}

const MOST_WORDS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let error = run(command("sh").args(["-c", "exit 7"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 7` ended with exit status 7");
        assert_eq!(
            error
                .downcast_ref::<Failed>()
                .and_then(|failed| failed.status),
            Some(7)
        );
    }

    #[test]
    fn a_command_does_not_hear_of_this_package() {
        // Cargo sets them for tests as it does for programs.
        let environment = output("env", &[]).unwrap().unwrap();
        assert!(!environment.contains("CARGO_PKG_NAME="), "{environment}");
        assert!(
            !environment.contains("CARGO_MANIFEST_DIR="),
            "{environment}"
        );
        assert!(environment.contains("PATH="), "{environment}");
    }

    #[test]
    fn a_program_that_does_not_exist_has_no_output() {
        assert_eq!(output("vitals-no-such-program", &[]).unwrap(), None);
        assert_eq!(output("echo", &["here"]).unwrap().as_deref(), Some("here"));
        assert!(!succeeds("vitals-no-such-program", &[]));
    }
}
