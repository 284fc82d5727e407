//! Hosts that are one limit short: built from a copy of the sources, each let loose on by the whole
//! zoo, to see who notices.
//!
//! What was seen is kept in `target/short`, so that the work can be done in pieces.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::limits::{LIMITS, Limit, NOTHING};
use crate::command::{cargo, command, output, run};
use crate::guests::TEST_GUESTS;
use crate::step::{self, Steps};
use crate::tests::with_fixtures;
use crate::workspace;

/// How many steps [`run_all`] counts for so many names.
pub(super) fn steps(names: &[String]) -> u32 {
    let limits = if names.is_empty() {
        LIMITS.len()
    } else {
        names.len()
    };
    2 * u32::try_from(limits).unwrap_or(u32::MAX / 4)
}

/// Builds a host without each of the limits that are named, all of them if none is, and writes down
/// which animals turned red. Where all are asked for, those whose result is there are left out.
pub(super) fn run_all(steps: &mut Steps, names: &[String]) -> Result<()> {
    for name in names {
        let is_known = LIMITS.iter().any(|limit| limit.name == name);
        ensure!(is_known, "there is no limit `{name}`: {}", known());
    }
    fs::create_dir_all(directory()).context("cannot make target/short")?;
    for limit in LIMITS {
        let is_wanted = names.iter().any(|name| name == limit.name);
        let is_left = names.is_empty() && red(limit).is_none();
        if !is_wanted && !is_left {
            continue;
        }
        steps.step(&format!("a host without `{}`", limit.name), || build(limit))?;
        steps.step(&format!("the zoo, without `{}`", limit.name), || {
            visit(limit)
        })?;
        write_page()?;
    }
    let unnoticed: Vec<_> = LIMITS
        .iter()
        .filter(|limit| red(limit).is_some_and(|red| red.is_empty() != (limit.name == NOTHING)))
        .map(|limit| limit.name)
        .collect();
    if !unnoticed.is_empty() {
        bail!(
            "nobody noticed that these were missing: {}",
            unnoticed.join(", ")
        );
    }
    Ok(())
}

/// Makes the copy of the sources be that of a host without the limit, and builds it.
///
/// Its crates have a profile of their own, so that what is built here is never taken for what the
/// real sources make; what they depend on is shared.
fn build(limit: &Limit) -> Result<()> {
    let files = output(
        "git",
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    )?;
    let files = files.context("there is no `git`, which tells what the sources are")?;
    for file in files.lines() {
        let from = workspace::root().join(file);
        // One that was removed and not yet committed is listed too.
        let Ok(mut content) = fs::read(&from) else {
            continue;
        };
        for edit in limit.edits.iter().filter(|edit| edit.file == file) {
            let source = String::from_utf8(content).context("a source is no text")?;
            ensure!(
                source.matches(edit.is).count() == 1,
                "`{}` does not stand in {file} exactly once",
                edit.is
            );
            content = source.replace(edit.is, edit.becomes).into_bytes();
        }
        // Only what differs: cargo tells by the times of files what to build.
        workspace::write_if_changed(&tree().join(file), &content)?;
    }
    let mut build = cargo("build");
    build
        .current_dir(tree())
        .args(["--workspace", "--exclude", TEST_GUESTS, "--bin", "vitals"])
        .args([
            "--config",
            "profile.dev.package.vitals-host.codegen-units=255",
        ])
        .args(["--config", "build.warnings='allow'"])
        .env("CARGO_BUILD_BUILD_DIR", workspace::target())
        .env("CARGO_TARGET_DIR", directory().join("out"));
    run(&mut build)
}

/// Lets the zoo loose on the host that was built last, and keeps the names of who turned red.
fn visit(limit: &Limit) -> Result<()> {
    let mut zoo = command(workspace::target().join("debug/vitals-zoo"));
    let file = kept(limit);
    // Written at the end, so that one that was broken off leaves nothing.
    let unfinished = file.with_extension("unfinished");
    zoo.arg("--hasty").arg("--red").arg(&unfinished);
    with_fixtures(&mut zoo).env("VITALS_TEST_BIN", directory().join("out/debug/vitals"));
    let seen = ended(&mut zoo)?;
    fs::rename(&unfinished, &file).with_context(|| format!("the zoo ended with {seen:?}"))?;
    let red = red(limit).unwrap_or_default();
    step::note(&format!("{} turned red", red.len()));
    Ok(())
}

/// Runs it quietly: what is red here is not told as an error.
fn ended(zoo: &mut Command) -> Result<Option<i32>> {
    let status = zoo
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    Ok(status.context("cannot run vitals-zoo")?.code())
}

/// Who turned red without the limit, if that is known.
fn red(limit: &Limit) -> Option<Vec<String>> {
    let names = fs::read_to_string(kept(limit)).ok()?;
    Some(names.lines().map(str::to_owned).collect())
}

fn write_page() -> Result<()> {
    let mut page = String::from(HEAD);
    for limit in LIMITS {
        let (name, without) = (limit.name, limit.without);
        let noticed = red(limit).map_or_else(|| NOT_TRIED.to_owned(), |red| shown(&red));
        writeln!(page, "| {name} | {without} | {noticed} |")?;
    }
    workspace::write_if_changed(&super::short_page(), page.as_bytes())
}

/// The first of those who turned red, and how many more there are.
fn shown(red: &[String]) -> String {
    let mut shown: Vec<_> = red.iter().take(SHOWN).map(String::as_str).collect();
    let more = format!("{} more", red.len().saturating_sub(SHOWN));
    if red.len() > SHOWN {
        shown.push(&more);
    }
    match shown[..] {
        [] => NOBODY.to_owned(),
        _ => shown.join(", "),
    }
}

fn known() -> String {
    let names: Vec<_> = LIMITS.iter().map(|limit| limit.name).collect();
    names.join(", ")
}

fn kept(limit: &Limit) -> PathBuf {
    directory().join(format!("{}.red", limit.name))
}

fn directory() -> PathBuf {
    workspace::target().join("short")
}

fn tree() -> PathBuf {
    directory().join("tree")
}

/// What the page says of a limit that was not taken out yet, and of one that nobody misses.
const NOT_TRIED: &str = "(not tried yet)";
const NOBODY: &str = "nobody";
/// How many animals a row of the page names.
const SHOWN: usize = 6;
const HEAD: &str = "# The zoo, one limit short

What is not enforced anywhere is found by nobody. So each limit was taken out of the host, one at a
time, and the whole zoo was let loose on what was left: these guests turned red. A name in brackets is
that of a group whose host was no longer what it was, or that was given up after three guests of which
nothing came. On a machine that does other work meanwhile, as most rows here had, a few names stand beside
the true ones whose time merely ran out. This page is written by `cargo xtask zoo --short`; a test proves
that each limit still stands in the sources where it was taken out.

| limit | without it | turned red |
|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_docs_has_every_limit_and_who_notices() {
        let page = fs::read_to_string(super::super::short_page()).unwrap();
        for limit in LIMITS {
            let row = format!("| {} | {} | ", limit.name, limit.without);
            let row = page
                .lines()
                .find_map(|line| line.strip_prefix(row.as_str()));
            let seen = row.unwrap_or_else(|| panic!("`{}` is not on the page", limit.name));
            let is_unnoticed = seen == format!("{NOBODY} |");
            assert_eq!(
                is_unnoticed,
                limit.name == NOTHING,
                "who notices that `{}` is missing: {seen}",
                limit.name
            );
        }
        let rows = page.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows, LIMITS.len() + 1, "there is a row of no limit");
    }
}
