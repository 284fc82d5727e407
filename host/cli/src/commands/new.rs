//! `vitals new`: a check of one's own, that builds, tests and runs as it stands.
//!
//! What is written stands in `templates`, and is run by the tests as its README says; here is only where it
//! goes, and under which name. It must not ask anything of the network or of another program.

mod files;
mod manifest;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use vitals_host::check::PluginName;

use self::files::File;
use super::output::{complain, fail, print};
use super::status::CONFIGURATION;

#[derive(Debug, Args)]
pub(crate) struct New {
    /// What the check and its directory are called: a-z, 0-9 and -, beginning with a letter.
    name: String,
    /// The language that it is written in.
    #[arg(long, value_enum, default_value_t)]
    lang: Language,
}

/// What a check can be written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Language {
    /// Rust, with the SDK.
    #[default]
    Rust,
    /// JavaScript, with jco.
    Js,
    /// Python, with componentize-py.
    Python,
}

impl New {
    pub(crate) fn run(self) -> ExitCode {
        let Self { name, lang } = self;
        if let Err(why) = lang.accepts(&name) {
            complain(&format!("cannot write a check called `{name}`: {why}"));
            return ExitCode::from(CONFIGURATION);
        }
        let files = match lang.files(&name) {
            Ok(files) => files,
            Err(error) => {
                return fail(&format!(
                    "cannot write out the manifests of the SDK: {error}; this is a mistake in vitals"
                ));
            }
        };
        match write(Path::new(&name), &files) {
            Ok(()) => {
                print(&lang.what_next(&name));
                ExitCode::SUCCESS
            }
            Err(why) => fail(&why),
        }
    }
}

impl Language {
    /// Says why a check in this language can't be called so.
    fn accepts(self, name: &str) -> Result<(), String> {
        name.parse::<PluginName>()
            .map_err(|error| error.to_string())?;
        // Narrower than the name of a file: it is the check's code too, and the name of a package.
        let is_code = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_code {
            return Err("a check begins with a letter and has nothing but a-z, 0-9 and -".into());
        }
        if self == Self::Rust && (RESERVED.contains(&name) || files::depends_on(name)) {
            return Err(
                "a crate of that name would be in the way of another; take a longer one".into(),
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

    /// The first commands of the README.
    fn what_next(self, name: &str) -> String {
        let (called, first, second) = match self {
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
            "wrote the check `{name}` in {called}; go on as its README.md says:\n  cd {name}\n  {first}\n  {second}"
        )
    }
}

/// Writes a directory that is not there yet, or empty.
fn write(directory: &Path, files: &[File]) -> Result<(), String> {
    let place = || {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        here.join(directory).display().to_string()
    };
    match fs::read_dir(directory).map(|mut entries| entries.next().is_some()) {
        Ok(false) => {}
        Ok(true) => {
            return Err(format!(
                "cannot write a check into {}: it is not empty; take another name, or move away what is there",
                place()
            ));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            return Err(format!(
                "cannot write a check into {}: {error}; take another name, or move away what is there",
                place()
            ));
        }
    }
    files
        .iter()
        .try_for_each(|file| write_file(directory, file))
        .map_err(|error| {
            format!(
                "cannot write {}: {error}; go to a directory where you may write, with room on its disk",
                place()
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

/// Words that can't be the name of a package, or are that of a crate which is always there.
const RESERVED: [&str; 47] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
];
