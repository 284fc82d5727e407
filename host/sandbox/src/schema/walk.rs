//! Walks a schema together with a configuration: counts the work of validating it, and finds the
//! secrets.
//!
//! Validation itself has no limit, so the walk comes first. It does not decide whether the
//! configuration is valid.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::applicators::{has_unevaluated, in_place_subschemas, referenced, validation_passes};
use super::footprint::memory_size;
use super::patterns::Patterns;

/// A configuration that can't be validated in bounded time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConfigCostError {
    #[error(
        "checking this `config` against it takes more than {MAX_STEPS} steps, or goes more than \
         {MAX_NESTING} schemas deep: its combinators and references multiply"
    )]
    Steps,
    #[error(
        "checking this `config` against it reads more than {} MiB: its combinators and references \
         read the same values repeatedly", MAX_BYTES_READ >> 20
    )]
    BytesRead,
    #[error(
        "checking this `config` against it takes too long: its patterns are too large for texts as \
         long as these"
    )]
    MatchCost,
}

#[derive(Debug)]
pub(super) struct Walked {
    /// The texts of secret values.
    pub(super) secrets: Vec<String>,
    /// The number of schemas applied to values.
    pub(super) steps: usize,
}

/// Counts the cost of validating `config`, and collects the texts of values that are `writeOnly`.
///
/// All branches of a combinator count, whether they match or not, and all `patternProperties`,
/// whether their pattern matches or not: a text too many is redacted rather than one too few.
pub(super) fn walk(
    document: &Value,
    patterns: &Patterns,
    config: &Value,
) -> Result<Walked, ConfigCostError> {
    let mut walk = Walk {
        document,
        patterns,
        steps: 0,
        bytes_read: 0,
        match_cost: 0,
        secret_values: HashSet::new(),
        secret_texts: Vec::new(),
    };
    let start = Cost {
        passes: 1,
        unevaluated: None,
        nesting: 0,
        path: 0,
        is_property_name: false,
    };
    walk.apply(document, config, start)?;
    Ok(Walked {
        secrets: walk.secret_texts,
        steps: walk.steps,
    })
}

/// A walk. It counts each schema as often as validation applies it in the worst case.
struct Walk<'a> {
    document: &'a Value,
    patterns: &'a Patterns,
    steps: usize,
    /// The bytes that validation reads or copies into errors: values, and what they are compared
    /// with.
    bytes_read: usize,
    /// The sum of text length times pattern size.
    match_cost: usize,
    /// The secret values found so far, by address.
    secret_values: HashSet<*const Value>,
    secret_texts: Vec<String>,
}

/// The cost of one step of the walk.
#[derive(Clone, Copy)]
struct Cost {
    /// How often validation makes the step.
    passes: usize,
    /// The closest in-place ancestor with an `unevaluated…` keyword.
    unevaluated: Option<UnevaluatedScope>,
    /// The nesting of schemas.
    nesting: usize,
    /// The length of the path to the value.
    path: usize,
    /// Whether the value is the name of a property, which is not a secret.
    is_property_name: bool,
}

/// A schema with an `unevaluated…` keyword.
#[derive(Clone, Copy)]
struct UnevaluatedScope {
    /// How often it is applied.
    passes: usize,
    /// How many levels it is above the current schema.
    levels: usize,
}

impl Cost {
    /// The cost of an in-place schema below this one.
    fn one_level_down(self) -> Self {
        let Some(UnevaluatedScope { passes, levels }) = self.unevaluated else {
            return self;
        };
        let levels = levels + 1;
        Self {
            passes: passes.saturating_mul(validation_passes(levels)),
            unevaluated: Some(UnevaluatedScope { passes, levels }),
            ..self
        }
    }

    /// The cost of a child value with a name of `name` bytes.
    fn in_child(self, name: usize) -> Self {
        Self {
            path: self.path + name + 1,
            unevaluated: None,
            ..self
        }
    }
}

impl<'a> Walk<'a> {
    fn apply(
        &mut self,
        schema: &'a Value,
        value: &Value,
        cost: Cost,
    ) -> Result<(), ConfigCostError> {
        self.steps = self.steps.saturating_add(cost.passes);
        if self.steps > MAX_STEPS || cost.nesting >= MAX_NESTING {
            return Err(ConfigCostError::Steps);
        }
        self.charge(schema, value, cost)?;
        let Value::Object(schema) = schema else {
            return Ok(());
        };
        if schema.get("writeOnly") == Some(&Value::Bool(true)) && !cost.is_property_name {
            self.collect_secrets(value);
        }
        let nested = Cost {
            nesting: cost.nesting + 1,
            ..cost
        };
        let (mut asking, mut children) = (nested, nested);
        if has_unevaluated(schema) {
            asking.unevaluated = Some(UnevaluatedScope {
                passes: cost.passes,
                levels: 0,
            });
            children.passes = cost.passes.saturating_mul(validation_passes(1));
        }
        let target = referenced(self.document, schema);
        for schema in in_place_subschemas(schema).chain(target) {
            self.apply(schema, value, asking.one_level_down())?;
        }
        match value {
            Value::Object(values) => self.apply_to_properties(schema, values, children),
            Value::Array(values) => self.apply_to_items(schema, values, children),
            _ => Ok(()),
        }
    }

