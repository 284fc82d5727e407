//! Checks the body of a response. A problem never shows the body.

use std::collections::BTreeMap;

use regex_lite::Regex;
use vitals_sdk::config::{ConfigError, Definitions, Schema};
use vitals_sdk::prelude::*;

use crate::{CHARS_SHOWN, Settings};

/// A body, as it is judged.
pub(crate) struct Body<'a> {
    pub(crate) text: &'a str,
    /// The size before it became text.
    pub(crate) bytes: usize,
    pub(crate) truncated: bool,
}

/// Returns what is wrong with the body, to follow "but".
pub(crate) fn problem(settings: &Settings, body: &Body<'_>) -> Option<String> {
    let place = place(body.bytes, body.truncated);
    if let Some(wanted) = &settings.body_contains
        && !body.text.contains(wanted)
    {
        return Some(format!(
            "{place} does not contain `{}`",
            shortened(wanted, CHARS_SHOWN)
        ));
    }
    if let Some(pattern) = &settings.body_matches {
        let searched = body.text.floor_char_boundary(SEARCHED);
        let is_cut = searched < body.text.len();
        if !pattern.0.is_match(&body.text[..searched]) {
            let place = if is_cut {
                self::place(searched, true)
            } else {
                place
            };
            let pattern = shortened(pattern.0.as_str(), CHARS_SHOWN);
            return Some(format!("{place} does not match `{pattern}`"));
        }
    }
    settings.json.problem(body.text, &place)
}

/// Names the searched part, as the subject of a sentence.
fn place(bytes: usize, cut: bool) -> String {
    if cut {
        format!("the beginning of the body ({bytes} bytes)")
    } else {
        "the body".to_owned()
    }
}

/// A regular expression, in time linear in the length of the body.
pub(crate) struct Pattern(Regex);

impl Config for Pattern {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("string").called("regular expression")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        let text = String::read(value)?;
        Regex::new(&text).map(Self).map_err(|error| {
            ConfigError::new(format_args!(
                "`{text}` is not a regular expression: {error}"
            ))
        })
    }

    fn to_value(&self) -> Value {
        self.0.as_str().into()
    }
}

/// Values that a JSON document must contain, by JSON pointer (RFC 6901).
#[derive(Default)]
pub(crate) struct ExpectedJson(BTreeMap<String, Value>);

impl ExpectedJson {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn problem(&self, body: &str, place: &str) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let Ok(document) = Value::from_json(body) else {
            return Some(format!("{place} is not JSON"));
        };
        self.0
            .iter()
            .find_map(|(pointer, expected)| match document.pointer(pointer) {
                None => Some(format!("`{pointer}` is not in its JSON")),
                Some(found) if same(found, expected) => None,
                Some(_) => Some(format!(
                    "`{pointer}` in its JSON is not `{}`",
                    shortened(&expected.to_string(), CHARS_SHOWN)
                )),
            })
    }
}

impl Config for ExpectedJson {
    fn schema(definitions: &mut Definitions) -> Schema {
        BTreeMap::<String, Value>::schema(definitions)
            .with("propertyNames", json!({ "pattern": "^(/|$)" }))
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        let expected = BTreeMap::<String, Value>::read(value)?;
        match expected
            .keys()
            .find(|pointer| !pointer.is_empty() && !pointer.starts_with('/'))
        {
            None => Ok(Self(expected)),
            Some(pointer) => Err(ConfigError::new(format_args!(
                "`{pointer}` is not a JSON pointer; write `/{pointer}`"
            ))),
        }
    }

    fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

/// Returns whether two values are equal; `1` equals `1.0`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len()
                && x.iter()
                    .all(|(key, x)| y.get(key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

/// The part of a body on which a regular expression is tried. Matching is linear, but takes a
/// thousand times the fuel of a plain search: for an ordinary expression this much takes a quarter
/// of the default fuel of a run.
const SEARCHED: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(settings: &str, body: &str, truncated: bool) -> Option<String> {
        let mut object = Value::from_json(settings).unwrap();
        object["url"] = "http://web/".into();
        let settings = Settings::read(object).unwrap();
        let body = Body {
            text: body,
            bytes: body.len(),
            truncated,
        };
        problem(&settings, &body)
    }

    #[test]
    fn expected_content_is_no_problem() {
        for settings in [
            "{}",
            r#"{"body_contains": "\"up\""}"#,
            r#"{"body_matches": "(?i)UP.*true"}"#,
            r#"{"json": {"/up": true, "/list/1": 2, "/list": [1, 2.0], "/a~1b": null}}"#,
        ] {
            let body = r#"{"up": true, "list": [1.0, 2], "a/b": null}"#;
            assert_eq!(problem_of(settings, body, false), None, "{settings}");
        }
    }

    #[test]
    fn missing_content_is_named_by_the_setting() {
        for (settings, problem) in [
            (
                r#"{"body_contains": "pong"}"#,
                "the body does not contain `pong`",
            ),
            (
                r#"{"body_matches": "^pong$"}"#,
                "the body does not match `^pong$`",
            ),
            (
                r#"{"json": {"/up": true}}"#,
                "`/up` in its JSON is not `true`",
            ),
            (r#"{"json": {"/down": true}}"#, "`/down` is not in its JSON"),
        ] {
            let found = problem_of(settings, r#"{"up": "private"}"#, false);
            assert_eq!(found.as_deref(), Some(problem));
        }
        let found = problem_of(r#"{"json": {"": 1}}"#, "private", true);
        assert_eq!(
            found.as_deref(),
            Some("the beginning of the body (7 bytes) is not JSON")
        );
        let body = "a".repeat(SEARCHED) + "b";
        let found = problem_of(
            r#"{"body_contains": "b", "body_matches": "b"}"#,
            &body,
            false,
        );
        let problem = "the beginning of the body (65536 bytes) does not match `b`";
        assert_eq!(found.as_deref(), Some(problem));
        let long = format!(r#"{{"body_contains": "{}"}}"#, "ü".repeat(100));
        assert!(problem_of(&long, "", false).is_some_and(|problem| problem.ends_with("ü…`")));
    }

    #[test]
    fn an_invalid_expectation_is_a_configuration_error() {
        let read = |key: &str, value: Value| {
            let object = json!({ "url": "http://web/", key: value });
            Settings::read(object).err().map(|error| error.to_string())
        };
        let error = read("body_matches", json!("(")).unwrap();
        assert!(
            error.starts_with("`body_matches`: `(` is not a regular expression"),
            "{error}"
        );
        let error = read("json", json!({ "up": true })).unwrap();
        assert_eq!(error, "`json`: `up` is not a JSON pointer; write `/up`");
    }
}
