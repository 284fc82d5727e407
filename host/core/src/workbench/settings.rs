//! The settings of a plugin as rows of a table, read from its schema, for people who configure it.
//!
//! The schema is untrusted: every text is cleaned and truncated, and recursive definitions are read
//! up to a limit.

use serde_json::{Map, Value};

use vitals_model::Text;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key. Nested keys are joined by dots: `login.user`.
    pub key: String,
    /// The kind of value: `duration`, `list of paths`, `0 to 20`.
    pub kind: String,
    /// The default as text without quotes, or `None` if there is none.
    pub default: Option<String>,
    /// Whether the setting is required.
    pub is_needed: bool,
    /// Whether its value is never shown.
    pub is_secret: bool,
    /// The kind of grant that its value gives: `http`, `disk`.
    pub grants: Option<String>,
    /// The description.
    pub description: String,
}

/// Returns the settings of a schema, in the order that the plugin declares, otherwise with the
/// required ones first.
pub fn rows(schema: &Value) -> Vec<Row> {
    let mut reading = Reading {
        root: schema,
        steps: STEPS,
    };
    let mut rows = Vec::new();
    reading.object(schema, "", 0, &mut rows);
    rows
}

struct Reading<'a> {
    root: &'a Value,
    /// The number of schemas that may still be read.
    steps: usize,
}

impl<'a> Reading<'a> {
    /// Adds the properties of an object, each followed by its nested properties.
    fn object(&mut self, schema: &'a Value, prefix: &str, depth: usize, rows: &mut Vec<Row>) {
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        let required = |key: &str| {
            let required = schema["required"].as_array().into_iter().flatten();
            required.take(ROWS).any(|name| name == key)
        };
        for (key, property) in in_order(properties, &schema["x-vitals-order"], required) {
            if rows.len() == ROWS || self.steps == 0 {
                return;
            }
            let path = clean(&format!("{prefix}{key}"));
            let target = self.resolved(property);
            let is_group = target["properties"].is_object() && target["type"] != "string";
            rows.push(self.row(path.clone(), property, target, required(key)));
            if is_group && depth < DEPTH {
                self.object(target, &format!("{path}."), depth + 1, rows);
            }
        }
    }

    fn row(&mut self, key: String, property: &'a Value, target: &'a Value, is_needed: bool) -> Row {
        let keyword_value = |keyword: &str| match &property[keyword] {
            Value::Null => &target[keyword],
            keyword_value => keyword_value,
        };
        let grants = [
            keyword_value("x-vitals-grant"),
            &target["items"]["x-vitals-grant"],
        ];
        Row {
            key,
            kind: self.kind(property, 0),
            default: Some(keyword_value("default"))
                .filter(|it| !it.is_null())
                .map(shown),
            is_needed,
            is_secret: keyword_value("writeOnly") == true,
            grants: grants.into_iter().find_map(kinds_of_grant),
            description: keyword_value("description")
                .as_str()
                .map(clean)
                .unwrap_or_default(),
        }
    }

    /// Returns the kind of value of a schema.
    fn kind(&mut self, schema: &'a Value, depth: usize) -> String {
        // Truncated at each level, because recursion would otherwise multiply the text.
        clean(&self.whole_kind(schema, depth))
    }

    fn whole_kind(&mut self, schema: &'a Value, depth: usize) -> String {
        if self.steps == 0 || depth > DEPTH {
            return "…".to_owned();
        }
        self.steps -= 1;
        let schema = self.resolved(schema);
        if let Some(name) = schema["x-vitals-type"].as_str() {
            return name.to_owned();
        }
        if let Some(values) = schema["enum"].as_array() {
            let values: Vec<_> = values
                .iter()
                .take(ITEMS)
                .map(|value| format!("`{}`", shown(value)))
                .collect();
            return values.join(", ");
        }
        if let Some(value) = schema.get("const") {
            return format!("`{}`", shown(value));
        }
        let alternatives = ["oneOf", "anyOf"]
            .iter()
            .find_map(|key| schema[key].as_array());
        if let Some(alternatives) = alternatives {
            let kinds: Vec<_> = alternatives
                .iter()
                .filter(|it| it["type"] != "null")
                .take(ITEMS)
                .map(|it| self.kind(it, depth + 1))
                .collect();
            return kinds.join(" or ");
        }
        // A nullable type is described without the null.
        let types = schema["type"].as_array().into_iter().flatten();
        let mut types = types.chain([&schema["type"]]).filter_map(Value::as_str);
        match types.find(|name| *name != "null") {
            Some("string") if schema["format"] == "uri" => "URL".to_owned(),
            Some("string") => "text".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("integer") => bounded("whole number", schema),
            Some("number") => bounded("number", schema),
            Some("array") => format!(
                "list of {}",
                plural(&self.kind(&schema["items"], depth + 1))
            ),
            Some("object") if schema["additionalProperties"].is_object() => {
                let inside = self.kind(&schema["additionalProperties"], depth + 1);
                format!("map of {}", plural(&inside))
            }
            Some("object") => match schema["properties"].as_object() {
                Some(properties) if depth > 0 => {
                    let keys: Vec<_> = properties
                        .keys()
                        .take(ITEMS)
                        .map(|key| format!("`{key}`"))
                        .collect();
                    format!("table with {}", keys.join(", "))
                }
                _ => "table".to_owned(),
            },
            _ => ANY.to_owned(),
        }
    }

