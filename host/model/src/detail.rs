//! The values of diagnostic data, and how their texts are shown.
//!
//! Knows the bound of one value; `outcome` holds all of them together to theirs.

use serde_json::{Number, Value};

use super::Text;

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

/// Makes a clean line of at most so many bytes of a text, and says whether something was cut off.
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
    /// The value with its texts made lines by `sanitize`, and whether something was cut off.
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

/// Strings inside a guest's JSON are a guest's texts too, once its escapes are read. (Depth is bounded
/// by the parser, and a string that is cut here makes the entry too large.)
fn sanitize_json(value: Value, sanitize: &Sanitize<'_>) -> Value {
    let shown = |text: &str| String::from(sanitize(text, DETAILS_BYTES).0);
    match value {
        Value::String(text) => Value::String(shown(&text)),
        Value::Array(items) => items
            .into_iter()
            .map(|item| sanitize_json(item, sanitize))
            .collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (shown(&key), sanitize_json(value, sanitize)))
            .collect(),
        other => other,
    }
}

const TEXT_BYTES: usize = 4 << 10;
/// What all details of an outcome may take as JSON.
pub(super) const DETAILS_BYTES: usize = 16 << 10;
