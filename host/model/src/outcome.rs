//! What a run found out, held to the bounds that every answer keeps.
//!
//! Guests and native checks are built in two ways, which end in the same bounds. Values of details
//! and measurements have files of their own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::detail::{DETAILS_BYTES, Sanitize};
use super::{Detail, DetailValue, Measurement, Status, Text};

/// What a run found out: a status, one line for a person, details and measurements.
///
/// The bounds hold however it is made, and [`Outcome::truncated`] names the parts that they cut: a
/// message of 2 KiB; 64 details, 16 KiB of JSON together, with keys of 128 bytes and texts of 4 KiB;
/// 32 measurements.
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
    /// What the entries take as JSON.
    details_bytes: usize,
    measurements: Vec<Measurement>,
    truncated: Vec<&'static str>,
}

/// The unchecked parts of an outcome, as a guest gives them.
#[derive(Clone, Debug, Default)]
pub struct OutcomeParts {
    /// One line for a person.
    pub message: String,
    /// Diagnostic data; of a repeated key the last one counts.
    pub details: Vec<Detail>,
    /// Numbers that the check observed.
    pub measurements: Vec<Measurement>,
}

impl Outcome {
    /// An outcome of any status; [`Outcome::healthy`] and the others are shorter.
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self::with_message(status, &message.into(), &Text::bounded)
    }

    /// A healthy outcome; the message may be empty.
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

    /// Adds an entry to the diagnostic data: a text, a number, a boolean or any JSON. Of a repeated
    /// key the last one counts.
    #[must_use]
    pub fn detail(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let (key, is_cut) = Text::bounded(&key.into(), KEY_BYTES);
        self.was_cut(is_cut, "details");
        self.add_detail(key.into(), value.into().into(), &Text::bounded);
        self
    }

    /// Adds a number that was observed. Of a repeated name the first one counts.
    #[must_use]
    pub fn measure(mut self, measurement: Measurement) -> Self {
        self.add_measurement(measurement, &Text::bounded);
        self
    }

    /// Holds what a guest gave to the bounds. Each text becomes a line by `sanitize`, which leaves out what
    /// must not be shown.
    pub fn sanitized(status: Status, parts: OutcomeParts, sanitize: &Sanitize<'_>) -> Self {
        let mut outcome = Self::with_message(status, &parts.message, sanitize);
        outcome.was_cut(parts.details.len() > 16 * DETAILS, "details");
        let mut last = BTreeMap::new();
        for detail in parts.details.into_iter().take(16 * DETAILS) {
            let (key, is_cut) = sanitize(&detail.key, KEY_BYTES);
            outcome.was_cut(is_cut, "details");
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

    /// What the run found the watched thing to be.
    pub fn status(&self) -> Status {
        self.status
    }

    /// One line for a person; may be empty.
    pub fn message(&self) -> &Text {
        &self.message
    }

    /// Diagnostic data.
    pub fn details(&self) -> &Map<String, Value> {
        &self.details
    }

    /// Numbers that the check observed.
    pub fn measurements(&self) -> &[Measurement] {
        &self.measurements
    }

    /// The parts (`message`, `details`, `measurements`) of which something was cut off.
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
        outcome.was_cut(is_cut, "message");
        outcome
    }

    /// Adds an entry with a key that is a line already, if it fits.
    fn add_detail(&mut self, key: String, value: DetailValue, sanitize: &Sanitize<'_>) {
        if let Some(replaced) = self.details.remove(&key) {
            self.details_bytes -= entry_bytes(&key, &replaced);
        }
        let (value, is_cut) = value.sanitized(sanitize);
        let bytes = self.details_bytes + entry_bytes(&key, &value);
        let fits = self.details.len() < DETAILS && bytes <= DETAILS_BYTES;
        self.was_cut(is_cut || !fits, "details");
        if fits {
            self.details_bytes = bytes;
            self.details.insert(key, value);
        }
    }

    /// Adds a valid measurement, if there is room. One whose name is there already is left out,
    /// because two would be one series with two values; so is one whose name or unit may not be shown,
    /// because no metric can carry it.
    fn add_measurement(&mut self, measurement: Measurement, sanitize: &Sanitize<'_>) {
        let is_shown = |word: &str| sanitize(word, word.len()).0.as_str() == word;
        let is_kept = self.measurements.len() < MEASUREMENTS
            && measurement.is_valid()
            && is_shown(&measurement.name)
            && is_shown(&measurement.unit)
            && !self
                .measurements
                .iter()
                .any(|other| other.name == measurement.name);
        self.was_cut(!is_kept, "measurements");
        if is_kept {
            self.measurements.push(measurement);
        }
    }

    fn was_cut(&mut self, is_cut: bool, part: &'static str) {
        if is_cut && !self.truncated.contains(&part) {
            self.truncated.push(part);
        }
    }
}