    /// Counts what a schema reads by itself.
    fn charge(&mut self, schema: &Value, value: &Value, cost: Cost) -> Result<(), ConfigCostError> {
        let is_set = |keyword| schema.get(keyword) == Some(&Value::Bool(true));
        let mut bytes_read = cost.path;
        let mut match_cost = 0_usize;
        let mut charge_match = |text: &str, pattern: &str| {
            let both = text.len().saturating_mul(self.patterns.size(pattern));
            match_cost = match_cost.saturating_add(both);
        };
        match value {
            Value::String(text) => {
                bytes_read += text.len();
                if let Some(Value::String(pattern)) = schema.get("pattern") {
                    charge_match(text, pattern);
                }
            }
            Value::Array(_) if is_set("uniqueItems") => bytes_read += memory_size(value),
            Value::Array(items) => bytes_read += items.len() * size_of::<Value>(),
            Value::Object(map) => {
                bytes_read += map
                    .keys()
                    .map(|name| name.len() + NAME_OVERHEAD_BYTES)
                    .sum::<usize>();
                let patterns = schema.get("patternProperties").and_then(Value::as_object);
                for pattern in patterns.into_iter().flat_map(Map::keys) {
                    map.keys().for_each(|name| charge_match(name, pattern));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        let compared_keywords = ["const", "enum", "required", "dependentRequired"];
        let compared_keywords = compared_keywords
            .iter()
            .filter_map(|keyword| schema.get(keyword));
        bytes_read += compared_keywords.map(memory_size).sum::<usize>();
        self.bytes_read = self
            .bytes_read
            .saturating_add(bytes_read.saturating_mul(cost.passes));
        if self.bytes_read > MAX_BYTES_READ {
            return Err(ConfigCostError::BytesRead);
        }
        let match_cost = match_cost.saturating_mul(cost.passes);
        self.match_cost = self.match_cost.saturating_add(match_cost);
        if self.match_cost > MAX_MATCH_COST {
            return Err(ConfigCostError::MatchCost);
        }
        Ok(())
    }

    fn apply_to_properties(
        &mut self,
        schema: &'a Map<String, Value>,
        values: &Map<String, Value>,
        cost: Cost,
    ) -> Result<(), ConfigCostError> {
        let map = |keyword| schema.get(keyword).and_then(Value::as_object);
        let names = schema.get("propertyNames");
        let others = ["additionalProperties", "unevaluatedProperties"];
        for (name, value) in values {
            if let Some(names) = names {
                let is_property_name = Cost {
                    is_property_name: true,
                    unevaluated: None,
                    ..cost
                };
                self.apply(names, &Value::String(name.clone()), is_property_name)?;
            }
            let cost = cost.in_child(name.len());
            let property = map("properties").and_then(|properties| properties.get(name));
            if let Some(property) = property {
                self.apply(property, value, cost)?;
            } else {
                for schema in others.into_iter().filter_map(|keyword| schema.get(keyword)) {
                    self.apply(schema, value, cost)?;
                }
            }
            for schema in map("patternProperties").into_iter().flat_map(Map::values) {
                self.apply(schema, value, cost)?;
            }
        }
        Ok(())
    }

    fn apply_to_items(
        &mut self,
        schema: &'a Map<String, Value>,
        values: &[Value],
        cost: Cost,
    ) -> Result<(), ConfigCostError> {
        let list = |keyword| schema.get(keyword).and_then(Value::as_array);
        let each = ["items", "additionalItems", "contains", "unevaluatedItems"];
        let cost = cost.in_child(INDEX_BYTES);
        for (index, value) in values.iter().enumerate() {
            let placed = ["prefixItems", "items"]
                .into_iter()
                .filter_map(|keyword| list(keyword)?.get(index));
            let each = each.into_iter().filter_map(|keyword| schema.get(keyword));
            for schema in placed.chain(each) {
                self.apply(schema, value, cost)?;
            }
        }
        Ok(())
    }

    /// Collects every text in a secret value.
    fn collect_secrets(&mut self, value: &Value) {
        if !self.secret_values.insert(std::ptr::from_ref(value)) {
            return;
        }
        match value {
            Value::String(text) => self.secret_texts.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| self.collect_secrets(item)),
            Value::Object(map) => map.values().for_each(|value| self.collect_secrets(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Schemas applied to values, each as often as validation applies it.
const MAX_STEPS: usize = 50_000;
/// Schemas applied in each other, from the outermost to the innermost value; each takes stack.
const MAX_NESTING: usize = 192;
/// Bytes that validation looks at, or copies into errors.
const MAX_BYTES_READ: usize = 16 << 20;
/// Bytes of texts times bytes of compiled patterns.
const MAX_MATCH_COST: usize = 2 << 30;
/// What a name takes where it is copied, its text aside.
const NAME_OVERHEAD_BYTES: usize = 32;
/// How long the place in a list makes a path.
const INDEX_BYTES: usize = 6;
