//! Programs that have to be installed for a test, which says so in `tests/needs.txt`: `cargo xtask test`
//! installs them for the tests that it runs, and `--quick` leaves those tests out.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

/// A command of a program that comes with `need`.
///
/// # Panics
///
/// The running test does not say that it needs that.
pub fn installed(need: &str, program: impl AsRef<OsStr>) -> Command {
    hold_to_need(need);
    Command::new(program)
}

/// A file that comes with `need`, by its path in `target/tools/<need>`.
///
/// # Panics
///
/// The running test does not say that it needs that, or it is not installed.
pub fn tool(need: &str, file: &str) -> PathBuf {
    hold_to_need(need);
    let path = root().join("target/tools").join(need).join(file);
    assert!(path.exists(), "there is no {}: {HINT}", path.display());
    path
}

/// Holds the running test to what it says that it needs. What runs outside of a test says nothing.
///
/// # Panics
///
/// The running test does not say that it needs this.
pub fn hold_to_need(need: &str) {
    // libtest calls the thread of a test by the test's full name.
    let thread = thread::current();
    let test = thread.name().unwrap_or_default();
    assert!(
        !test.contains("::") || is_said(NEEDS, test, need),
        "`{test}` uses `{need}`: add it to the line of that test, or of its module, in tests/needs.txt"
    );
}

/// Runs a command to its end, with a text to read.
///
/// # Panics
///
/// It can't be run.
pub fn fed(command: &mut Command, input: &str) -> Output {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| cannot_run(command, &error));
    let mut stdin = child.stdin.take().expect("it is piped");
    // It may have ended already, without reading.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// Ends a test that can't run a program.
pub(crate) fn cannot_run(command: &Command, error: &io::Error) -> ! {
    let program = command.get_program().display();
    panic!("cannot run `{program}`: {error}; {HINT}")
}

/// Whether one of the lines that are about a test names a need.
fn is_said(lines: &str, test: &str, need: &str) -> bool {
    let about = |line: &&str| {
        let (tests, _) = line.split_once(": ").unwrap_or_default();
        let rest = test.strip_prefix(tests);
        !tests.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let mut lines = lines.lines().filter(about);
    lines.any(|line| line.split_whitespace().skip(1).any(|word| word == need))
}

/// The root of the repository.
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
    fn a_test_says_what_it_needs_by_its_name_or_its_module() {
        let lines = "# a: nsd\na::b: nsd strace\na::c::one: nsd\n";
        for (test, need, said) in [
            ("a::b::x", "strace", true),
            ("a::b::x", "systemd", false),
            ("a::c::one", "nsd", true),
            ("a::c::one_more", "nsd", false),
            ("a::x", "nsd", false),
        ] {
            assert_eq!(is_said(lines, test, need), said, "{test} {need}");
        }
    }

    #[test]
    #[should_panic(expected = "uses `nsd`: add it to the line of that test")]
    fn a_test_that_does_not_say_what_it_needs_fails() {
        installed("nsd", "nsd");
    }
}
