//! A plugin's JSON Schema, and the configuration of a check bound to it.
//!
//! The schema comes from a stranger: its size and depth are bounded and so is what its references
//! multiply to ([`bounds`], and [`walk`] beside a configuration), it refers to nothing but itself,
//! and its patterns run in linear time.

mod applicators;
mod bounds;
mod walk;

use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use serde_json::{Map, Value};

pub(super) use self::applicators::target;
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
    /// The plugin's schema is no schema, is too large, takes too long to check, or refers to
    /// something outside itself.
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
        bounds::check(&document).map_err(|e| refuse(&e))?;
        let validator = jsonschema::draft202012::options()
            .with_retriever(NothingOutside)
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_REGEX_BYTES))
            .build(&without_base(&document))
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
    ///
    /// A [`BindingError::Schema`] is one that this configuration can't be checked against in
    /// bounded time.
    pub(crate) fn bind(&self, config: &Map<String, Value>) -> Result<Binding, BindingError> {
        let config = Value::Object(config.clone());
        let secrets = walk::secrets(&self.document, &config).map_err(|e| refuse(&e))?;
        let violations: Vec<_> = self
            .validator
            .iter_errors(&config)
            .take(MAX_VIOLATIONS)
            .map(|e| describe(&e))
            .collect();
        if !violations.is_empty() {
            return Err(BindingError::Config(violations));
        }
        Ok(Binding {
            json: config.to_string(),
            secrets,
        })
    }
}

fn refuse(why: &dyn fmt::Display) -> BindingError {
    BindingError::Schema(Text::line(&why.to_string(), ERROR_BYTES))
}

/// The schema without what it says of where it comes from and of its dialect: its references are
/// places within it, and it is read as 2020-12 throughout.
fn without_base(document: &Value) -> Value {
    let mut document = document.clone();
    if let Value::Object(root) = &mut document {
        root.retain(|keyword, _| !matches!(keyword.as_str(), "$id" | "$schema"));
    }
    document
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
            let property = property.as_str().unwrap_or_default();
            return line(&format!("`{property}` is missing{}", inside(&pointer)));
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let keys: Vec<_> = unexpected.iter().map(|key| format!("`{key}`")).collect();
            let keys = keys.join(", ");
            return line(&format!(
                "the plugin knows no key {keys}{}",
                inside(&pointer)
            ));
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
    line(&format!("{place} {problem}"))
}

/// Clean and bounded: the names of properties are the stranger's.
fn line(text: &str) -> String {
    Text::line(text, ERROR_BYTES).into()
}

