//! The files that `vitals new` writes: a template under the name of the check, and copies of what
//! is not published yet, the SDK or the contract.
//!
//! Everything is part of this package: `vendor` links to the files of the repository, and `cargo
//! package` follows the links. A manifest is called `manifest.toml` in here, because `cargo
//! package` leaves out directories that have a `Cargo.toml`.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::manifest::Workspace;

/// A file of the new check.
pub(super) struct File {
    /// The path within the directory of the check.
    pub(super) path: PathBuf,
    pub(super) contents: Vec<u8>,
}

/// Makes the files of a check in Rust, with a copy of the SDK.
pub(super) fn rust(name: &str) -> Result<Vec<File>, toml::de::Error> {
    let mut files = from_template(&RUST, name);
    files.push(File::new("Cargo.lock", cargo_lock(name)));
    let workspace = Workspace::parse(WORKSPACE)?;
    for file in all_files(&SDK) {
        let path = Path::new("vendor/vitals-sdk").join(file.path());
        files.push(match (file.contents_utf8(), manifest_path(&path)) {
            (Some(text), Some(path)) => File::new(path, workspace.standalone(text)?),
            _ => File::new(path, file.contents()),
        });
    }
    Ok(files)
}

/// Makes the files of a check in JavaScript, with the contract and the versions that the tests use.
pub(super) fn js(name: &str) -> Vec<File> {
    let mut files = from_template(&JS, name);
    files.push(File::new("wit/health.wit", CONTRACT));
    // The lock file is that of a package with another name and the same tools.
    let lock = NPM_LOCK.replace("\"name\": \"quota\"", &format!("\"name\": \"{name}\""));
    files.push(File::new("package-lock.json", lock));
    files
}

/// Makes the files of a check in Python, with the contract and the versions that the tests use.
pub(super) fn python(name: &str) -> Vec<File> {
    let mut files = from_template(&PYTHON, name);
    files.push(File::new("wit/health.wit", CONTRACT));
    files.push(File::new("requirements.txt", REQUIREMENTS));
    files
}

/// Whether a check in Rust depends on a crate with this name.
pub(super) fn depends_on(name: &str) -> bool {
    CARGO_LOCK.contains(&format!("\nname = \"{name}\"\n"))
}

impl File {
    fn new(path: impl Into<PathBuf>, contents: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            contents: contents.into(),
        }
    }
}

/// Makes the files of a template, in which `my-check` becomes the name of the check.
fn from_template(template: &Dir<'_>, name: &str) -> Vec<File> {
    let files = all_files(template).into_iter().map(|file| {
        let text = file.contents_utf8().expect("templates are UTF-8");
        let text = text
            .replace("my-check", name)
            .replace("my_check", &name.replace('-', "_"));
        let path = manifest_path(file.path());
        File::new(path.unwrap_or_else(|| file.path().to_owned()), text)
    });
    files.collect()
}

/// The path of a `Cargo.toml` that is called `manifest.toml` in this package.
fn manifest_path(path: &Path) -> Option<PathBuf> {
    let is_manifest = path.file_name() == Some("manifest.toml".as_ref());
    is_manifest.then(|| path.with_file_name("Cargo.toml"))
}

/// All files in a directory and its subdirectories.
fn all_files<'a>(directory: &'a Dir<'a>) -> Vec<&'a include_dir::File<'a>> {
    let mut files: Vec<_> = directory.files().collect();
    files.extend(directory.dirs().flat_map(all_files));
    files
}

/// Makes a lock file with the versions of an example, which has the same dependencies. Packages are
/// in the order of cargo.
fn cargo_lock(name: &str) -> String {
    let mut parts = CARGO_LOCK.split("\n[[package]]\n");
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
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/vendor/vitals-sdk");
const WORKSPACE: &str = include_str!("../../../vendor/workspace.toml");
const CARGO_LOCK: &str = include_str!("../../../vendor/check.lock");
const CONTRACT: &str = include_str!("../../../vendor/vitals-sdk/wit/health.wit");
const NPM_LOCK: &str = include_str!("../../../vendor/package-lock.json");
const REQUIREMENTS: &str = include_str!("../../../vendor/requirements.txt");
