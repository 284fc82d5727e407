//! What the binary logs: which lines, of what level, with which fields, and how often.

mod changes;
mod of_guests;
mod reader;
mod turns;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vitals_tests::{Serving, Vitals, eventually, guests};

const HEAD: &str = "[server]\nlisten = '127.0.0.1:0'\n[plugins]\nauto = false\nrescan = '200ms'\n\
                    [defaults]\ninterval = '2s'\ntimeout = '2s'\n";

/// The lines that were logged so far, each of which must be JSON.
fn lines(serving: &Serving) -> Vec<Value> {
    let parsed = |line: &String| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    };
    serving.log().iter().map(parsed).collect()
}

/// Those with a field, without what differs from run to run; a digest is only shown to be one.
fn of(serving: &Serving, field: &str, value: &str) -> Vec<Value> {
    let mut lines = lines(serving);
    lines.retain(|line| line[field] == value);
    for line in &mut lines {
        let line = line.as_object_mut().expect("a line is an object");
        line.remove("timestamp").expect("each has a time");
        line.remove("compile_ms");
        for field in ["digest", "serving"] {
            if let Some(digest) = line.get_mut(field) {
                let text = digest.as_str().unwrap_or_default();
                assert!(text.len() == 12 && text.bytes().all(|b| b.is_ascii_hexdigit()));
                *digest = json!("…");
            }
        }
    }
    lines
}

/// Waits until there are so many lines with a field.
async fn so_many(serving: &Serving, field: &str, value: &str, count: usize) -> Vec<Value> {
    eventually(
        &format!("{count} lines with {field} = {value}"),
        async || {
            let found = of(serving, field, value);
            if found.len() >= count {
                Ok(found)
            } else {
                Err(serving.log().join("\n"))
            }
        },
    )
    .await
}

/// Waits until the check has been run so often.
async fn runs(serving: &Serving, check: &str, count: u64) {
    let before = format!("vitals_check_runs_total{{check=\"{check}\"");
    eventually(&format!("{count} runs of {check}"), async || {
        let metrics = serving.get("/metrics").await?.body;
        let samples = metrics.lines().filter(|line| line.starts_with(&before));
        let counts = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        let found: u64 = counts.sum();
        if found >= count { Ok(()) } else { Err(metrics) }
    })
    .await;
}

/// A line about a check that has turned.
fn turn(check: &str, plugin: &str, from: &str, to: &str, more: &Value) -> Value {
    let level = match to {
        "healthy" => "INFO",
        "unhealthy" => "ERROR",
        _ => "WARN",
    };
    let mut line = json!({
        "level": level, "target": "vitals_report::event_log", "message": format!("check is {to}"),
        "check": check, "from": from, "to": to, "plugin": plugin,
    });
    let line_fields = line.as_object_mut().expect("an object");
    line_fields.extend(more.as_object().expect("an object").clone());
    line
}

/// Fields of a check that a version of its plugin runs.
fn with(more: &Value) -> Value {
    let mut all = json!({ "version": "0.1.0", "digest": "…" });
    let fields = all.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    all
}

#[test]
fn a_filter_or_a_format_that_is_none_is_an_error() {
    for (name, value, right) in [
        ("VITALS_LOG", "inof", "write `error`, `warn`, `info`"),
        (
            "VITALS_LOG",
            "info,vitals_host=loud",
            "write `error`, `warn`, `info`",
        ),
        ("VITALS_LOG_FORMAT", "xml", "write `text` or `json`"),
    ] {
        for (verb, status) in [("serve", 2), ("validate", 2)] {
            let ended = Vitals::new([verb]).env(name, value).run();
            let said = [ended.stdout, ended.stderr].concat();
            assert_eq!(ended.status, Some(status), "{verb} {name}={value}: {said}");
            assert!(
                said.contains(&format!("environment variable {name}: `")),
                "{said}"
            );
            assert!(said.contains(right), "{said}");
        }
    }
}

#[test]
fn a_host_that_cannot_start_says_so_in_json() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!("[server]\nlisten = '{}'", other.local_addr().unwrap());
    let ended = Vitals::new(["serve"])
        .config(&config)
        .env("VITALS_LOG_FORMAT", "json")
        .run();
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    let line: Value = serde_json::from_str(&ended.stderr).expect("one line of JSON");
    assert_eq!(
        (&line["level"], &line["message"]),
        (&json!("ERROR"), &json!("host cannot start"))
    );
    let error = line["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("cannot listen on "), "{error}");
}

#[test]
fn the_messages_in_the_docs_are_those_of_the_code() {
    let docs = fs::read_to_string(guests::root().join("docs/logs.md")).unwrap();
    let (_, lines) = docs.split_once("## Lines").expect("a table of lines");
    let (lines, _) = lines.split_once("\n## ").expect("more after it");
    let cells = lines.lines().filter_map(|row| row.split('|').nth(1));
    let messages: Vec<_> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|message| !message.contains('…'))
        .collect();
    assert!(messages.len() > 30, "{messages:#?}");
    let code = sources(&guests::root().join("host"));
    for message in messages {
        assert!(code.contains(&format!("\"{message}\"")), "{message}");
    }
}

/// All code below a directory.
fn sources(directory: &Path) -> String {
    let entries = fs::read_dir(directory).expect("a directory of the code");
    let text = |path: PathBuf| {
        if path.is_dir() {
            sources(&path)
        } else {
            fs::read_to_string(path).expect("a file of the code")
        }
    };
    entries
        .map(|entry| text(entry.expect("an entry").path()))
        .collect()
}
