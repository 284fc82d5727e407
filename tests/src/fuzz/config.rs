//! The configuration file: any bytes, and good files with bytes changed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use vitals_host::config::{Config, Diagnostics, Environment, Location, Sources};
use vitals_values::{Size, duration_text};

use super::laws;
use crate::guests;

pub(super) fn run(input: &[u8]) {
    let name = Path::new("fuzz.toml");
    let Ok(text) = std::str::from_utf8(input) else {
        rejected_from_disk(input);
        return;
    };
    match Config::parse(text, name, &sources()) {
        Ok(config) => accepted(&config),
        Err(found) => diagnostics(&found, name, text),
    }
}

/// What is no text comes through the door that reads the file.
fn rejected_from_disk(input: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("fuzz.toml");
    fs::write(&file, input).expect("written");
    let mut sources = sources();
    sources.file = Some(file.clone());
    let found = Config::load(&sources).expect_err("it is no text");
    diagnostics(&found, &file, "");
}

fn accepted(config: &Config) {
    let checks = config.checks.values();
    let settings: Vec<_> = checks.clone().map(|check| &check.settings).collect();
    let shown = format!("{settings:?} {:?} {:?}", config.server, config.sentry.dsn);
    assert!(!shown.contains(SECRET), "a secret is shown: {shown}");
    config.validate().expect("what was read is valid");
    let schedules = checks.clone().map(|check| &check.schedule);
    for it in schedules.chain([&config.defaults.schedule]) {
        assert!(it.timeout <= it.interval && it.timeout <= it.retry_interval);
        for duration in [it.interval, it.timeout, it.retry_interval] {
            same_duration(duration);
        }
    }
    for check in checks {
        same_memory(check.limits.memory);
        if let Err(found) = &check.settings {
            diagnostics(found, Path::new("fuzz.toml"), "");
        }
    }
}

fn same_duration(duration: Duration) {
    let shown = duration_text(duration);
    let read = format!("[plugins]\nrescan = \"{shown}\"").parse::<Config>();
    let read = read.unwrap_or_else(|error| panic!("{duration:?} is shown as {shown}: {error}"));
    assert_eq!(read.plugins.rescan, duration, "shown as {shown}");
}

fn same_memory(bytes: u64) {
    let shown = Size::of_bytes(bytes);
    let read = format!("[defaults.limits]\nmemory = \"{shown}\"").parse::<Config>();
    let read = read.unwrap_or_else(|error| panic!("{bytes} bytes are shown as {shown}: {error}"));
    assert_eq!(read.defaults.limits.memory, bytes, "shown as {shown}");
}

/// Each diagnostic is one line, says where, and gives no secret away.
fn diagnostics(found: &Diagnostics, name: &Path, text: &str) {
    assert!(found.iter().next().is_some(), "rejected without a reason");
    let lines = text.split('\n').count();
    for diagnostic in found {
        let shown = diagnostic.to_string();
        laws::clean("a diagnostic", &shown);
        assert!(!shown.contains(SECRET), "a secret is shown: {shown}");
        assert!(!diagnostic.message.is_empty());
        match &diagnostic.location {
            Location::Line { file, line, column } => {
                assert_eq!(&**file, name);
                assert!(*line >= 1 && *column >= 1, "{shown}");
                assert!(
                    text.is_empty() || *line as usize <= lines,
                    "{lines} lines: {shown}"
                );
            }
            Location::File(file) => assert_eq!(&**file, name),
            other => panic!("a file is wrong at {other}: {shown}"),
        }
    }
}

fn sources() -> Sources {
    let tokens = [
        "FUZZ_SECRET",
        "ADMIN_TOKEN",
        "METRICS_TOKEN",
        "OPS_TOKEN",
        "PROXY_PASSWORD",
    ];
    let mut sources = Sources::default();
    sources.environment = Environment::fixed(tokens.map(|name| (name, SECRET)));
    sources
}

/// The examples of the reference, which has one for each section, and keys that they lack.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let read = |file: &str| {
        let text = fs::read_to_string(guests::root().join(file));
        text.expect("the repository has this file")
    };
    let reference = read("docs/configuration.md");
    let examples = reference.split("```toml\n").skip(1);
    let examples = examples.filter_map(|example| Some(example.split_once("```")?.0));
    let demo = read("examples/demo/vitals.toml");
    let seeds = examples.chain([MORE_KEYS, CHECKS, &demo]);
    seeds.map(Into::into).collect()
}

const SECRET: &str = "xyzzy-plugh-never-shown";

const MORE_KEYS: &str = r#"
[server]
unhealthy_status = 503
startup_grace = "61s"
[plugins]
auto = false
[defaults]
timeout = "1.5s"
critical = false
rise = 2
retry_interval = "1m 10s"
[defaults.limits]
output = 4096
connections = 0
http_body = "1.5MB"
"#;

const CHECKS: &str = r#"
[checks.orders-db]
plugin = "postgres"
interval = "15s"
timeout = "500ms"
enabled = true
sha256 = "5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f"
config = { address = "db.internal:5432", password = "${FUZZ_SECRET}", deep = [[{ a = 1.5 }]] }
allow = { http = ["https://*.example.com"], tcp = ["10.0.0.0/8:5432"], env = ["TZ"] }
limits = { memory = "128KiB", fuel = 1 }
[checks.own]
plugin = "own"
critical = false
[checks.own.config]
date = 1979-05-27
text = '''
many lines'''
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_valid() {
        let seeds = seeds();
        assert!(seeds.len() > 10, "the reference has examples");
        for seed in seeds {
            let text = String::from_utf8(seed).unwrap();
            let read = Config::parse(&text, Path::new("fuzz.toml"), &sources());
            read.unwrap_or_else(|found| panic!("{found}\n{text}"));
        }
    }
}
