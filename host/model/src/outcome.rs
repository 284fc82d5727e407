//! The outcome of a run, within the bounds that every result keeps.
//!
//! Native checks use the builder, and the sandbox sanitizes the parts that a guest returns. Both apply the
//! same bounds. The values of details and measurements have files of their own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::detail::{DETAILS_BYTES, Sanitize};
use super::{Detail, DetailValue, Measurement, Status, Text};

/// The outcome of a run: a status, a message of one line, details and measurements.
///
/// Every outcome is bounded, and [`Outcome::truncated`] names the parts that were cut:
///
/// - the message to 2 KiB;
/// - the details to 64 entries and 16 KiB of JSON, each key to 128 bytes and each text to 4 KiB;
/// - the measurements to 32.
///
/// ```
/// use vitals_model::Outcome;
/// use vitals_model::{Status, ratio};
///
/// let outcome = Outcome::degraded("2 of 3 replicas answer")
///     .detail("missing", "c")
///     .measure(ratio("replicas_up", 2.0 / 3.0).degraded_below(1));
/// assert_eq!(outcome.status(), Status::Degraded);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    status: Status,
    message: Text,
    details: Map<String, Value>,
    /// The size of the details as JSON.
    details_bytes: usize,
    measurements: Vec<Measurement>,
    truncated: Vec<&'static str>,
}

/// The unchecked parts of an outcome, as a guest returns them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OutcomeParts {
    /// The message for people.
    pub message: String,
    /// Diagnostic data. If a key occurs several times, the last entry is kept.
    pub details: Vec<Detail>,
    /// Numbers that the check observed.
    pub measurements: Vec<Measurement>,
}

impl OutcomeParts {
    /// Makes unchecked parts.
    pub fn new(
        message: impl Into<String>,
        details: Vec<Detail>,
        measurements: Vec<Measurement>,
    ) -> Self {
        Self {
            message: message.into(),
            details,
            measurements,
        }
    }
}

