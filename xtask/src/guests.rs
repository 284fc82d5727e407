//! Builds the guests in Rust, the first-party plugins and the guests of the tests, and copies them to
//! the directories in which the host and the tests expect them.
//!
//! Each task builds its guests in one call of cargo. Unchanged files are not written again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{cargo, run};
use crate::install::{self, TARGET};
use crate::scripts;
use crate::step::Steps;
use crate::workspace;

/// The package whose examples are the guests of the tests.
pub(crate) const TEST_GUESTS: &str = "vitals-test-guests";

/// The number of steps of [`all_for_tests`].
pub(crate) const STEPS_FOR_TESTS: u32 = 3;

/// The example check for users, in a workspace of its own.
pub(crate) const EXAMPLE_MANIFEST: &str = "examples/check/Cargo.toml";

/// The name of the example check among the guests of the tests.
const EXAMPLE_GUEST: &str = "example-clock";

/// The directory of the built plugins, one `<code>.wasm` each.
pub(crate) fn plugins_dir() -> PathBuf {
    workspace::target().join("plugins")
}

/// The directory of the built guests of the tests, one `<name>.wasm` each.
pub(crate) fn test_guests_dir() -> PathBuf {
    workspace::target().join("test-guests")
}

/// Builds the first-party plugins, in two steps.
pub(crate) fn plugins(steps: &mut Steps) -> Result<()> {
    steps.step("the wasm32-wasip2 target", install::guest_target)?;
    steps.step("plugins", || {
        build(Examples::None)?;
        copy_plugins()
    })
}

/// Builds the plugins and one guest of the tests, in two steps. Returns the file of that guest.
pub(crate) fn plugins_and_one(steps: &mut Steps, guest: &str) -> Result<PathBuf> {
    steps.step("the wasm32-wasip2 target", install::guest_target)?;
    steps.step("plugins", || {
        build(Examples::One(guest))?;
        copy_plugins()?;
        Ok(built_example(guest))
    })
}

/// Builds the plugins and all Rust guests of the tests, in [`STEPS_FOR_TESTS`] steps.
pub(crate) fn all_for_tests(steps: &mut Steps) -> Result<()> {
    steps.step("the wasm32-wasip2 target", install::guest_target)?;
    steps.step("plugins and Rust test guests", || {
        build(Examples::All)?;
        copy_plugins()?;
        for name in test_guests()? {
            workspace::copy_if_changed(&built_example(&name), &file_in(&test_guests_dir(), &name))?;
        }
        Ok(())
    })?;
    steps.step("the example check, built as its README says", || {
        run(cargo("build")
            .args(["--manifest-path", EXAMPLE_MANIFEST, "--release"])
            .args(["--target", TARGET, "--target-dir"])
            .arg(example_build_dir()))?;
        let built = example_build_dir().join(TARGET).join("release/clock.wasm");
        workspace::copy_if_changed(&built, &file_in(&test_guests_dir(), EXAMPLE_GUEST))
    })?;
    let others = scripts::GUESTS.iter().map(|guest| guest.name);
    let mut names = test_guests()?;
    names.extend(others.chain([EXAMPLE_GUEST]).map(str::to_owned));
    remove_stale(&test_guests_dir(), &names)
}

/// The packages of all plugins.
pub(crate) fn plugin_packages() -> Result<Vec<String>> {
    Ok(plugin_codes()?
        .iter()
        .map(|code| format!("vitals-plugin-{code}"))
        .collect())
}

/// The examples of [`TEST_GUESTS`] to build.
#[derive(Clone, Copy)]
enum Examples<'a> {
    None,
    One(&'a str),
    All,
}

fn build(examples: Examples<'_>) -> Result<()> {
    let mut build = cargo("build");
    build
        .args(["--profile", "guest", "--target", TARGET, "--target-dir"])
        .arg(build_dir())
        .arg("--lib");
    for package in plugin_packages()? {
        build.args(["-p", &package]);
    }
    match examples {
        Examples::None => &mut build,
        Examples::One(name) => build.args(["-p", TEST_GUESTS, "--example", name]),
        Examples::All => build.args(["-p", TEST_GUESTS, "--examples"]),
    };
    run(&mut build)
}

fn copy_plugins() -> Result<()> {
    let codes = plugin_codes()?;
    for code in &codes {
        let built = artifacts().join(format!("{}.wasm", code.replace('-', "_")));
        workspace::copy_if_changed(&built, &file_in(&plugins_dir(), code))?;
    }
    remove_stale(&plugins_dir(), &codes)
}

/// Removes guests whose sources no longer exist, so that no test uses them.
fn remove_stale(directory: &Path, names: &BTreeSet<String>) -> Result<()> {
    for file in workspace::files_with_extension(directory, "wasm")? {
        if !file
            .file_stem()
            .and_then(|stem| stem.to_str())
            .is_some_and(|stem| names.contains(stem))
        {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    Ok(())
}

/// The codes of the plugins, which are the names of their directories.
fn plugin_codes() -> Result<BTreeSet<String>> {
    let directory = workspace::root().join("plugins");
    let read = || format!("cannot read {}", directory.display());
    let mut codes = BTreeSet::new();
    for entry in fs::read_dir(&directory).with_context(read)? {
        let entry = entry.with_context(read)?;
        if entry.path().join("Cargo.toml").exists() {
            codes.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(codes)
}

/// The names of the Rust guests of the tests, taken from their source files.
fn test_guests() -> Result<BTreeSet<String>> {
    let sources =
        workspace::files_with_extension(&workspace::root().join("tests/guests/examples"), "rs")?;
    Ok(sources
        .iter()
        .filter_map(|source| Some(source.file_stem()?.to_str()?.to_owned()))
        .collect())
}

fn built_example(name: &str) -> PathBuf {
    artifacts()
        .join("examples")
        .join(format!("{}.wasm", name.replace('-', "_")))
}

fn file_in(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.wasm"))
}

/// The target directory of guests, separate so that their build never waits for that of the host.
pub(crate) fn build_dir() -> PathBuf {
    workspace::target().join("guests")
}

/// The target directory of [`EXAMPLE_MANIFEST`], which has profiles of its own.
pub(crate) fn example_build_dir() -> PathBuf {
    workspace::target().join("examples")
}

fn artifacts() -> PathBuf {
    build_dir().join(TARGET).join("guest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugins_are_found_by_their_directories() {
        let codes = plugin_codes().unwrap();
        assert!(codes.contains("http") && codes.contains("tcp"), "{codes:?}");
        assert!(
            plugin_packages()
                .unwrap()
                .contains(&"vitals-plugin-http".to_owned())
        );
    }

    #[test]
    fn every_test_guest_is_declared_in_the_manifest() {
        let manifest =
            fs::read_to_string(workspace::root().join("tests/guests/Cargo.toml")).unwrap();
        for name in test_guests().unwrap() {
            let declaration =
                format!("[[example]]\nname = \"{name}\"\ncrate-type = [\"cdylib\"]\n");
            assert!(
                manifest.contains(&declaration),
                "tests/guests/Cargo.toml lacks:\n{declaration}"
            );
        }
    }

    #[test]
    fn stale_guests_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["kept.wasm", "gone.wasm", "note.txt"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        remove_stale(directory.path(), &BTreeSet::from(["kept".to_owned()])).unwrap();
        let mut left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["kept.wasm", "note.txt"]);
    }
}
