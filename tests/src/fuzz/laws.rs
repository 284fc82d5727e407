//! What holds for every text and every result, wherever it came from.

use serde_json::{Value, json};
use vitals_host::check::{Code, Outcome, RunReport};

/// One line without anything that is not seen.
pub(super) fn clean(what: &str, text: &str) {
    let foul = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{feff}'
                | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    if let Some(found) = text.chars().find(|&c| foul(c)) {
        panic!("{what} has {found:?} in it: {text:?}");
    }
}

/// No secret stands in it, also not where the mark of a removed one begins or ends.
pub(super) fn keeps_secrets(what: &str, text: &str) {
    let rest = text.replace("[redacted]", "|");
    for secret in SECRETS {
        assert!(
            !rest.contains(secret),
            "{what} has the secret {secret:?}: {text:?}"
        );
    }
}

/// An outcome is within all its bounds.
pub(super) fn bounded(outcome: &Outcome) {
    let message = outcome.message().as_str();
    clean("the message", message);
    assert!(message.len() <= 2 << 10, "a message of {}", message.len());
    let details = outcome.details();
    assert!(details.len() <= 64, "{} details", details.len());
    let longest = details.keys().map(String::len).max().unwrap_or(0);
    assert!(longest <= 128, "a key of {longest} bytes");
    let details = json!(details);
    texts(&details, &mut |text| clean("a detail", text));
    let bytes = details.to_string().len();
    assert!(bytes <= 16 << 10, "details of {bytes} bytes");
    let measurements = outcome.measurements();
    assert!(
        measurements.len() <= 32,
        "{} measurements",
        measurements.len()
    );
    for (index, measurement) in measurements.iter().enumerate() {
        let word = |text: &str, range: std::ops::RangeInclusive<usize>| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            range.contains(&text.len()) && text.bytes().all(plain)
        };
        assert!(word(&measurement.name, 1..=64), "{measurement:?}");
        assert!(word(&measurement.unit, 0..=16), "{measurement:?}");
        assert!(measurement.value.is_finite(), "{measurement:?}");
        let others = &measurements[..index];
        assert!(
            others.iter().all(|other| other.name != measurement.name),
            "two measurements {:?}",
            measurement.name
        );
    }
    let known = ["message", "details", "measurements"];
    let mut truncated = outcome.truncated().to_vec();
    assert!(truncated.iter().all(|part| known.contains(part)));
    truncated.dedup();
    assert_eq!(truncated, outcome.truncated());
}

/// A report of a run whose secrets were [`SECRETS`]: bounded, clean, and JSON wherever it is shown.
pub(super) fn reported(report: RunReport) {
    bounded(&report.outcome);
    let details = json!(report.outcome.details());
    texts(&details, &mut |text| keeps_secrets("a detail", text));
    if let Some(error) = &report.error {
        let own = [Code::Host, Code::Panic, Code::Load].contains(&error.code);
        assert!(!own, "an error of the host: {}", error.message);
        clean("the error", error.message.as_str());
        error
            .frames
            .iter()
            .for_each(|frame| clean("a frame", frame.as_str()));
    }
    let output: usize = report.output.iter().map(|line| line.as_str().len()).sum();
    assert!(output <= 16 << 10, "{output} bytes of output");
    for line in &report.output {
        clean("the output", line.as_str());
    }
    let message = report.outcome.message().as_str().to_owned();
    let check = "fuzz".parse().expect("a name");
    let answers = vitals_host::fuzzing::answers(&check, report);
    for (index, answer) in answers.iter().enumerate() {
        let text = std::str::from_utf8(answer).expect("JSON is UTF-8");
        keeps_secrets("an answer", text);
        let parsed: Value = serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("an answer is no JSON ({error}): {text}"));
        let result = parsed["checks"].get(0).unwrap_or(&parsed);
        let authorized = index < answers.len() / 2;
        let expected = if authorized { &message } else { "" };
        assert_eq!(result["message"], expected, "authorized: {authorized}");
    }
}

/// Visits all texts in a value, keys included.
fn texts(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => look(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, look)),
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            look(key);
            texts(value, look);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The secrets of every check that is fuzzed. Letters alone, so that they are the same in JSON.
pub(super) const SECRETS: &[&str] = &["hunter", "hunterhunted", "geheimnisvoll"];
