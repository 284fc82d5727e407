//! The log of the binary: which lines, with which levels and fields, and how often.

mod changes;
mod of_guests;
mod reader;
mod transitions;

use serde_json::{Value, json};
use vitals_tests::guests::{self, Guest};
use vitals_tests::{Serving, Vitals, eventually, sum, when};

const HEAD: &str = "[server]\nlisten = '127.0.0.1:0'\n[plugins]\nauto = false\nrescan = '200ms'\n\
                    [defaults]\ninterval = '2s'\ntimeout = '2s'\n";

/// The lines that were logged so far, each of which must be JSON.
fn lines(serving: &Serving) -> Vec<Value> {
    let parsed = |line: &String| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    };
    serving.log().iter().map(parsed).collect()
}

/// The lines with a field, without what varies. Digests become `…`.
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
    let what = format!("{count} lines with {field} = {value}");
    eventually(&what, async || {
        let found = of(serving, field, value);
        let is_enough = found.len() >= count;
        is_enough
            .then_some(found)
            .ok_or_else(|| serving.log().join("\n"))
    })
    .await
}

/// The number of runs of the checks whose names begin so.
async fn runs_of(serving: &Serving, check: &str) -> Result<f64, String> {
    let metrics = serving.get("/metrics").await?.body;
    let beginning = format!("vitals_check_runs_total{{check=\"{check}");
    Ok(sum(&metrics, &beginning))
}

/// Waits until a check has run so often.
async fn runs(serving: &Serving, check: &str, count: f64) {
    eventually(&format!("{count} runs of {check}"), async || {
        let found = runs_of(serving, &format!("{check}\"")).await?;
        when(found >= count, found)
    })
    .await;
}

/// A host that logs in JSON.
async fn serve_json(config: &str, guests: &[Guest]) -> Serving {
    let vitals = Vitals::new(["serve"]).config(config);
    let vitals = vitals.guests(guests.iter().copied());
    vitals.env("VITALS_LOG_FORMAT", "json").serve().await
}

/// The line about a transition.
fn transition(check: &str, plugin: &str, from: &str, to: &str, more: &Value) -> Value {
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

/// The fields of a check whose plugin is loaded.
fn with(more: &Value) -> Value {
    let mut all = json!({ "version": "0.1.0", "digest": "…" });
    let fields = all.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    all
}

#[test]
fn an_invalid_filter_or_format_is_an_error() {
    let levels = "write `error`, `warn`, `info`";
    for (name, value, remedy) in [
        ("VITALS_LOG", "inof", levels),
        ("VITALS_LOG", "info,vitals_host=loud", levels),
        ("VITALS_LOG_FORMAT", "xml", "write `text` or `json`"),
    ] {
        for command in ["serve", "validate"] {
            let output = Vitals::new([command]).env(name, value).exits(2).to_string();
            let error = format!("environment variable {name}: `");
            assert!(output.contains(&error), "{output}");
            assert!(output.contains(remedy), "{output}");
        }
    }
}

#[test]
fn a_host_that_cannot_start_says_so_in_json() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!("[server]\nlisten = '{}'", other.local_addr().unwrap());
    let vitals = Vitals::new(["serve"]).config(&config);
    let ended = vitals.env("VITALS_LOG_FORMAT", "json").exits(1);
    let line: Value = serde_json::from_str(&ended.stderr).expect("one line of JSON");
    assert_eq!(
        (&line["level"], &line["message"]),
        (&json!("ERROR"), &json!("host cannot start"))
    );
    let error = line["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("cannot listen on "), "{error}");
}