    /// Follows references.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..DEPTH {
            let Some(reference) = schema["$ref"].as_str() else {
                break;
            };
            let pointer = reference.strip_prefix('#');
            let Some(target) = pointer.and_then(|pointer| self.root.pointer(pointer)) else {
                break;
            };
            schema = target;
        }
        schema
    }
}

fn in_order<'a>(
    properties: &'a Map<String, Value>,
    order: &Value,
    required: impl Fn(&str) -> bool,
) -> Vec<(&'a String, &'a Value)> {
    let place = |key: &str| {
        let named = order.as_array().into_iter().flatten();
        named
            .take(ROWS)
            .position(|name| name == key)
            .unwrap_or(usize::MAX)
    };
    let mut all: Vec<_> = properties.iter().take(ROWS).collect();
    all.sort_by_cached_key(|(key, _)| (place(key), !required(key)));
    all
}

/// Describes a number with its bounds, except for the bounds of its integer type.
fn bounded(what: &str, schema: &Value) -> String {
    let bound = |keyword: &str| schema[keyword].as_f64().filter(|bound| bound.abs() < 2e9);
    let shown = |bound: f64| bound.to_string();
    match (bound("minimum"), bound("maximum")) {
        (Some(min), Some(max)) => format!("{} to {}", shown(min), shown(max)),
        (Some(min), None) if min == 0.0 && what == "whole number" => what.to_owned(),
        (Some(min), None) => format!("{what} from {}", shown(min)),
        (None, Some(max)) => format!("{what} up to {}", shown(max)),
        (None, None) => what.to_owned(),
    }
}

fn plural(kind: &str) -> String {
    match kind.chars().last() {
        _ if kind == ANY => "values".to_owned(),
        Some(last) if last.is_alphabetic() => format!("{kind}s"),
        _ => kind.to_owned(),
    }
}

fn shown(value: &Value) -> String {
    clean(&match value {
        Value::String(text) => text.clone(),
        // Limited before it is formatted.
        Value::Array(items) if items.len() > ITEMS => "[…]".to_owned(),
        other => other.to_string(),
    })
}

fn clean(text: &str) -> String {
    Text::line(text, TEXT_BYTES).into()
}