impl Outcome {
    /// An outcome with the given status. [`Outcome::healthy`] and its siblings are shorter.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self::with_message(status, &message.into(), &Text::bounded)
    }

    /// A healthy outcome. The message may be empty.
    pub fn healthy(message: impl Into<String>) -> Self {
        Self::new(Status::Healthy, message)
    }

    /// A degraded outcome.
    pub fn degraded(message: impl Into<String>) -> Self {
        Self::new(Status::Degraded, message)
    }

    /// An unhealthy outcome.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        Self::new(Status::Unhealthy, message)
    }

    /// Adds a detail: a text, a number, a boolean or any JSON. A detail with the same key is replaced.
    #[must_use]
    pub fn detail(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let (key, is_cut) = Text::bounded(&key.into(), KEY_BYTES);
        self.mark_if_cut(is_cut, "details");
        self.add_detail(key.into(), value.into().into(), &Text::bounded);
        self
    }

    /// Adds a measurement. It is left out if there already is one with the same name.
    #[must_use]
    pub fn measure(mut self, measurement: Measurement) -> Self {
        self.add_measurement(measurement, &Text::bounded);
        self
    }

    /// Makes an outcome of the parts that a guest returned. `sanitize` cleans, redacts and cuts each text.
    pub fn sanitized(status: Status, parts: OutcomeParts, sanitize: &Sanitize<'_>) -> Self {
        let mut outcome = Self::with_message(status, &parts.message, sanitize);
        outcome.mark_if_cut(parts.details.len() > 16 * MAX_DETAILS, "details");
        let mut last = BTreeMap::new();
        for detail in parts.details.into_iter().take(16 * MAX_DETAILS) {
            let (key, is_cut) = sanitize(&detail.key, KEY_BYTES);
            outcome.mark_if_cut(is_cut, "details");
            last.insert(String::from(key), detail.value);
        }
        for (key, value) in last {
            outcome.add_detail(key, value, sanitize);
        }
        for measurement in parts.measurements {
            outcome.add_measurement(measurement, sanitize);
        }
        outcome
    }

    /// The status that the check reported.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The message for people, one line. May be empty.
    pub fn message(&self) -> &Text {
        &self.message
    }

    /// Diagnostic data.
    pub fn details(&self) -> &Map<String, Value> {
        &self.details
    }

    /// The numbers that the check observed.
    pub fn measurements(&self) -> &[Measurement] {
        &self.measurements
    }

    /// The parts that were cut: `message`, `details`, `measurements`.
    pub fn truncated(&self) -> &[&'static str] {
        &self.truncated
    }

    fn with_message(status: Status, message: &str, sanitize: &Sanitize<'_>) -> Self {
        let (message, is_cut) = sanitize(message, MESSAGE_BYTES);
        let mut outcome = Self {
            status,
            message,
            details: Map::new(),
            details_bytes: "{}".len(),
            measurements: Vec::new(),
            truncated: Vec::new(),
        };
        outcome.mark_if_cut(is_cut, "message");
        outcome
    }

    /// Adds a detail, whose key is already sanitized, if there is room for it.
    fn add_detail(&mut self, key: String, value: DetailValue, sanitize: &Sanitize<'_>) {
        if let Some(replaced) = self.details.remove(&key) {
            self.details_bytes -= entry_bytes(&key, &replaced);
        }
        let (value, is_cut) = value.sanitized(sanitize);
        let bytes = self.details_bytes + entry_bytes(&key, &value);
        let fits = self.details.len() < MAX_DETAILS && bytes <= DETAILS_BYTES;
        self.mark_if_cut(is_cut || !fits, "details");
        if fits {
            self.details_bytes = bytes;
            self.details.insert(key, value);
        }
    }

    /// Adds a measurement if there is room for it. It is left out in these cases:
    ///
    /// - it is not valid;
    /// - its name or unit contains a text that must not be shown;
    /// - its name is already taken, since two values can't share one metric series.
    fn add_measurement(&mut self, measurement: Measurement, sanitize: &Sanitize<'_>) {
        let is_unchanged = |word: &str| sanitize(word, word.len()).0.as_str() == word;
        let is_kept = self.measurements.len() < MAX_MEASUREMENTS
            && measurement.is_valid()
            && is_unchanged(&measurement.name)
            && is_unchanged(&measurement.unit)
            && !self
                .measurements
                .iter()
                .any(|other| other.name == measurement.name);
        self.mark_if_cut(!is_kept, "measurements");
        if is_kept {
            self.measurements.push(measurement);
        }
    }

    fn mark_if_cut(&mut self, is_cut: bool, part: &'static str) {
        if is_cut && !self.truncated.contains(&part) {
            self.truncated.push(part);
        }
    }
}

/// The length of `"key":value,` as JSON in bytes.
fn entry_bytes(key: &str, value: &Value) -> usize {
    json!(key).to_string().len() + value.to_string().len() + ":,".len()
}

