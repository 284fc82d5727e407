//! `cargo xtask mutants`: mutation testing of the sandbox with cargo-mutants.
//!
//! cargo-mutants changes one function or operator at a time, and expects a unit test or a hostile guest
//! to fail. `.cargo/mutants.toml` says which tests it runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::command::{cargo, command, run};
use crate::guests::{self, STEPS_FOR_TESTS};
use crate::install;
use crate::step::{Steps, note};
use crate::tests::with_fixtures;
use crate::workspace;

/// The files to change.
#[derive(Args)]
pub(crate) struct Mutants {
    /// Files or globs. The default, the whole sandbox, takes days.
    #[arg(default_value = "host/sandbox/src/**/*.rs")]
    files: Vec<String>,
    /// Options of cargo-mutants.
    #[arg(last = true)]
    args: Vec<OsString>,
}

impl Mutants {
    /// Installs cargo-mutants if it is missing, runs it, and writes a table of the survivors.
    pub(crate) fn run(&self) -> Result<()> {
        let mut steps = Steps::new(STEPS_FOR_TESTS + 2);
        guests::all_for_tests(&mut steps)?;
        let cargo_mutants = steps.step("cargo-mutants", || {
            install::cargo_tool("cargo-mutants", "27.1.0", &[])
        })?;
        steps.step("mutants", || {
            let output = workspace::target().join("mutants");
            // A separate build directory, so that no mutant is mistaken for the real build. It is
            // kept, so dependencies are compiled once; the last mutant is removed.
            let build = output.join("build");
            run(cargo("clean")
                .args(["--quiet", "-p", "vitals-sandbox", "--target-dir"])
                .arg(&build))?;
            let mut mutants = command(cargo_mutants);
            mutants.arg("mutants").arg("--output").arg(&output);
            for file in &self.files {
                mutants.args(["--file", file]);
            }
            with_fixtures(mutants.args(&self.args))
                .env("VITALS_TEST_BIN", build.join("debug/vitals"))
                .env("CARGO_TARGET_DIR", &build);
            let tested = run(&mut mutants);
            let table = output.join("survivors.md");
            fs::write(&table, survivors(&output.join("mutants.out"))?)
                .with_context(|| format!("cannot write {}", table.display()))?;
            note(&format!("written to {}", table.display()));
            tested
        })
    }
}

/// A table of the files with mutants: the number of noticed mutants, and the survivors.
fn survivors(results: &Path) -> Result<String> {
    let mut files: BTreeMap<String, (u32, Vec<String>)> = BTreeMap::new();
    // A test that hangs has noticed the mutant.
    for (list, is_noticed) in [("caught", true), ("timeout", true), ("missed", false)] {
        let list = results.join(format!("{list}.txt"));
        let lines =
            fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
        // Example: `host/sandbox/src/limiter.rs:42:5: replace grow -> bool with true`.
        for line in lines.lines() {
            let (file, mutant) = line.split_once(':').unwrap_or((line, ""));
            let (noticed, survivors) = files.entry(file.to_owned()).or_default();
            if is_noticed {
                *noticed += 1;
            } else {
                survivors.push(format!("`{}`", mutant.replace('|', "\\|")));
            }
        }
    }
    let mut table = String::from("| file | noticed | survived |\n|---|---:|---|\n");
    for (file, (noticed, survivors)) in files {
        writeln!(
            table,
            "| `{file}` | {noticed} | {} |",
            survivors.join("<br>")
        )?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_counts_noticed_mutants_and_lists_survivors() {
        let results = tempfile::tempdir().unwrap();
        let write = |name: &str, lines: &str| fs::write(results.path().join(name), lines).unwrap();
        write(
            "caught.txt",
            "a.rs:1:2: replace f with ()\nb.rs:3:4: replace > with <\n",
        );
        write("timeout.txt", "a.rs:5:6: replace g -> bool with true\n");
        write("missed.txt", "a.rs:7:8: replace || with && in g\n");
        assert_eq!(
            survivors(results.path()).unwrap(),
            "| file | noticed | survived |\n|---|---:|---|\n\
             | `a.rs` | 2 | `7:8: replace \\|\\| with && in g` |\n\
             | `b.rs` | 1 |  |\n"
        );
    }
}
