//! The files in `deploy/`: each passes its validator, and agrees with the host and with the other files.

mod compose;
mod container;
mod kubernetes;
mod references;
mod rules;
mod syscalls;
mod systemd;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use vitals_host::config::Config;
use vitals_host::plugin::CompileLimits;
use vitals_tests::servers::run_with_input;
use vitals_tests::{Finished, Vitals, guests, repository};

/// A copy of `deploy/` that a test may change.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let directory = TempDir::with_prefix("vitals-deploy-").expect("a directory");
        let copied = Command::new("cp")
            .arg("-R")
            .arg(guests::root().join("deploy/."))
            .arg(directory.path())
            .status();
        assert!(copied.expect("there is cp").success());
        Self(directory)
    }

    /// A copy in which the first `from` of a file is `to`.
    fn changed(file: &str, from: &str, to: &str) -> Self {
        let tree = Self::new();
        let text = tree.read(file);
        assert!(text.contains(from), "there is no {from:?} in {file}");
        fs::write(tree.path(file), text.replacen(from, to, 1)).expect("a copy can be written");
        tree
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}

/// Runs a program to its end, with this input.
fn run(command: &mut Command, input: &str) -> Finished {
    let output = run_with_input(command, input);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Finished {
        status: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// The documents of a text in YAML.
fn yaml(text: &str) -> Vec<Value> {
    let read = |document: &str| {
        // Not as JSON at once: that would accept a key that stands twice.
        let value: serde_norway::Value = serde_norway::from_str(document)
            .unwrap_or_else(|error| panic!("{error} in:\n{document}"));
        serde_json::to_value(value).expect("its keys are strings")
    };
    let documents = text.split("\n---\n").map(read);
    documents.filter(|document| !document.is_null()).collect()
}

/// A directory with the secrets of the compose file.
fn secrets() -> TempDir {
    let secrets = TempDir::with_prefix("vitals-secrets-").expect("a directory");
    for name in ["admin-token", "metrics-token"] {
        let token = format!("the-{name}-of-a-test\n");
        fs::write(secrets.path().join(name), token).expect("the directory is new");
    }
    secrets
}

/// What `vitals validate` prints about a configuration of `deploy/`, with the first-party plugins as
/// the library.
fn validated(toml: &str) -> Finished {
    let secrets = secrets();
    let toml = toml.replace("/run/secrets", secrets.path().to_str().expect("a text"));
    let library = guests::target().join("plugins");
    let library = library.to_str().expect("a text");
    let toml = toml.replace("\"/usr/lib/vitals\"", &format!("{library:?}"));
    Vitals::new(["validate"])
        .config(&toml)
        .env("VITALS_PLUGINS_DIR", "plugins")
        .run()
}

/// The files in a directory with this extension, sorted.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_meant = |path: &PathBuf| path.extension() == Some(OsStr::new(extension));
    let mut paths: Vec<_> = paths.filter(is_meant).collect();
    paths.sort();
    paths
}

#[test]
fn the_configurations_are_valid_with_the_first_party_plugins() {
    for file in ["compose", "kubernetes/base", "systemd"] {
        let toml = Tree::new().read(&format!("{file}/vitals.toml"));
        let ended = validated(&toml);
        assert_eq!(ended.status, Some(0), "{file}: {ended}");
        let ended = validated(&toml.replacen("plugin = \"", "plugins = \"", 1));
        assert_eq!(ended.status, Some(2), "{file}: {ended}");
    }
}

/// The most memory that the host takes under a configuration and a limit: for the compilations that it
/// makes at once under that limit, for runs and what the host holds for each, and for itself.
fn most_memory(toml: &str, limit: u64) -> u64 {
    let secrets = secrets();
    let toml = toml.replace("/run/secrets", secrets.path().to_str().expect("a text"));
    let config: Config = toml.parse().expect("a configuration");
    let compilation = CompileLimits::default().memory;
    let compilations = (limit / 3 * 2 / compilation).clamp(1, 8);
    let runs = u64::from(config.engine.max_runs) * 2 * config.defaults.limits.memory;
    compilations * compilation + runs + HOST_MEMORY
}

#[test]
fn the_memory_limits_suffice_for_the_host() {
    let tree = Tree::new();
    for (limited, key, config) in [
        ("docker-compose.yml", "    mem_limit: 6g\n", "compose"),
        (
            "kubernetes/base/deployment.yaml",
            "memory: 6Gi\n",
            "kubernetes/base",
        ),
        ("systemd/vitals.service", "\nMemoryMax=6G\n", "systemd"),
    ] {
        assert!(tree.read(limited).contains(key), "{limited}");
        let toml = tree.read(&format!("{config}/vitals.toml"));
        let limit = 6 << 30;
        assert!(most_memory(&toml, limit) <= limit, "{config}");
        let more = toml.replace("max_runs = 12", "max_runs = 20");
        assert!(most_memory(&more, limit) > limit, "{config}");
    }
}

#[test]
fn the_page_names_files_that_exist() {
    let page = repository::read("docs/deploy.md");
    let words = page.split(|c: char| c.is_whitespace() || "`()".contains(c));
    let named: Vec<_> = words.filter(|word| word.starts_with("deploy/")).collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        let path = name.trim_end_matches([',', '.', ':', ';']);
        assert!(guests::root().join(path).exists(), "there is no {path}");
    }
}

/// The memory of the host itself, with compiled code and results.
const HOST_MEMORY: u64 = 512 << 20;
