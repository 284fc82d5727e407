//! What a run found out, held to the bounds that every answer keeps.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::{Status, Text};

/// What a run found out: a status, one line for a person, details and measurements.
///
/// Bounds (message 2 KiB, 64 details in 16 KiB, 32 measurements) are applied when it is made, and
/// [`Outcome::truncated`] names what they cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    status: Status,
    message: Text,
    details: Map<String, Value>,
    measurements: Vec<Measurement>,
    truncated: Vec<&'static str>,
}

/// The unchecked parts of an outcome, as a guest or a native check gives them.
#[derive(Clone, Debug, Default)]
pub struct OutcomeParts {
    /// One line for a person.
    pub message: String,
    /// Diagnostic data; of a repeated key the last one counts.
    pub details: Vec<Detail>,
    /// Numbers that the check observed.
    pub measurements: Vec<Measurement>,
}

/// One entry of the diagnostic data.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// The key, cut to 128 bytes.
    pub key: String,
    /// The value.
    pub value: DetailValue,
}

/// A value of the diagnostic data.
#[derive(Clone, Debug, PartialEq)]
pub enum DetailValue {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number; one that is not finite becomes null.
    Decimal(f64),
    /// True or false.
    Boolean(bool),
    /// A JSON document; what does not parse is kept as text.
    Json(String),
}

/// A number that the check observed, with the bounds that it was judged by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// Snake case: `[a-z0-9_]`, at most 64 long.
    pub name: String,
    /// The value, finite.
    pub value: f64,
    /// A base unit (`seconds`, `bytes`, `ratio`), at most 16 of `[a-z0-9_]`; empty for a count.
    pub unit: String,
    /// Where the watched thing counts as degraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded_at: Option<Bound>,
    /// Where the watched thing counts as unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_at: Option<Bound>,
}

/// A side of a value that is bad.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// Bad when the value is greater.
    Above(f64),
    /// Bad when the value is smaller.
    Below(f64),
}

/// Makes a clean line of at most so many bytes of a text, and says whether something was cut off.
pub type Show<'s> = dyn Fn(&str, usize) -> (Text, bool) + 's;

impl Outcome {
    /// An outcome of a status and a line.
    pub fn plain(status: Status, message: Text) -> Self {
        Self {
            status,
            message,
            details: Map::new(),
            measurements: Vec::new(),
            truncated: Vec::new(),
        }
    }

    /// A healthy outcome; the message may be empty.
    pub fn healthy(message: &str) -> Self {
        Self::plain(Status::Healthy, Text::line(message, MESSAGE_BYTES))
    }

    /// A degraded outcome.
    pub fn degraded(message: &str) -> Self {
        Self::plain(Status::Degraded, Text::line(message, MESSAGE_BYTES))
    }

    /// An unhealthy outcome.
    pub fn unhealthy(message: &str) -> Self {
        Self::plain(Status::Unhealthy, Text::line(message, MESSAGE_BYTES))
    }

    /// Adds one entry of diagnostic data. Beyond 64 entries it is left out, and said so.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        if self.details.len() < DETAILS {
            self.details.insert(
                Text::line(key, KEY_BYTES).into(),
                clean_json(value.into(), &Text::bounded),
            );
        } else {
            self.was_cut(true, "details");
        }
        self
    }

    /// Holds `parts` to the bounds.
    pub fn new(status: Status, parts: OutcomeParts) -> Self {
        Self::shown(status, parts, &Text::bounded)
    }

    /// Like [`Outcome::new`], with each text made a line by `show`: for what must not be shown.
    pub fn shown(status: Status, parts: OutcomeParts, show: &Show<'_>) -> Self {
        let mut truncated = Vec::new();
        let (message, cut) = show(&parts.message, MESSAGE_BYTES);
        if cut {
            truncated.push("message");
        }
        let (details, cut) = bound_details(parts.details, show);
        if cut {
            truncated.push("details");
        }
        let (measurements, cut) = bound_measurements(parts.measurements, show);
        if cut {
            truncated.push("measurements");
        }
        Self {
            status,
            message,
            details,
            measurements,
            truncated,
        }
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

    fn was_cut(&mut self, cut: bool, part: &'static str) {
        if cut && !self.truncated.contains(&part) {
            self.truncated.push(part);
        }
    }
}

fn bound_details(given: Vec<Detail>, show: &Show<'_>) -> (Map<String, Value>, bool) {
    let mut last = BTreeMap::new();
    let mut truncated = given.len() > 16 * DETAILS;
    for detail in given.into_iter().take(16 * DETAILS) {
        let (key, cut) = show(&detail.key, KEY_BYTES);
        truncated |= cut;
        last.insert(String::from(key), detail.value);
    }
    let mut details = Map::new();
    let mut bytes = 0;
    for (key, value) in last {
        let (value, cut) = detail_json(value, show);
        truncated |= cut;
        let size = key.len() + json_bytes(&value);
        if details.len() == DETAILS || bytes + size > DETAILS_BYTES {
            truncated = true;
            continue;
        }
        bytes += size;
        details.insert(key, value);
    }
    (details, truncated)
}

fn detail_json(value: DetailValue, show: &Show<'_>) -> (Value, bool) {
    match value {
        DetailValue::Text(text) => text_json(&text, show),
        DetailValue::Integer(number) => (number.into(), false),
        DetailValue::Decimal(number) => (
            Number::from_f64(number).map_or(Value::Null, Value::Number),
            false,
        ),
        DetailValue::Boolean(truth) => (truth.into(), false),
        DetailValue::Json(document) if document.len() > DETAILS_BYTES => text_json(&document, show),
        DetailValue::Json(document) => match serde_json::from_str(&document) {
            Ok(parsed) => (clean_json(parsed, show), false),
            Err(_) => text_json(&document, show),
        },
    }
}

