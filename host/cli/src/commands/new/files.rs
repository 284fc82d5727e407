//! What `vitals new` writes: the templates under another name, and with them what is not published yet, the
//! SDK or the contract, in the versions that this binary was made of.

use std::path::PathBuf;

use include_dir::{Dir, include_dir};

use super::manifest;

/// A file of the new check.
pub(super) struct File {
    /// Within its directory.
    pub(super) path: PathBuf,
    pub(super) contents: Vec<u8>,
}

/// A check in Rust, with the SDK beside it.
pub(super) fn rust(name: &str) -> Result<Vec<File>, toml::de::Error> {
    let mut files = renamed(&RUST, name);
    files.push(File::new("Cargo.lock", lock(name)));
    let crates = manifest::Workspace::of(WORKSPACE)?;
    // The manifest of the SDK, standing alone, names what it depends on by a path within its directory.
    for (vendored, directory) in [(&SDK, "vitals-sdk"), (&VALUES, "vitals-sdk/values")] {
        for file in all(vendored) {
            let within = file.path().to_string_lossy();
            // Its own tests need what a check does not.
            if within.starts_with("tests/") {
                continue;
            }
            let path = format!("vendor/{directory}/{within}");
            files.push(match file.contents_utf8() {
                Some(text) if within.ends_with("Cargo.toml") => {
                    File::new(path, crates.standing_alone(text)?)
                }
                _ => File::new(path, file.contents()),
            });
        }
    }
    Ok(files)
}

/// A check in JavaScript, with the contract, for the tool that the tests use.
pub(super) fn js(name: &str) -> Vec<File> {
    let mut files = renamed(&JS, name);
    files.push(File::new("wit/health.wit", CONTRACT));
    // The lock is of the package beside it, which has the same tool and another name.
    let locked = NPM_LOCK.replace("\"name\": \"quota\"", &format!("\"name\": \"{name}\""));
    files.push(File::new("package-lock.json", locked));
    files
}

/// A check in Python, with the contract, for the tool that the tests use.
pub(super) fn python(name: &str) -> Vec<File> {
    let mut files = renamed(&PYTHON, name);
    files.push(File::new("wit/health.wit", CONTRACT));
    files.push(File::new("requirements.txt", REQUIREMENTS));
    files
}

/// Whether the crates that a check in Rust depends on have one of that name.
pub(super) fn depends_on(name: &str) -> bool {
    LOCK.contains(&format!("\nname = \"{name}\"\n"))
}

impl File {
    fn new(path: impl Into<PathBuf>, contents: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            contents: contents.into(),
        }
    }
}

/// The files of a template; what it is called in there, the check is called from here on.
fn renamed(template: &Dir<'_>, name: &str) -> Vec<File> {
    let files = all(template).into_iter().map(|file| {
        let text = file.contents_utf8().expect("templates are texts");
        let text = text
            .replace("my-check", name)
            .replace("my_check", &name.replace('-', "_"));
        File::new(file.path(), text)
    });
    files.collect()
}

/// The files in a directory and in those below.
fn all<'a>(directory: &'a Dir<'a>) -> Vec<&'a include_dir::File<'a>> {
    let mut files: Vec<_> = directory.files().collect();
    files.extend(directory.dirs().flat_map(all));
    files
}

/// The versions that the example is locked to, which depends on the SDK alone as well, in cargo's order.
fn lock(name: &str) -> String {
    let mut parts = LOCK.split("\n[[package]]\n");
    let head = parts.next().unwrap_or_default();
    let mut packages: Vec<_> = parts
        .map(|package| {
            package
                .trim_end()
                .replace("name = \"clock\"", &format!("name = \"{name}\""))
        })
        .collect();
    packages.sort();
    let packages = packages
        .iter()
        .map(|package| format!("\n[[package]]\n{package}\n"));
    format!("{head}{}", packages.collect::<String>())
}

static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/rust");
static JS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/js");
static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/python");
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk");
static VALUES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../values");
const WORKSPACE: &str = include_str!("../../../../../Cargo.toml");
const LOCK: &str = include_str!("../../../../../examples/check/Cargo.lock");
const CONTRACT: &str = include_str!("../../../../../wit/health.wit");
const NPM_LOCK: &str = include_str!("../../../../../tests/script-guests/js/package-lock.json");
const REQUIREMENTS: &str =
    include_str!("../../../../../tests/script-guests/python/requirements.txt");
