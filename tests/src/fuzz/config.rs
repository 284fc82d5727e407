//! The configuration file: any bytes, and good files with bytes changed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use vitals_host::config::{Config, Diagnostics, Environment, Location, Schedule, Sources};
use vitals_values::{Size, duration_text};

use super::{Target, laws};
use crate::guests;

/// Texts as `vitals.toml`.
pub const TARGET: Target = Target {
    name: "config",
    run,
    seeds,
    time_limit: Duration::from_secs(10),
    cases: 3_000,
};

fn run(input: &[u8]) {
    let name = Path::new("fuzz.toml");
    let Ok(text) = std::str::from_utf8(input) else {
        refused_from_disk(input);
        return;
    };
    match Config::parse(text, name, &sources()) {
        Ok(config) => accepted(&config),
        Err(found) => complaints(&found, name, text),
    }
}

/// What is no text comes through the door that reads the file.
fn refused_from_disk(input: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("fuzz.toml");
    fs::write(&file, input).expect("written");
    let mut sources = sources();
    sources.file = Some(file.clone());
    let found = Config::load(&sources).expect_err("it is no text");
    complaints(&found, &file, "");
}

fn accepted(config: &Config) {
    let settings: Vec<_> = config
        .checks
        .values()
        .map(|check| &check.settings)
        .collect();
    let shown = format!("{settings:?} {:?} {:?}", config.server, config.sentry.dsn);
    assert!(!shown.contains(SECRET), "a secret is shown: {shown}");
    config.validate().expect("what was read is valid");
    let checks = config.checks.values();
    let schedules = checks
        .clone()
        .map(|check| &check.schedule)
        .chain([&config.defaults.schedule]);
    for Schedule {
        interval,
        timeout,
        retry_interval,
        ..
    } in schedules
    {
        assert!(timeout <= interval && timeout <= retry_interval);
        for duration in [interval, timeout, retry_interval] {
            same_duration(*duration);
        }
    }
    for limits in checks.clone().map(|check| &check.limits) {
        same_memory(limits.memory);
    }
    for check in checks {
        if let Err(found) = &check.settings {
            complaints(found, Path::new("fuzz.toml"), "");
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

/// Each complaint is one line, says where, and gives no secret away.
fn complaints(found: &Diagnostics, name: &Path, text: &str) {
    assert!(found.iter().next().is_some(), "refused without a reason");
    let lines = text.split('\n').count();
    for complaint in found {
        let shown = complaint.to_string();
        laws::clean("a complaint", &shown);
        assert!(!shown.contains(SECRET), "a secret is shown: {shown}");
        assert!(!complaint.message.is_empty());
        match &complaint.location {
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
    let mut sources = Sources::default();
    sources.environment = Environment::fixed([("FUZZ_SECRET", SECRET)]);
    sources
}

fn seeds() -> Vec<Vec<u8>> {
    let demo = guests::root().join("examples/demo/vitals.toml");
    let demo = fs::read(demo).expect("the demo has a configuration");
    vec![EVERY_KEY.as_bytes().to_vec(), CHECKS.into(), demo]
}

const SECRET: &str = "xyzzy-plugh-never-shown";

const EVERY_KEY: &str = r#"
[server]
listen = "[::1]:9000"
unhealthy_status = 503
details = "authorized"
admin_token = "${FUZZ_SECRET}"
startup_grace = "61s"
shutdown_grace = "11s"
[plugins]
dir = "here"
library = "there"
auto = false
cache_dir = "cache"
rescan = "31s"
[engine]
max_runs = 65
guest_threads = 1
[tls]
roots = ["system", "ca.pem"]
[metrics]
enabled = true
[sentry]
dsn = "https://key@sentry.example.com/1"
environment = "production"
release = "1.2.3"
[tools]
grafana = "http://grafana.example.com:3000"
[defaults]
interval = "30s"
timeout = "1.5s"
critical = false
fall = 3
rise = 2
retry_interval = "1m 10s"
[defaults.limits]
fuel = 500_000_000
memory = "64MiB"
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
critical = false
[checks.own.config]
date = 1979-05-27
text = '''
many lines'''
"#;
