//! How much memory a schema takes, as a document and as a validator.
//!
//! The library that builds validators bounds nothing: it keeps a path for each schema and keyword,
//! copies what keywords hold, and builds what `propertyNames` refers to anew each time. So what it
//! would do is counted first, step by step. Knows nothing of configurations.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::applicators::{asks_again, in_place, inside, is_applicator, is_map, reference, target};
use super::bounds::{MAX_VALIDATOR, Unbounded};
use super::patterns::Patterns;

/// About how many bytes of memory a value takes.
pub(super) fn memory(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + ALLOCATION,
        // A list that is read grows by doubling.
        Value::Array(items) => {
            let slots = 2 * size_of::<Value>() * items.len();
            slots + items.iter().map(memory).sum::<usize>()
        }
        // A node of a B-tree has room for eleven entries, and for six on average.
        Value::Object(map) => {
            let entry = |(name, value): (&String, _)| name.len() + ALLOCATION + memory(value);
            map.len().div_ceil(6) * NODE + map.iter().map(entry).sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Holds a schema that is within [`super::bounds`] to what its validator may take, and says which
/// patterns it has.
pub(super) fn check(document: &Value) -> Result<Patterns, Unbounded> {
    let mut build = Build {
        document,
        bytes: 0,
        patterns: Patterns::default(),
    };
    build.schema(document, 0, &mut Scope::default())?;
    Ok(build.patterns)
}

/// The building of one validator.
struct Build<'a> {
    document: &'a Value,
    bytes: usize,
    patterns: Patterns,
}

/// Where a schema, or a pattern, is built once: a whole document, or what holds for the names of one
/// `propertyNames`.
#[derive(Default)]
struct Scope<'a> {
    schemas: HashSet<*const Value>,
    patterns: HashSet<&'a str>,
    is_of_names: bool,
}

