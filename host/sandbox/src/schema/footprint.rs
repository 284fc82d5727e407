//! Estimates the memory of a schema, as a document and as a validator.
//!
//! The validator library has no limits: it keeps a path for each schema and keyword, copies the
//! values of keywords, and builds the targets of `propertyNames` each time. So its work is counted
//! first, step by step. Knows nothing of configurations.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::applicators::{
    child_subschemas, has_unevaluated, in_place_subschemas, is_applicator, is_map, reference,
    referenced,
};
use super::bounds::{MAX_VALIDATOR_BYTES, SchemaError};
use super::patterns::Patterns;

/// The approximate memory of a value in bytes.
pub(super) fn memory_size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + ALLOCATION_BYTES,
        // Parsing grows a list by doubling.
        Value::Array(items) => {
            let slots = 2 * size_of::<Value>() * items.len();
            slots + items.iter().map(memory_size).sum::<usize>()
        }
        // A B-tree node has room for eleven entries, and holds six on average.
        Value::Object(map) => {
            let entry =
                |(name, value): (&String, _)| name.len() + ALLOCATION_BYTES + memory_size(value);
            map.len().div_ceil(6) * NODE_BYTES + map.iter().map(entry).sum::<usize>()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Checks the memory of the validator for a schema within [`super::bounds`], and returns its
/// patterns.
pub(super) fn check(document: &Value) -> Result<Patterns, SchemaError> {
    let mut build = BuildCost {
        document,
        bytes: 0,
        patterns: Patterns::default(),
    };
    build.schema(document, 0, &mut Scope::default())?;
    Ok(build.patterns)
}

/// The cost of building one validator.
struct BuildCost<'a> {
    document: &'a Value,
    bytes: usize,
    patterns: Patterns,
}

/// Where each schema and pattern is built once: the document, or the names of one `propertyNames`.
#[derive(Default)]
struct Scope<'a> {
    schemas: HashSet<*const Value>,
    patterns: HashSet<&'a str>,
    is_property_names: bool,
}

impl<'a> BuildCost<'a> {
    /// Counts a schema whose path has `path` bytes.
    fn schema(
        &mut self,
        schema: &'a Value,
        path: usize,
        scope: &mut Scope<'a>,
    ) -> Result<(), SchemaError> {
        if !scope.schemas.insert(std::ptr::from_ref(schema)) {
            return Ok(());
        }
        self.charge(SCHEMA_BYTES + path)?;
        let Value::Object(object) = schema else {
            return self.charge(memory_size(schema));
        };
        for (keyword, value) in object {
            let path = path + keyword.len() + 1;
            self.charge(KEYWORD_BYTES + path)?;
            match (keyword.as_str(), value) {
                ("$defs" | "definitions", _) => {}
                ("propertyNames", _) if scope.is_property_names => {
                    return Err(SchemaError::NestedPropertyNames);
                }
                ("propertyNames", names) => {
                    let mut scope = Scope {
                        is_property_names: true,
                        ..Scope::default()
                    };
                    self.schema(names, path, &mut scope)?;
                }
                ("pattern", Value::String(pattern)) => {
                    if scope.patterns.insert(pattern) {
                        self.patterns.add(pattern)?;
                    }
                    self.charge(pattern.len())?;
                }
                (keyword, value) if is_applicator(keyword) => {
                    self.applicator(keyword, value, path, scope)?;
                }
                // The value is stored as it is, and in parsed form.
                (_, value) => self.charge(2 * memory_size(value))?,
            }
        }
        if has_unevaluated(object) {
            self.build_evaluated(schema, object)?;
        }
        match (reference(object), referenced(self.document, object)) {
            (Some(text), Some(target)) => self.schema(target, text.len(), scope),
            _ => Ok(()),
        }
    }

    fn applicator(
        &mut self,
        keyword: &str,
        value: &'a Value,
        path: usize,
        scope: &mut Scope<'a>,
    ) -> Result<(), SchemaError> {
        match value {
            Value::Array(schemas) => schemas
                .iter()
                .try_for_each(|schema| self.schema(schema, path + INDEX_BYTES, scope)),
            Value::Object(schemas) if is_map(keyword) => {
                for (name, schema) in schemas {
                    if keyword == "patternProperties" {
                        // The matcher is shared, but its cache is not.
                        self.patterns.add(name)?;
                    }
                    self.charge(name.len())?;
                    self.schema(schema, path + name.len() + 1, scope)?;
                }
                Ok(())
            }
            schema => self.schema(schema, path, scope),
        }
    }

    /// Counts the data that tells which properties and items a schema evaluates. It is built for
    /// each `unevaluated…` keyword, for all in-place schemas.
    fn build_evaluated(
        &mut self,
        asking: &'a Value,
        object: &'a Map<String, Value>,
    ) -> Result<(), SchemaError> {
        if object.contains_key("patternProperties") {
            return Err(SchemaError::Unevaluated);
        }
        let properties = object.get("properties").and_then(Value::as_object);
        let names = properties.into_iter().flat_map(Map::keys);
        let names: usize = names.map(|name| name.len() + KEYWORD_BYTES).sum();
        self.charge(SCHEMA_BYTES + names)?;
        for inner in EVALUATING.iter().filter_map(|keyword| object.get(*keyword)) {
            self.check_recursion(inner, asking)?;
        }
        in_place_subschemas(object)
            .chain(referenced(self.document, object))
            .filter_map(Value::as_object)
            .try_for_each(|object| self.build_evaluated(asking, object))
    }

    /// Rejects a schema that leads back to the one with the `unevaluated…` keyword, because that
    /// one would be built within itself without end.
    fn check_recursion(&mut self, schema: &'a Value, asking: &Value) -> Result<(), SchemaError> {
        let mut seen = HashSet::new();
        let mut next = vec![schema];
        while let Some(schema) = next.pop() {
            if std::ptr::eq(schema, asking) {
                return Err(SchemaError::UnevaluatedRecursion);
            }
            if !seen.insert(std::ptr::from_ref(schema)) {
                continue;
            }
            self.charge(KEYWORD_BYTES)?;
            match schema {
                Value::Array(schemas) => next.extend(schemas),
                Value::Object(object) => {
                    next.extend(in_place_subschemas(object).chain(child_subschemas(object)));
                    next.extend(object.get("propertyNames"));
                    next.extend(referenced(self.document, object));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn charge(&mut self, bytes: usize) -> Result<(), SchemaError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_VALIDATOR_BYTES {
            return Err(SchemaError::ValidatorMemory);
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
/// The memory of a schema, without its path.
const SCHEMA_BYTES: usize = 256;
/// The additional memory of a keyword or a stored name.
const KEYWORD_BYTES: usize = 64;
/// The length of a list index in a path.
const INDEX_BYTES: usize = 6;
/// The overhead of an allocation.
const ALLOCATION_BYTES: usize = 16;
/// A B-tree node with names and values.
const NODE_BYTES: usize = 640;

#[cfg(test)]
mod tests;