fn text_json(text: &str, show: &Show<'_>) -> (Value, bool) {
    let (text, cut) = show(text, DETAILS_BYTES / 4);
    (Value::String(text.into()), cut)
}

/// Strings inside a guest's JSON are a guest's texts too, once its escapes are read. (Depth is bounded
/// by the parser.)
fn clean_json(value: Value, show: &Show<'_>) -> Value {
    let clean = |text: &str| String::from(show(text, DETAILS_BYTES).0);
    match value {
        Value::String(text) => Value::String(clean(&text)),
        Value::Array(items) => items
            .into_iter()
            .map(|item| clean_json(item, show))
            .collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (clean(&key), clean_json(value, show)))
            .collect(),
        other => other,
    }
}

fn json_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| json_bytes(item) + 1).sum::<usize>(),
        Value::Object(map) => {
            2 + map
                .iter()
                .map(|(key, value)| key.len() + 4 + json_bytes(value))
                .sum::<usize>()
        }
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 20,
    }
}

/// Keeps the valid ones, up to the bound; of a repeated name the first, because two would be one
/// series with two values. A name or unit that may not be shown can't be one that a metric carries.
fn bound_measurements(given: Vec<Measurement>, show: &Show<'_>) -> (Vec<Measurement>, bool) {
    let mut kept: Vec<Measurement> = Vec::with_capacity(given.len().min(MEASUREMENTS));
    let mut truncated = false;
    let is_shown = |word: &str| show(word, word.len()).0.as_str() == word;
    for measurement in given {
        let fresh = !kept.iter().any(|other| other.name == measurement.name);
        let Measurement { name, unit, .. } = &measurement;
        let may_stand = measurement.is_valid() && is_shown(name) && is_shown(unit);
        if kept.len() < MEASUREMENTS && may_stand && fresh {
            kept.push(measurement);
        } else {
            truncated = true;
        }
    }
    (kept, truncated)
}

impl Measurement {
    fn is_valid(&self) -> bool {
        let word = |text: &str, max| {
            text.len() <= max
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let finite = |bound: Option<Bound>| match bound {
            Some(Bound::Above(value) | Bound::Below(value)) => value.is_finite(),
            None => true,
        };
        !self.name.is_empty()
            && word(&self.name, 64)
            && word(&self.unit, 16)
            && self.value.is_finite()
            && finite(self.degraded_at)
            && finite(self.unhealthy_at)
    }
}

const MESSAGE_BYTES: usize = 2 << 10;
const KEY_BYTES: usize = 128;
const DETAILS: usize = 64;
const DETAILS_BYTES: usize = 16 << 10;
const MEASUREMENTS: usize = 32;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn detail(key: &str, value: DetailValue) -> Detail {
        Detail {
            key: key.into(),
            value,
        }
    }

    fn measurement(name: &str, value: f64) -> Measurement {
        let unit = "seconds".into();
        Measurement {
            name: name.into(),
            value,
            unit,
            degraded_at: None,
            unhealthy_at: None,
        }
    }

    fn outcome(parts: OutcomeParts) -> Outcome {
        Outcome::new(Status::Healthy, parts)
    }

    #[test]
    fn of_a_repeated_key_the_last_one_counts() {
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
        let measurements = (0..33)
            .map(|n| measurement(&format!("m{n}"), 0.5))
            .collect();
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
    fn all_details_together_stay_within_their_bytes() {
        let details = (0..10)
            .map(|n| detail(&n.to_string(), DetailValue::Text("x".repeat(4000))))
            .collect();
        let outcome = outcome(OutcomeParts {
            details,
            ..OutcomeParts::default()
        });
        assert!(serde_json::to_string(outcome.details()).unwrap().len() <= 16 << 10);
        assert_eq!(outcome.truncated(), ["details"]);
    }

    #[test]
    fn measurements_that_no_metric_could_carry_are_left_out() {
        let measurements = vec![
            measurement("good", 1.0),
            measurement("good", 2.0),
            measurement("nan", f64::NAN),
            measurement("Bad Name", 1.0),
            measurement("", 1.0),
        ];
        let outcome = outcome(OutcomeParts {
            measurements,
            ..OutcomeParts::default()
        });
        assert_eq!(outcome.measurements(), [measurement("good", 1.0)]);
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
                measurement("hunter2", 1.0),
                Measurement {
                    unit: "hunter2".into(),
                    ..measurement("unit", 1.0)
                },
                measurement("fine", 1.0),
            ],
        };
        let shown = Outcome::shown(Status::Healthy, parts, &masked);
        assert_eq!(shown.message().as_str(), "login [redacted]");
        assert_eq!(
            Value::Object(shown.details().clone()),
            json!({"a-[redacted]": {"[redacted]": ["[redacted]!"]}, "b": "<[redacted]>"})
        );
        assert_eq!(shown.measurements(), [measurement("fine", 1.0)]);
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
        let shown = Outcome::shown(Status::Healthy, parts, &masked);
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
        let shown = Outcome::shown(Status::Healthy, parts, &masked);
        assert!(shown.message().as_str().len() <= MESSAGE_BYTES);
        assert!(shown.details().keys().all(|key| key.len() <= KEY_BYTES));
        let bytes = serde_json::to_string(shown.details()).unwrap().len();
        assert!(bytes <= DETAILS_BYTES, "{bytes}");
        assert_eq!(shown.truncated(), ["message", "details"]);
    }
}