/// Returns the kinds of a mark: `udp`, or `udp` and `tcp` joined for display as code.
fn kinds_of_grant(mark: &Value) -> Option<String> {
    let kinds: Vec<&str> = match mark {
        Value::Array(kinds) => kinds.iter().take(KINDS).filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    Some(clean(&kinds.join("` and `"))).filter(|kinds| !kinds.is_empty())
}

/// The number of kinds.
const KINDS: usize = 9;
const ANY: &str = "any value";
const ROWS: usize = 200;
const STEPS: usize = 2_000;
const DEPTH: usize = 4;
const ITEMS: usize = 64;
const TEXT_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinds(properties: &Value) -> Vec<(String, String)> {
        let schema = json!({
            "properties": properties,
            "$defs": {
                "Role": { "enum": ["primary", "any"], "description": "Which one." },
                "Login": { "type": "object", "properties": { "user": { "type": "string" } } },
                "Tree": { "type": "object", "properties": { "below": { "$ref": "#/$defs/Tree" } } },
            },
        });
        rows(&schema)
            .into_iter()
            .map(|row| (row.key, row.kind))
            .collect()
    }

    #[test]
    fn kinds_are_described_in_words() {
        for (property, kind) in [
            (json!({ "type": "string" }), "text"),
            (
                json!({ "type": "string", "x-vitals-type": "duration" }),
                "duration",
            ),
            (json!({ "type": "string", "format": "uri" }), "URL"),
            (json!({ "type": "boolean" }), "true or false"),
            (
                json!({ "type": "integer", "minimum": 1, "maximum": 10 }),
                "1 to 10",
            ),
            (
                json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
                "whole number",
            ),
            (
                json!({ "type": "number", "minimum": 0.5 }),
                "number from 0.5",
            ),
            (json!({ "enum": ["a", 1] }), "`a`, `1`"),
            (json!({ "$ref": "#/$defs/Role" }), "`primary`, `any`"),
            (
                json!({ "type": "array", "items": { "type": "string", "x-vitals-type": "path" } }),
                "list of paths",
            ),
            (
                json!({ "type": "object", "additionalProperties": { "type": "string" } }),
                "map of texts",
            ),
            (
                json!({ "type": "object", "additionalProperties": {} }),
                "map of values",
            ),
            (
                json!({ "oneOf": [{ "const": "none" }, { "$ref": "#/$defs/Login" }] }),
                "`none` or table with `user`",
            ),
            (json!({ "type": ["string", "null"] }), "text"),
            (
                json!({ "anyOf": [{ "$ref": "#/$defs/Role" }, { "type": "null" }] }),
                "`primary`, `any`",
            ),
            (json!({}), "any value"),
            (json!(true), "any value"),
        ] {
            assert_eq!(
                kinds(&json!({ "a": property })),
                [("a".to_owned(), kind.to_owned())]
            );
        }
        assert_eq!(
            kinds(&json!({ "login": { "$ref": "#/$defs/Login" } })),
            [
                ("login".to_owned(), "table".to_owned()),
                ("login.user".to_owned(), "text".to_owned())
            ]
        );
    }

    #[test]
    fn a_row_has_every_known_property() {
        let schema = json!({
            "properties": {
                "a": { "type": "string", "default": "2s" },
                "b": { "type": "array", "items": { "x-vitals-grant": "disk" }, "description": "What\nto \u{202e}look at." },
                "c": { "type": "string", "writeOnly": true, "default": null },
            },
            "required": ["b"],
        });
        let found = rows(&schema);
        let keys: Vec<_> = found.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["b", "a", "c"]);
        let [b, a, c] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((b.is_needed, b.grants.as_deref()), (true, Some("disk")));
        assert_eq!(b.description, "What to look at.");
        let both = json!({ "properties": { "a": { "x-vitals-grant": ["udp", "tcp"] } } });
        assert_eq!(rows(&both)[0].grants.as_deref(), Some("udp` and `tcp"));
        assert_eq!((a.default.as_deref(), a.is_needed), (Some("2s"), false));
        assert_eq!((c.default.as_deref(), c.is_secret), (None, true));
        let mut ordered = schema.clone();
        ordered["x-vitals-order"] = json!(["c", "b", "a"]);
        assert_eq!(rows(&ordered)[0].key, "c");
    }

    #[test]
    fn recursive_and_huge_schemas_are_read_up_to_a_limit() {
        let tree = kinds(&json!({ "tree": { "$ref": "#/$defs/Tree" } }));
        assert_eq!(tree.len(), DEPTH + 1);
        let wide: Map<_, _> = (0..5_000)
            .map(|number| (number.to_string(), json!({ "$ref": "#/$defs/Role" })))
            .collect();
        assert_eq!(kinds(&wide.into()).len(), ROWS);
        let twice = |to: &str| json!({ "anyOf": [{ "$ref": to }, { "$ref": to }, { "$ref": to }, { "$ref": to }] });
        let schema = json!({
            "properties": { "a": twice("#/$defs/b"), "z": { "$ref": "#/$defs/loop" } },
            "$defs": {
                "b": { "items": twice("#/$defs/b"), "type": "array" },
                "loop": { "$ref": "#/$defs/loop" },
            },
        });
        let found = rows(&schema);
        assert!(
            found.iter().all(|row| row.kind.len() <= TEXT_BYTES),
            "{found:?}"
        );
        for odd in [
            json!(true),
            json!([]),
            json!({ "properties": 1 }),
            json!({ "properties": { "a": { "$ref": 1 } } }),
        ] {
            rows(&odd);
        }
    }
}
