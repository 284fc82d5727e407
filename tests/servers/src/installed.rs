//! Programs that must be installed for a test, which declares them in `tests/needs.txt`.
//! `cargo xtask test` installs them for the selected tests; `--quick` skips those tests.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

/// Returns a command for a program of the package `need`.
///
/// # Panics
///
/// Panics if the running test does not declare the need.
pub fn installed(need: &str, program: impl AsRef<OsStr>) -> Command {
    check_need(need);
    Command::new(program)
}

/// Returns the path of a file of `need`, relative to `target/tools/<need>`.
///
/// # Panics
///
/// Panics if the running test does not declare the need, or if the file is not installed.
pub fn tool(need: &str, file: &str) -> PathBuf {
    check_need(need);
    let path = root().join("target/tools").join(need).join(file);
    assert!(path.exists(), "there is no {}: {HINT}", path.display());
    path
}

/// Checks that the running test declares its need. Code that runs outside a test is not checked.
///
/// # Panics
///
/// Panics if the running test does not declare the need.
pub fn check_need(need: &str) {
    // libtest names the thread of a test by the test's full path.
    let thread = thread::current();
    let test = thread.name().unwrap_or_default();
    assert!(
        !test.contains("::") || is_declared(NEEDS, test, need),
        "`{test}` uses `{need}`: add it to the line of that test, or of its module, in tests/needs.txt"
    );
}

/// Runs a command to its end, with `input` as standard input.
///
/// # Panics
///
/// Panics if it cannot be run.
pub fn run_with_input(command: &mut Command, input: &str) -> Output {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| cannot_run(command, &error));
    let mut stdin = child.stdin.take().expect("it is piped");
    // It may have ended without reading its input.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// Fails a test that cannot run a program.
pub(crate) fn cannot_run(command: &Command, error: &io::Error) -> ! {
    let program = command.get_program().display();
    panic!("cannot run `{program}`: {error}; {HINT}")
}

/// Returns whether one of the lines for a test declares a need.
fn is_declared(lines: &str, test: &str, need: &str) -> bool {
    let about = |line: &&str| {
        let (tests, _) = line.split_once(": ").unwrap_or_default();
        let rest = test.strip_prefix(tests);
        !tests.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let mut lines = lines.lines().filter(about);
    lines.any(|line| line.split_whitespace().skip(1).any(|word| word == need))
}

/// Returns the root of the repository.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.ancestors().nth(2);
    root.expect("the package stands in `tests`")
}

const NEEDS: &str = include_str!("../../needs.txt");
const HINT: &str = "`cargo xtask test NAME` installs what a test needs, on Debian as root";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_declared_by_test_or_module() {
        let lines = "# a: nsd\na::b: nsd strace\na::c::one: nsd\n";
        for (test, need, expected) in [
            ("a::b::x", "strace", true),
            ("a::b::x", "systemd", false),
            ("a::c::one", "nsd", true),
            ("a::c::one_more", "nsd", false),
            ("a::x", "nsd", false),
        ] {
            assert_eq!(is_declared(lines, test, need), expected, "{test} {need}");
        }
    }

    #[test]
    #[should_panic(expected = "uses `nsd`: add it to the line of that test")]
    fn a_test_without_a_declared_need_fails() {
        installed("nsd", "nsd");
    }
}
