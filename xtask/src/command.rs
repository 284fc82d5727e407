//! Runs other programs to their end and passes their output through.
//!
//! The only place that starts processes and turns their exit statuses into errors.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::workspace;

/// A program that ended with a status other than 0. The task exits with the same status.
#[derive(Debug)]
pub(crate) struct Failed {
    command: String,
    status: Option<i32>,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.status {
            Some(status) => write!(f, "`{}` ended with exit status {status}", self.command),
            None => write!(f, "`{}` was killed by a signal", self.command),
        }
    }
}

impl std::error::Error for Failed {}

/// Makes a command that runs in the root of the repository.
///
/// It has no standard input, because no task may prompt. The variables that `cargo run` sets for this
/// package are removed: build scripts read them, so cargo would compile the same packages again for each
/// of a task and a terminal.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root()).stdin(Stdio::null());
    #[expect(
        clippy::disallowed_methods,
        reason = "their names are needed to remove them"
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

/// Prefixes of the variables that `cargo run` sets for the package that it runs.
const OF_THIS_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// Makes a `cargo` command with the toolchain that runs this program.
pub(crate) fn cargo(subcommand: &str) -> Command {
    let mut cargo = command("cargo");
    cargo.arg(subcommand);
    cargo
}

/// Runs a command to its end.
///
/// # Errors
///
/// The command cannot be started, or it fails: see [`Failed`].
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run `{}`", display(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failed {
            command: display(command),
            status: status.code(),
        }
        .into())
    }
}

/// Whether a command can be started and succeeds. Its output is dropped.
pub(crate) fn succeeds(program: &str, args: &[&str]) -> bool {
    command(program)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a program and returns its standard output without the last line break, or `None` if the program
/// does not exist.
///
/// # Errors
///
/// The program fails, or it exists and cannot be started.
pub(crate) fn output(program: &str, args: &[&str]) -> Result<Option<String>> {
    output_of(command(program).args(args))
        .map(Some)
        .or_else(|error| {
            let cause = error.downcast_ref::<io::Error>();
            let is_absent = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound);
            if is_absent { Ok(None) } else { Err(error) }
        })
}

/// Runs a command and returns its standard output without the last line break.
///
/// # Errors
///
/// The command cannot be started, or it fails: see [`Failed`].
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run `{}`", display(command)))?;
    if !output.status.success() {
        return Err(Failed {
            command: display(command),
            status: output.status.code(),
        }
        .into());
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// The exit code for `error`: that of the program that failed, or 1.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    error
        .downcast_ref::<Failed>()
        .and_then(|failed| u8::try_from(failed.status?).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

/// A command as typed in a shell, cut after [`MAX_WORDS`] words.
fn display(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    match words.get(..MAX_WORDS) {
        Some(first) => format!("{} …", first.join(" ")),
        None => words.join(" "),
    }
}

const MAX_WORDS: usize = 40;

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
    fn a_command_has_no_variables_of_this_package() {
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