const MESSAGE_BYTES: usize = 2 << 10;
const KEY_BYTES: usize = 128;
const MAX_DETAILS: usize = 64;
const MAX_MEASUREMENTS: usize = 32;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{count, seconds};

    fn detail(key: &str, value: DetailValue) -> Detail {
        Detail {
            key: key.into(),
            value,
        }
    }

    fn outcome(parts: OutcomeParts) -> Outcome {
        Outcome::sanitized(Status::Healthy, parts, &Text::bounded)
    }

    fn json_bytes(outcome: &Outcome) -> usize {
        serde_json::to_string(outcome.details()).unwrap().len()
    }

    #[test]
    fn the_last_of_several_details_with_one_key_is_kept() {
        let details = vec![
            detail("a", DetailValue::Integer(1)),
            detail("a", DetailValue::Text("two".into())),
            detail("nan", DetailValue::Decimal(f64::NAN)),
            detail("json", DetailValue::Json(r#"{"x\n":["y\u202e"]}"#.into())),
            detail("broken", DetailValue::Json("{".into())),
        ];
        let outcome = outcome(OutcomeParts {
            details,
            ..OutcomeParts::default()
        });
        let expected = json!({"a": "two", "nan": null, "json": {"x ": ["y"]}, "broken": "{"});
        assert_eq!(Value::Object(outcome.details().clone()), expected);
        assert!(outcome.truncated().is_empty());
    }

    #[test]
    fn parts_of_a_guest_beyond_the_bounds_are_cut_and_named() {
        let details = (0..65)
            .map(|n| detail(&n.to_string(), DetailValue::Integer(n)))
            .collect();
        let measurements = (0..33).map(|n| count(format!("m{n}"), 0.5)).collect();
        let outcome = outcome(OutcomeParts {
            message: "x".repeat(3000),
            details,
            measurements,
        });
        assert_eq!(outcome.message().as_str().len(), 2048);
        assert_eq!(outcome.details().len(), 64);
        assert_eq!(outcome.measurements().len(), 32);
        assert_eq!(outcome.truncated(), ["message", "details", "measurements"]);
    }

    #[test]
    fn all_details_stay_within_their_bound_as_json() {
        for piece in ["x", "\"", "\\"] {
            let text = piece.repeat(4000);
            let details = (0..10)
                .map(|n| detail(&n.to_string(), DetailValue::Text(text.clone())))
                .collect();
            let given = outcome(OutcomeParts {
                details,
                ..OutcomeParts::default()
            });
            let built = (0..10).fold(Outcome::healthy(""), |outcome, n| {
                outcome.detail(n.to_string(), text.as_str())
            });
            assert!(!built.details().is_empty());
            for outcome in [given, built] {
                assert!(json_bytes(&outcome) <= 16 << 10, "{piece}");
                assert_eq!(outcome.truncated(), ["details"], "{piece}");
            }
        }
    }

    #[test]
    fn parts_in_the_builder_beyond_the_bounds_are_cut_and_named() {
        let long = "x".repeat(20_000);
        let whole = Outcome::healthy("fine").detail("a", "x".repeat(4 << 10));
        assert!(whole.truncated().is_empty());
        for outcome in [
            Outcome::healthy("").detail("a", long.as_str()),
            Outcome::healthy("").detail(long.as_str(), 1),
            Outcome::healthy("").detail("a", vec![long.as_str()]),
            Outcome::healthy("").detail("a", json!({ long.as_str(): null })),
            Outcome::healthy("").detail("a", vec![7; 10_000]),
            (0..65).fold(Outcome::healthy(""), |outcome, n| {
                outcome.detail(n.to_string(), n)
            }),
        ] {
            assert_eq!(outcome.truncated(), ["details"]);
            assert!(outcome.details().len() <= MAX_DETAILS);
            assert!(outcome.details().keys().all(|key| key.len() <= KEY_BYTES));
            assert!(json_bytes(&outcome) <= DETAILS_BYTES);
        }
        let outcome = Outcome::new(Status::Degraded, long.as_str());
        assert_eq!(outcome.truncated(), ["message"]);
        assert_eq!(outcome.message().as_str().len(), MESSAGE_BYTES);
        let outcome = (0..33).fold(Outcome::healthy(""), |outcome, n| {
            outcome.measure(count(format!("m{n}"), n))
        });
        assert_eq!(outcome.truncated(), ["measurements"]);
        assert_eq!(outcome.measurements().len(), MAX_MEASUREMENTS);
    }

    #[test]
    fn a_detail_is_replaced_even_if_there_is_no_room_for_another() {
        let full = (0..64).fold(Outcome::healthy(""), |outcome, n| {
            outcome.detail(n.to_string(), n)
        });
        let replaced = full.detail("0", "new");
        assert_eq!(replaced.details()["0"], "new");
        assert!(replaced.truncated().is_empty());

        let full = (0..4).fold(Outcome::healthy(""), |outcome, n| {
            outcome.detail(n.to_string(), "x".repeat(4_000))
        });
        let replaced = full.detail("0", "y".repeat(4_000)).detail("1", "z");
        assert!(replaced.truncated().is_empty());
        let more = replaced.detail("more", "x".repeat(3_000));
        assert!(more.truncated().is_empty());
    }

    #[test]
    fn the_builder_and_a_guest_make_equal_outcomes_of_equal_values() {
        let built = Outcome::degraded("slow")
            .detail("text", "a\nb")
            .detail("whole", -1)
            .detail("large", u64::MAX)
            .detail("part", 0.5)
            .detail("truth", true)
            .detail("nothing", Value::Null)
            .detail("document", json!({"x\n": ["y\u{202e}"]}))
            .measure(count("good", 1));
        let details = vec![
            detail("text", DetailValue::Text("a\nb".into())),
            detail("whole", DetailValue::Integer(-1)),
            detail("large", DetailValue::Json(u64::MAX.to_string())),
            detail("part", DetailValue::Decimal(0.5)),
            detail("truth", DetailValue::Boolean(true)),
            detail("nothing", DetailValue::Decimal(f64::NAN)),
            detail(
                "document",
                DetailValue::Json(r#"{"x\n":["y\u202e"]}"#.into()),
            ),
        ];
        let parts = OutcomeParts {
            message: "slow".into(),
            details,
            measurements: vec![count("good", 1)],
        };
        let given = Outcome::sanitized(Status::Degraded, parts, &Text::bounded);
        assert_eq!(built, given);
    }

    #[test]
    fn measurements_that_cannot_be_exposed_are_left_out() {
        let given = [
            seconds("good", 1),
            seconds("good", 2),
            count("nan", f64::NAN),
            count("bound", 1).degraded_above(f64::INFINITY),
            count("Bad Name", 1),
            count("", 1),
            Measurement {
                unit: "per second".into(),
                ..count("unit", 1)
            },
        ];
        for measurement in given[1..].iter().cloned() {
            let outcome = Outcome::healthy("").measure(seconds("good", 1));
            let outcome = outcome.measure(measurement);
            assert_eq!(outcome.measurements(), [seconds("good", 1)]);
            assert_eq!(outcome.truncated(), ["measurements"]);
        }
        let outcome = outcome(OutcomeParts {
            measurements: given.to_vec(),
            ..OutcomeParts::default()
        });
        assert_eq!(outcome.measurements(), [seconds("good", 1)]);
    }

    /// Redacts `hunter2`.
    fn redacted(text: &str, max_bytes: usize) -> (Text, bool) {
        Text::bounded(&text.replace("hunter2", "[redacted]"), max_bytes)
    }

    #[test]
    fn every_text_of_a_guest_is_sanitized() {
        let parts = OutcomeParts {
            message: "login hunter2".into(),
            details: vec![
                detail(
                    "a-hunter2",
                    DetailValue::Json(r#"{"hunter2":["\u0068unter2!"]}"#.into()),
                ),
                detail("b", DetailValue::Text("<hunter2>".into())),
            ],
            measurements: vec![
                count("hunter2", 1),
                Measurement {
                    unit: "hunter2".into(),
                    ..count("unit", 1)
                },
                count("fine", 1),
            ],
        };
        let shown = Outcome::sanitized(Status::Healthy, parts, &redacted);
        assert_eq!(shown.message().as_str(), "login [redacted]");
        assert_eq!(
            Value::Object(shown.details().clone()),
            json!({"a-[redacted]": {"[redacted]": ["[redacted]!"]}, "b": "<[redacted]>"})
        );
        assert_eq!(shown.measurements(), [count("fine", 1)]);
        assert_eq!(shown.truncated(), ["measurements"]);
    }

    #[test]
    fn a_deeply_nested_document_is_sanitized_in_one_pass() {
        // With two passes for each level this would not end.
        let document = format!(r#"{}"hunter2"{}"#, r#"{"a":"#.repeat(120), "}".repeat(120));
        let parts = OutcomeParts {
            details: vec![detail("deep", DetailValue::Json(document))],
            ..OutcomeParts::default()
        };
        let shown = Outcome::sanitized(Status::Healthy, parts, &redacted);
        let details = serde_json::to_string(shown.details()).unwrap();
        assert!(details.contains(r#""[redacted]""#), "{details}");
    }

    #[test]
    fn texts_that_grow_by_redaction_stay_within_the_bounds() {
        let mut details = vec![detail(&"hunter2".repeat(18), DetailValue::Integer(1))];
        details.extend((0..4).map(|n| {
            let text = "hunter2".repeat(580);
            detail(&n.to_string(), DetailValue::Json(format!("[\"{text}\"]")))
        }));
        let parts = OutcomeParts {
            message: "hunter2".repeat(280),
            details,
            measurements: Vec::new(),
        };
        let shown = Outcome::sanitized(Status::Healthy, parts, &redacted);
        assert!(shown.message().as_str().len() <= MESSAGE_BYTES);
        assert!(shown.details().keys().all(|key| key.len() <= KEY_BYTES));
        let bytes = serde_json::to_string(shown.details()).unwrap().len();
        assert!(bytes <= DETAILS_BYTES, "{bytes}");
        assert_eq!(shown.truncated(), ["message", "details"]);
    }
}