fn inside(pointer: &str) -> String {
    if pointer.is_empty() {
        String::new()
    } else {
        format!(" in `{pointer}`")
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
    fn a_schema_that_multiplies_is_refused_at_once() {
        let mut definitions = Map::new();
        for link in 0..60 {
            let next = json!({"$ref": format!("#/$defs/{}", link + 1)});
            definitions.insert(link.to_string(), json!({"allOf": [next, next]}));
        }
        definitions.insert("60".into(), json!({}));
        let bomb = json!({"$ref": "#/$defs/0", "$defs": definitions});
        let error = refused(&bomb.to_string());
        assert!(error.contains("combinators and references"), "{error}");
    }

    #[test]
    fn a_schema_that_multiplies_with_the_configuration_is_refused_at_once() {
        let branch = json!({"properties": {"x": {"$ref": "#"}}});
        let schema = schema(&json!({"anyOf": [branch, branch, branch, branch]}));
        let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"x": inner}));
        assert!(schema.bind(&object(&nested(4))).is_ok());
        let error = schema.bind(&object(&nested(25))).unwrap_err();
        assert!(matches!(error, BindingError::Schema(_)), "{error}");
        assert!(error.to_string().contains("50000 steps"), "{error}");
    }

    /// Definitions that each lead to the next, with `within` around the reference.
    fn chain(links: usize, within: impl Fn(Value) -> Value) -> Schema {
        let mut definitions = Map::new();
        for link in 0..links {
            let next = json!({"$ref": format!("#/$defs/{}", link + 1)});
            definitions.insert(link.to_string(), within(next));
        }
        definitions.insert(links.to_string(), json!({"type": "integer"}));
        schema(&json!({"$ref": "#/$defs/0", "$defs": definitions}))
    }

    #[test]
    fn the_deepest_schemas_and_configurations_leave_stack() {
        let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"x": inner}));
        let properties = chain(195, |next| json!({"properties": {"x": next}}));
        assert!(properties.bind(&object(&nested(90))).is_ok());
        let error = properties.bind(&object(&nested(120))).unwrap_err();
        assert!(error.to_string().contains("192 schemas deep"), "{error}");

        let lists = |next| (0..26).fold(next, |inner, _| json!({"items": inner}));
        drop(chain(14, lists));
        drop(chain(195, |next| json!({"unevaluatedProperties": next})));

        let tree = schema(&json!({"anyOf": [
            {"properties": {"x": {"$ref": "#"}}, "additionalProperties": false},
            {"type": "integer"},
        ]}));
        assert!(tree.bind(&object(&nested(60))).is_ok());
        let mut wrong = json!({"y": 1});
        for _ in 0..60 {
            wrong = json!({"x": wrong});
        }
        assert!(matches!(
            tree.bind(&object(&wrong)),
            Err(BindingError::Config(_))
        ));
    }

    #[test]
    fn a_schema_may_contain_itself() {
        let schema = schema(&json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$id": "https://example.com/conditions.json",
            "$ref": "#/definitions/Condition",
            "definitions": {"Condition": {"anyOf": [
                {"properties": {
                    "all": {"type": "array", "items": {"$ref": "#/definitions/Condition"}},
                    "token": {"type": "string", "writeOnly": true},
                }, "additionalProperties": false},
                {"properties": {"not": {"$ref": "#/definitions/Condition"}},
                 "additionalProperties": false, "required": ["not"]},
            ]}},
        }));
        let deep = json!({"all": [{"not": {"all": [{"token": "hunter2"}, {}]}}, {}]});
        assert_eq!(schema.bind(&object(&deep)).unwrap().secrets, ["hunter2"]);
        let wrong = json!({"all": [{"not": {"all": [{"token": 5}]}}]});
        assert!(schema.bind(&object(&wrong)).is_err());
    }

    #[test]
    fn the_strangers_words_are_cleaned() {
        let wild = "\u{1b}]0;pwned\u{7}\u{1b}[31mRED\u{202e}\nfake line";
        for schema in [
            json!({"required": [wild]}),
            json!({"properties": {"a": {"enum": [wild]}}}),
            json!({"properties": {"a": {"pattern": "^\u{1b}\u{202e}\nfake"}}}),
            json!({"properties": {"a": {"const": wild}}}),
            json!({"additionalProperties": false, "properties": {wild: {}}}),
            json!({"dependentRequired": {"a": [wild]}}),
            json!({"anyOf": [{"required": [wild]}]}),
        ] {
            let error = self::schema(&schema).bind(&object(&json!({"a": "x"})));
            let error = error.unwrap_err().to_string();
            assert!(
                !error.contains(['\u{1b}', '\u{7}', '\u{202e}', '\n']),
                "{error:?}"
            );
        }
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
                "pair": {"prefixItems": [{}, {"writeOnly": true}]},
                "more": {"patternProperties": {"^a": {"writeOnly": true}}},
                "mode": {"if": {}, "then": {"properties": {"key": {"writeOnly": true}}}},
            },
            "$defs": {"secret": {"type": "string", "writeOnly": true}},
        }));
        let config = json!({
            "password": "hunter2", "headers": {"x": "bearer"}, "tokens": ["one"], "user": "me",
            "pair": ["left", "right"], "more": {"ab": "sesame"}, "mode": {"key": "word"},
        });
        let mut secrets = schema.bind(&object(&config)).unwrap().secrets;
        secrets.sort();
        assert_eq!(
            secrets,
            ["bearer", "hunter2", "one", "right", "sesame", "word"]
        );
    }
}