impl<'a> Build<'a> {
    /// Builds a schema; its path in the document has so many bytes.
    fn schema(
        &mut self,
        schema: &'a Value,
        path: usize,
        scope: &mut Scope<'a>,
    ) -> Result<(), Unbounded> {
        if !scope.schemas.insert(std::ptr::from_ref(schema)) {
            return Ok(());
        }
        self.take(SCHEMA + path)?;
        let Value::Object(object) = schema else {
            return self.take(memory(schema));
        };
        for (keyword, value) in object {
            let path = path + keyword.len() + 1;
            self.take(KEYWORD + path)?;
            match (keyword.as_str(), value) {
                ("$defs" | "definitions", _) => {}
                ("propertyNames", _) if scope.is_of_names => return Err(Unbounded::Names),
                ("propertyNames", names) => {
                    let mut scope = Scope {
                        is_of_names: true,
                        ..Scope::default()
                    };
                    self.schema(names, path, &mut scope)?;
                }
                ("pattern", Value::String(pattern)) => {
                    if scope.patterns.insert(pattern) {
                        self.patterns.add(pattern)?;
                    }
                    self.take(pattern.len())?;
                }
                (keyword, value) if is_applicator(keyword) => {
                    self.applicator(keyword, value, path, scope)?;
                }
                // Kept as it is written, and taken apart.
                (_, value) => self.take(2 * memory(value))?,
            }
        }
        if asks_again(object) {
            self.evaluated(schema, object)?;
        }
        match reference(object) {
            Some(text) => match target(self.document, text) {
                Some(target) => self.schema(target, text.len(), scope),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    fn applicator(
        &mut self,
        keyword: &str,
        value: &'a Value,
        path: usize,
        scope: &mut Scope<'a>,
    ) -> Result<(), Unbounded> {
        match value {
            Value::Array(schemas) => schemas
                .iter()
                .try_for_each(|schema| self.schema(schema, path + INDEX, scope)),
            Value::Object(schemas) if is_map(keyword) => {
                for (name, schema) in schemas {
                    if keyword == "patternProperties" {
                        // Its matcher is shared, and what that learns is not.
                        self.patterns.add(name)?;
                    }
                    self.take(name.len())?;
                    self.schema(schema, path + name.len() + 1, scope)?;
                }
                Ok(())
            }
            schema => self.schema(schema, path, scope),
        }
    }

    /// Builds what says which properties and items a schema evaluates: anew for each keyword that
    /// asks, for all that is applied in place.
    fn evaluated(
        &mut self,
        asks: &'a Value,
        object: &'a Map<String, Value>,
    ) -> Result<(), Unbounded> {
        if object.contains_key("patternProperties") {
            return Err(Unbounded::Unevaluated);
        }
        let properties = object.get("properties").and_then(Value::as_object);
        let names = properties.into_iter().flat_map(Map::keys);
        let names: usize = names.map(|name| name.len() + KEYWORD).sum();
        self.take(SCHEMA + names)?;
        for inner in EVALUATING.iter().filter_map(|keyword| object.get(*keyword)) {
            self.leads_elsewhere(inner, asks)?;
        }
        let target = reference(object).and_then(|text| target(self.document, text));
        in_place(object)
            .chain(target)
            .filter_map(Value::as_object)
            .try_for_each(|object| self.evaluated(asks, object))
    }

    /// Refuses a schema that leads back to the one that asks what it evaluates: that one would be
    /// built within itself without end.
    fn leads_elsewhere(&mut self, schema: &'a Value, asks: &Value) -> Result<(), Unbounded> {
        let mut seen = HashSet::new();
        let mut next = vec![schema];
        while let Some(schema) = next.pop() {
            if std::ptr::eq(schema, asks) {
                return Err(Unbounded::EvaluatesItself);
            }
            if !seen.insert(std::ptr::from_ref(schema)) {
                continue;
            }
            self.take(KEYWORD)?;
            match schema {
                Value::Array(schemas) => next.extend(schemas),
                Value::Object(object) => {
                    next.extend(in_place(object).chain(inside(object)));
                    next.extend(object.get("propertyNames"));
                    let target = reference(object).and_then(|text| target(self.document, text));
                    next.extend(target);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: usize) -> Result<(), Unbounded> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_VALIDATOR {
            return Err(Unbounded::Validator);
        }
        Ok(())
    }
}

/// The keywords whose schemas are built again to know what they evaluate.
const EVALUATING: [&str; 7] = [
    "additionalItems",
    "additionalProperties",
    "contains",
    "items",
    "prefixItems",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// What one schema takes, its path aside.
const SCHEMA: usize = 256;
/// What one keyword, or one name that is remembered, takes besides.
const KEYWORD: usize = 64;
/// How long the place in a list makes a path.
const INDEX: usize = 6;
/// What an allocation takes besides what was asked for.
const ALLOCATION: usize = 16;
/// A node of a B-tree with names and values.
const NODE: usize = 640;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(document: &Value) -> Option<Unbounded> {
        super::super::bounds::check(document).unwrap();
        check(document).err()
    }

    fn many(count: usize, schema: impl Fn(usize) -> Value) -> Value {
        let properties = (0..count).map(|index| (index.to_string(), schema(index)));
        Value::Object(properties.collect())
    }

    #[test]
    fn what_names_refer_to_counts_each_time() {
        let document = |uses| {
            json!({
                "properties": many(uses, |_| json!({"propertyNames": {"$ref": "#/$defs/names"}})),
                "$defs": {"names": {"properties": many(300, |_| json!({}))}},
            })
        };
        assert_eq!(refused(&document(10)), None);
        assert_eq!(refused(&document(300)), Some(Unbounded::Validator));
        let within = json!({"propertyNames": {"items": {"propertyNames": {"maxLength": 3}}}});
        assert_eq!(refused(&within), Some(Unbounded::Names));
        let endless = json!({
            "properties": {"x": {"propertyNames": {"$ref": "#/$defs/a"}}},
            "$defs": {"a": {"properties": {"x": {"propertyNames": {"$ref": "#/$defs/a"}}}}},
        });
        assert_eq!(refused(&endless), Some(Unbounded::Names));
    }

    #[test]
    fn paths_count_at_every_schema() {
        let document = |name: usize| {
            let inner = json!({"properties": many(2000, |_| json!({}))});
            json!({"properties": {"x".repeat(name): inner}})
        };
        assert_eq!(refused(&document(100)), None);
        assert_eq!(refused(&document(20_000)), Some(Unbounded::Validator));
    }

    #[test]
    fn what_was_evaluated_counts_for_everybody_who_asks() {
        let asks = json!({"$ref": "#/$defs/wide", "unevaluatedProperties": false});
        let document = |uses| {
            json!({
                "properties": many(uses, |_| asks.clone()),
                "$defs": {"wide": {"properties": many(1000, |_| json!({}))}},
            })
        };
        assert_eq!(refused(&document(10)), None);
        assert_eq!(refused(&document(300)), Some(Unbounded::Validator));
        let patterns = json!({
            "allOf": [{"patternProperties": {"^a": {}}}], "unevaluatedProperties": false,
        });
        assert_eq!(refused(&patterns), Some(Unbounded::Unevaluated));
    }

    #[test]
    fn nothing_is_built_within_itself() {
        let asks = json!({"anyOf": [{"$ref": "#/$defs/1"}], "unevaluatedProperties": {}});
        let endless = json!({
            "dependentSchemas": {"a": {"$ref": "#/$defs/1"}},
            "$defs": {"1": {"additionalProperties": asks}},
        });
        assert_eq!(refused(&endless), Some(Unbounded::EvaluatesItself));
        let items = json!({"$ref": "#/$defs/1", "unevaluatedItems": false});
        let endless = json!({"$ref": "#/$defs/1", "$defs": {"1": {"prefixItems": [items]}}});
        assert_eq!(refused(&endless), Some(Unbounded::EvaluatesItself));
        let tree = json!({
            "properties": {"more": {"$ref": "#"}},
            "unevaluatedProperties": false,
        });
        assert_eq!(refused(&tree), None);
    }

    #[test]
    fn a_pattern_counts_wherever_it_is_built() {
        let large = r"^\p{L}{3}$";
        let document = |uses| {
            let names = json!({"propertyNames": {"$ref": "#/$defs/name"}});
            json!({
                "properties": many(uses, |_| names.clone()),
                "$defs": {"name": {"not": {"pattern": large}}},
            })
        };
        assert_eq!(refused(&document(4)), None);
        assert!(matches!(
            refused(&document(60)),
            Some(Unbounded::Pattern(_))
        ));
        let shared = json!({"properties": many(60, |_| json!({"pattern": large}))});
        assert_eq!(refused(&shared), None, "built once");

        let large = r"\p{L}{70}";
        for place in [
            json!({"patternProperties": {large: {}}}),
            json!({"patternProperties": {large: {}}, "additionalProperties": false}),
            json!({"$ref": "#/x-unknown/0", "x-unknown": [{"pattern": large}]}),
            json!({"if": {"dependentSchemas": {"a": {"not": {"pattern": large}}}}}),
            json!({"items": {"contains": {"anyOf": [{"pattern": large}]}}}),
        ] {
            assert!(
                matches!(refused(&place), Some(Unbounded::Pattern(_))),
                "{place}"
            );
        }
        assert_eq!(refused(&json!({"$defs": {"a": {"pattern": large}}})), None);
    }
}
