//! `vitals new`: creates a project for a new check that builds, passes its tests and runs.
//!
//! The files are in `templates`, and the tests follow their READMEs. This file decides the name and
//! the directory. It uses neither the network nor other programs.

mod files;
mod manifest;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use vitals_host::check::PluginName;

use self::files::File;
use super::output::{INVALID_USAGE, fail, fail_with, print};

#[derive(Debug, Args)]
pub(crate) struct New {
    /// Name of the check and its directory: a-z, 0-9 and -, starting with a letter.
    name: String,
    /// Language of the check.
    #[arg(long, value_enum, default_value_t)]
    lang: Language,
}

/// A language for checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Language {
    /// Rust with the SDK.
    #[default]
    Rust,
    /// JavaScript with jco.
    Js,
    /// Python with componentize-py.
    Python,
}

impl New {
    pub(crate) fn run(self) -> ExitCode {
        let Self { name, lang } = self;
        if let Err(error) = lang.validate_name(&name) {
            let error = format!("cannot create a check with the name `{name}`: {error}");
            return fail_with(INVALID_USAGE, &error);
        }
        let files = match lang.files(&name) {
            Ok(files) => files,
            Err(error) => {
                return fail(&format!(
                    "cannot create the manifests of the SDK: {error}; this is a bug in vitals"
                ));
            }
        };
        match create(Path::new(&name), &files) {
            Ok(()) => {
                print(&lang.next_steps(&name));
                ExitCode::SUCCESS
            }
            Err(error) => fail(&error),
        }
    }
}

impl Language {
    /// Checks the name of a check in this language. An error says what is wrong with it.
    fn validate_name(self, name: &str) -> Result<(), String> {
        name.parse::<PluginName>()
            .map_err(|error| error.to_string())?;
        // Stricter than the name of a plugin, because it is also a check code and the name of a
        // package.
        let is_valid = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_valid {
            return Err("use only a-z, 0-9 and -, starting with a letter".into());
        }
        if self == Self::Rust
            && (RESERVED.split(' ').any(|word| word == name) || files::depends_on(name))
        {
            return Err(
                "it is reserved in Rust or the name of a dependency; choose a longer name".into(),
            );
        }
        Ok(())
    }

    fn files(self, name: &str) -> Result<Vec<File>, toml::de::Error> {
        match self {
            Self::Rust => files::rust(name),
            Self::Js => Ok(files::js(name)),
            Self::Python => Ok(files::python(name)),
        }
    }

    /// The message after creation: the first commands of the README.
    fn next_steps(self, name: &str) -> String {
        let (language, first, second) = match self {
            Self::Rust => (
                "Rust",
                "cargo test",
                "rustup target add wasm32-wasip2 && cargo build --release --target wasm32-wasip2",
            ),
            Self::Js => ("JavaScript", "npm install", "npm test && npm run build"),
            Self::Python => (
                "Python",
                "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
                "python3 -m unittest",
            ),
        };
        format!(
            "created the check `{name}` in {language}; its README.md describes the next steps:\n  cd {name}\n  {first}\n  {second}"
        )
    }
}

/// Writes files to a directory, which must be empty or not exist.
fn create(directory: &Path, files: &[File]) -> Result<(), String> {
    let absolute_path = || {
        let current = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        current.join(directory).display().to_string()
    };
    match fs::read_dir(directory).map(|mut entries| entries.next().is_some()) {
        Ok(false) => {}
        Ok(true) => {
            return Err(format!(
                "cannot create a check in {}: the directory is not empty; choose another name, or empty the directory",
                absolute_path()
            ));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            return Err(format!(
                "cannot create a check in {}: {error}; choose another name, or remove the file",
                absolute_path()
            ));
        }
    }
    files
        .iter()
        .try_for_each(|file| write_file(directory, file))
        .map_err(|error| {
            format!(
                "cannot write {}: {error}; change to a writable directory on a disk with free space",
                absolute_path()
            )
        })
}

fn write_file(directory: &Path, file: &File) -> io::Result<()> {
    let path = directory.join(&file.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, &file.contents)
}

/// Reserved words, which can't be package names, and the names of crates that every crate can use.
const RESERVED: &str = "abstract alloc as async await become box break const continue core crate do dyn else \
                        enum extern false final fn for gen if impl in let loop macro match mod move mut \
                        override priv proc-macro pub ref return self static std struct super test trait true \
                        try";
