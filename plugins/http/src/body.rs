//! What the body of an answer has to be. A problem never shows what stands in it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regex_lite::Regex;
use vitals_sdk::config::{ConfigError, Definitions, Schema};
use vitals_sdk::prelude::*;

use crate::{Answer, Settings};

/// What is wrong with the body, for a sentence after "but".
pub(crate) fn problem(settings: &Settings, answer: &Answer<'_>) -> Option<String> {
    let place = place(answer.body.len(), answer.truncated);
    if let Some(wanted) = &settings.body_contains
        && !text_of(answer.body).contains(wanted)
    {
        return Some(format!(
            "{place} does not contain `{}`",
            shortened(wanted, SHOWN)
        ));
    }
    if let Some(pattern) = &settings.body_matches {
        let searched = answer.body.len().min(SEARCHED);
        let cut = answer.truncated || searched < answer.body.len();
        if !pattern.0.is_match(&text_of(&answer.body[..searched])) {
            let (place, pattern) = (
                self::place(searched, cut),
                shortened(pattern.0.as_str(), SHOWN),
            );
            return Some(format!("{place} does not match `{pattern}`"));
        }
    }
    settings.json.problem(answer.body, &place)
}

/// What was looked at, as the subject of a sentence.
fn place(bytes: usize, cut: bool) -> String {
    if cut {
        format!("the beginning of the body ({bytes} bytes)")
    } else {
        "the body".to_owned()
    }
}

/// The body as text. Bytes that are not UTF-8 are replaced, at many times the cost of finding that none is.
fn text_of(body: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed)
}

/// A regular expression, linear in the length of the body.
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

/// Values that a JSON document has to hold, by JSON pointer (RFC 6901).
#[derive(Default)]
pub(crate) struct Facts(BTreeMap<String, Value>);

impl Facts {
    fn problem(&self, body: &[u8], place: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let Ok(document) = std::str::from_utf8(body)
            .map_err(drop)
            .and_then(|text| Value::from_json(text).map_err(drop))
        else {
            return Some(format!("{place} is not JSON"));
        };
        self.0
            .iter()
            .find_map(|(pointer, expected)| match document.pointer(pointer) {
                None => Some(format!("`{pointer}` is not in its JSON")),
                Some(found) if same(found, expected) => None,
                Some(_) => Some(format!(
                    "`{pointer}` in its JSON is not `{}`",
                    shortened(&expected.to_string(), SHOWN)
                )),
            })
    }
}

impl Config for Facts {
    fn schema(definitions: &mut Definitions) -> Schema {
        BTreeMap::<String, Value>::schema(definitions)
            .with("propertyNames", json!({ "pattern": "^(/|$)" }))
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        let facts = BTreeMap::<String, Value>::read(value)?;
        match facts
            .keys()
            .find(|pointer| !pointer.is_empty() && !pointer.starts_with('/'))
        {
            None => Ok(Self(facts)),
            Some(pointer) => Err(ConfigError::new(format_args!(
                "`{pointer}` is not a JSON pointer; write `/{pointer}`"
            ))),
        }
    }

    fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

/// Whether two values are the same, `1` and `1.0` too.
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

/// How much of a body a regular expression is tried on. It is linear, but takes a thousand times the fuel
/// of a plain search: for an ordinary one this much takes a quarter of the default fuel of a run.
const SEARCHED: usize = 64 << 10;
/// How many characters of a setting are in a message.
const SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(settings: &str, body: &str, truncated: bool) -> Option<String> {
        let mut object = Value::from_json(settings).unwrap();
        object["url"] = "http://web/".into();
        let settings = Settings::read(object).unwrap();
        let answer = Answer {
            status: 200,
            words: "200 OK".to_owned(),
            body: body.as_bytes(),
            truncated,
            elapsed: Duration::ZERO,
        };
        problem(&settings, &answer)
    }

    #[test]
    fn what_is_there_is_no_problem() {
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
    fn what_is_not_there_is_named_by_what_was_wanted() {
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
    fn what_can_not_be_looked_for_is_an_error_of_the_configuration() {
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