/// The bytes of `"key":value,` as JSON.
fn entry_bytes(key: &str, value: &Value) -> usize {
    json!(key).to_string().len() + value.to_string().len() + ":,".len()
}

const MESSAGE_BYTES: usize = 2 << 10;
const KEY_BYTES: usize = 128;
const DETAILS: usize = 64;
const MEASUREMENTS: usize = 32;

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
    fn of_a_repeated_key_of_a_guest_the_last_one_counts() {
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
    fn too_much_is_cut_and_said_so() {
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
    fn all_details_together_stay_within_their_bytes_as_json() {
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
    fn what_the_builder_is_given_is_cut_and_said_so() {
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
            assert!(outcome.details().len() <= DETAILS);
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
        assert_eq!(outcome.measurements().len(), MEASUREMENTS);
    }

    #[test]
    fn a_repeated_key_replaces_where_there_is_no_room_for_another() {
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
    fn the_builder_and_a_guest_say_the_same_by_the_same_values() {
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
    fn measurements_that_no_metric_could_carry_are_left_out() {
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

    /// Shows `hunter2` nowhere.
    fn masked(text: &str, max_bytes: usize) -> (Text, bool) {
        Text::bounded(&text.replace("hunter2", "[redacted]"), max_bytes)
    }

    #[test]
    fn a_text_is_shown_by_what_is_handed_in_wherever_it_stands() {
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
        let shown = Outcome::sanitized(Status::Healthy, parts, &masked);
        assert_eq!(shown.message().as_str(), "login [redacted]");
        assert_eq!(
            Value::Object(shown.details().clone()),
            json!({"a-[redacted]": {"[redacted]": ["[redacted]!"]}, "b": "<[redacted]>"})
        );
        assert_eq!(shown.measurements(), [count("fine", 1)]);
        assert_eq!(shown.truncated(), ["measurements"]);
    }

    #[test]
    fn a_secret_deep_inside_a_document_is_found_in_one_pass() {
        // A pass that looked twice at each level would not end.
        let document = format!(r#"{}"hunter2"{}"#, r#"{"a":"#.repeat(120), "}".repeat(120));
        let parts = OutcomeParts {
            details: vec![detail("deep", DetailValue::Json(document))],
            ..OutcomeParts::default()
        };
        let shown = Outcome::sanitized(Status::Healthy, parts, &masked);
        let details = serde_json::to_string(shown.details()).unwrap();
        assert!(details.contains(r#""[redacted]""#), "{details}");
    }

    #[test]
    fn what_grows_when_it_is_shown_keeps_the_bounds() {
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
        let shown = Outcome::sanitized(Status::Healthy, parts, &masked);
        assert!(shown.message().as_str().len() <= MESSAGE_BYTES);
        assert!(shown.details().keys().all(|key| key.len() <= KEY_BYTES));
        let bytes = serde_json::to_string(shown.details()).unwrap().len();
        assert!(bytes <= DETAILS_BYTES, "{bytes}");
        assert_eq!(shown.truncated(), ["message", "details"]);
    }
}
