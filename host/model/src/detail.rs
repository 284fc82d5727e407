//! Details: the entries of a result's diagnostic data, and how their texts are sanitized.
//!
//! This module bounds each value by itself. `outcome` bounds all of them together.

use serde_json::{Number, Value};

use super::Text;

/// One entry of a result's diagnostic data.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Detail {
    /// The key. It is cut to 128 bytes.
    pub key: String,
    /// The value.
    pub value: DetailValue,
}

impl Detail {
    /// Makes a detail. Key and value are not checked.
    pub fn new(key: impl Into<String>, value: DetailValue) -> Self {
        Self {
            key: key.into(),
            value,
        }
    }
}

/// The value of a detail.
#[derive(Clone, Debug, PartialEq)]
pub enum DetailValue {
    /// A text.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A floating-point number. A number that is not finite becomes null.
    Decimal(f64),
    /// A boolean.
    Boolean(bool),
    /// A JSON document. A document that does not parse is kept as text.
    Json(String),
}

/// Turns a text into one clean line of at most the given number of bytes. Also returns whether the text
/// was cut.
pub type Sanitize<'s> = dyn Fn(&str, usize) -> (Text, bool) + 's;

impl From<Value> for DetailValue {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            Value::Bool(truth) => Self::Boolean(truth),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(decimal)) if number.is_f64() => Self::Decimal(decimal),
                _ => Self::Json(number.to_string()),
            },
            other => Self::Json(other.to_string()),
        }
    }
}

impl DetailValue {
    /// The value with its texts passed through `sanitize`, and whether a text was cut.
    pub(super) fn sanitized(self, sanitize: &Sanitize<'_>) -> (Value, bool) {
        match self {
            Self::Text(text) => sanitize_text(&text, sanitize),
            Self::Integer(number) => (number.into(), false),
            Self::Decimal(number) => (
                Number::from_f64(number).map_or(Value::Null, Value::Number),
                false,
            ),
            Self::Boolean(truth) => (truth.into(), false),
            Self::Json(document) if document.len() > DETAILS_BYTES => {
                sanitize_text(&document, sanitize)
            }
            Self::Json(document) => match serde_json::from_str(&document) {
                Ok(parsed) => (sanitize_json(parsed, sanitize), false),
                Err(_) => sanitize_text(&document, sanitize),
            },
        }
    }
}

fn sanitize_text(text: &str, sanitize: &Sanitize<'_>) -> (Value, bool) {
    let (text, is_cut) = sanitize(text, TEXT_BYTES);
    (Value::String(text.into()), is_cut)
}

/// Sanitizes keys and strings of a JSON document, whose escapes can hide any character. The parser bounds
/// the depth. A string that is cut here is so long that the entry does not fit anyway.
fn sanitize_json(value: Value, sanitize: &Sanitize<'_>) -> Value {
    let sanitized = |text: &str| String::from(sanitize(text, DETAILS_BYTES).0);
    match value {
        Value::String(text) => Value::String(sanitized(&text)),
        Value::Array(items) => items
            .into_iter()
            .map(|item| sanitize_json(item, sanitize))
            .collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (sanitized(&key), sanitize_json(value, sanitize)))
            .collect(),
        other => other,
    }
}

const TEXT_BYTES: usize = 4 << 10;
/// The size that all details of an outcome may have as JSON.
pub(super) const DETAILS_BYTES: usize = 16 << 10;
