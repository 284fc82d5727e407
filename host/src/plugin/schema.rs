//! A plugin's JSON Schema, and the configuration of a check bound to it.
//!
//! The schema comes from a stranger: its size and depth are bounded, it refers to nothing but
//! itself, and its patterns run in linear time.

use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use serde_json::{Map, Value};

use crate::check::Text;

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Schema {
    document: Value,
    validator: Validator,
}

/// A schema that can't be used, or a configuration that it refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// The plugin's schema is no schema, is too large, or refers to something outside itself.
    #[error("its `config-schema` is not usable: {0}")]
    Schema(Text),
    /// The operator's configuration does not satisfy the schema; one text for each violation.
    #[error("its `config` does not fit the plugin: {}", .0.join("; "))]
    Config(Vec<String>),
}

/// A configuration that its schema accepts, with what the schema says about its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The configuration as the guest reads it.
    pub json: String,
    /// The values whose schema property is `writeOnly`.
    pub secrets: Vec<String>,
}

impl Schema {
    /// Reads the text of a schema.
    pub(crate) fn parse(text: &str) -> Result<Self, BindingError> {
        let refuse = |why: &dyn fmt::Display| {
            BindingError::Schema(Text::line(&why.to_string(), ERROR_BYTES))
        };
        if text.len() > MAX_BYTES {
            let why = format!(
                "it has {} bytes, at most {MAX_BYTES} are allowed",
                text.len()
            );
            return Err(refuse(&why));
        }
        let document: Value = serde_json::from_str(text).map_err(|e| refuse(&e))?;
        if !document.is_object() {
            return Err(refuse(&"it must be a JSON object"));
        }
        if depth(&document) > MAX_DEPTH {
            return Err(refuse(&format_args!(
                "it is nested more than {MAX_DEPTH} deep"
            )));
        }
        let validator = jsonschema::draft202012::options()
            .with_retriever(NothingOutside)
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_REGEX_BYTES))
            .build(&document)
            .map_err(|e| refuse(&e))?;
        Ok(Self {
            document,
            validator,
        })
    }

    /// The schema itself.
    pub(crate) fn document(&self) -> &Value {
        &self.document
    }

    /// Checks a configuration. Nothing is filled in: defaults are the guest's to apply.
    pub(crate) fn bind(&self, config: &Map<String, Value>) -> Result<Binding, BindingError> {
        let config = Value::Object(config.clone());
        let violations: Vec<_> = self
            .validator
            .iter_errors(&config)
            .take(MAX_VIOLATIONS)
            .map(|e| describe(&e))
            .collect();
        if !violations.is_empty() {
            return Err(BindingError::Config(violations));
        }
        let mut secrets = Vec::new();
        self.collect_secrets(&self.document, &config, MAX_DEPTH, &mut secrets);
        Ok(Binding {
            json: config.to_string(),
            secrets,
        })
    }

    /// Walks the properties of the schema beside the configuration. Where a property is
    /// `writeOnly`, every text below its value is a secret.
    fn collect_secrets(
        &self,
        schema: &Value,
        value: &Value,
        depth: usize,
        found: &mut Vec<String>,
    ) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        if schema.get("writeOnly") == Some(&Value::Bool(true)) {
            collect_texts(value, found);
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = target.strip_prefix('#').unwrap_or_default();
            if let Some(target) = self.document.pointer(pointer) {
                self.collect_secrets(target, value, depth, found);
            }
        }
        for combinator in ["allOf", "anyOf", "oneOf"] {
            let branches = schema
                .get(combinator)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            for branch in branches {
                self.collect_secrets(branch, value, depth, found);
            }
        }
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let property = schema.get("properties").and_then(|all| all.get(key));
                    let schema = property.or_else(|| schema.get("additionalProperties"));
                    if let Some(schema) = schema {
                        self.collect_secrets(schema, value, depth, found);
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = schema.get("items") else {
                    return;
                };
                for item in items {
                    self.collect_secrets(schema, item, depth, found);
                }
            }
            _ => {}
        }
    }
}

/// Refuses to fetch anything that a schema refers to.
struct NothingOutside;

impl Retrieve for NothingOutside {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("it refers to {uri}; only references within itself are allowed").into())
    }
}

/// One violation, with where it is and without the value, which may be a secret.
fn describe(error: &jsonschema::ValidationError<'_>) -> String {
    let pointer = error.instance_path().to_string();
    let place = if pointer.is_empty() {
        "the table".to_owned()
    } else {
        format!("`{pointer}`")
    };
    let problem = match error.kind() {
        ValidationErrorKind::Required { property } => {
            return format!("{} is missing{}", quoted(property), inside(&pointer));
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let keys: Vec<_> = unexpected.iter().map(|key| format!("`{key}`")).collect();
            let keys = keys.join(", ");
            return format!("the plugin knows no key {keys}{}", inside(&pointer));
        }
        ValidationErrorKind::Enum { options } => format!("must be one of {options}"),
        ValidationErrorKind::Type { kind } => match kind {
            jsonschema::error::TypeKind::Single(kind) => format!("must be of type {kind}"),
            jsonschema::error::TypeKind::Multiple(kinds) => {
                let kinds: Vec<_> = kinds.iter().map(|kind| kind.to_string()).collect();
                format!("must be of type {}", kinds.join(" or "))
            }
        },
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        _ => error.masked_with("the value").to_string(),
    };
    String::from(Text::line(&format!("{place} {problem}"), ERROR_BYTES))
}

fn inside(pointer: &str) -> String {
    if pointer.is_empty() {
        String::new()
    } else {
        format!(" in `{pointer}`")
    }
}

fn quoted(property: &Value) -> String {
    format!("`{}`", property.as_str().unwrap_or_default())
}

fn collect_texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, found)),
        Value::Object(map) => map.values().for_each(|value| collect_texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(map) => map.values().map(depth).max(),
        _ => None,
    };
    1 + below.unwrap_or(0)
}

const MAX_BYTES: usize = 64 << 10;
const MAX_DEPTH: usize = 32;
const MAX_REGEX_BYTES: usize = 1 << 20;
const MAX_VIOLATIONS: usize = 8;
const ERROR_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(document: &Value) -> Schema {
        Schema::parse(&document.to_string()).unwrap()
    }

    fn refused(text: &str) -> String {
        Schema::parse(text).unwrap_err().to_string()
    }

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        assert!(refused("{").contains("EOF"), "{}", refused("{"));
        assert!(refused("[]").contains("must be a JSON object"));
        assert!(refused(&" ".repeat(70_000)).contains("at most 65536"));
        let deep = format!("{}1{}", r#"{"not":"#.repeat(40), "}".repeat(40));
        assert!(refused(&deep).contains("32 deep"), "{}", refused(&deep));
        assert!(refused(r#"{"type": "strin"}"#).contains("strin"));
    }

    #[test]
    fn a_remote_reference_is_refused() {
        let error = refused(r#"{"$ref": "http://127.0.0.1:1/schema.json"}"#);
        assert!(error.contains("only references within itself"), "{error}");
        let error = refused(r#"{"$ref": "file:///etc/passwd"}"#);
        assert!(error.contains("only references within itself"), "{error}");
    }

    #[test]
    fn an_exploding_pattern_runs_in_linear_time() {
        let schema = schema(&json!({"properties": {"a": {"pattern": "^(a+)+$"}}}));
        let config = json!({"a": format!("{}!", "a".repeat(50_000))});
        assert!(schema.bind(&object(&config)).is_err());
        assert!(Schema::parse(r#"{"pattern": "(?=look)around"}"#).is_err());
    }

    #[test]
    fn violations_say_where_and_what_and_never_the_value() {
        let schema = schema(&json!({
            "type": "object",
            "properties": {
                "url": {"type": "string"},
                "port": {"type": "integer", "maximum": 65535},
                "mode": {"enum": ["a", "b"]},
            },
            "required": ["url"],
            "additionalProperties": false,
        }));
        let config = json!({"port": 70_000, "mode": "hunter2", "prot": 1});
        let error = schema.bind(&object(&config)).unwrap_err().to_string();
        assert_eq!(
            error,
            "its `config` does not fit the plugin: `/mode` must be one of [\"a\",\"b\"]; `/port` \
             must be at most 65535; the plugin knows no key `prot`; `url` is missing"
        );
    }

    #[test]
    fn write_only_values_are_secrets() {
        let schema = schema(&json!({
            "properties": {
                "password": {"$ref": "#/$defs/secret"},
                "headers": {"additionalProperties": {"writeOnly": true}},
                "tokens": {"items": {"writeOnly": true}},
                "user": {"type": "string"},
            },
            "$defs": {"secret": {"type": "string", "writeOnly": true}},
        }));
        let config = json!({
            "password": "hunter2", "headers": {"x": "bearer"}, "tokens": ["one"], "user": "me",
        });
        let mut secrets = schema.bind(&object(&config)).unwrap().secrets;
        secrets.sort();
        assert_eq!(secrets, ["bearer", "hunter2", "one"]);
    }
}
