//! A schema walked beside one configuration: how much checking it comes to, and which of its
//! values are secrets.
//!
//! Validation itself has no budget, so the walk goes first. It decides nothing about validity.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::applicators::{in_place, passes, reference, target};

/// A configuration that a schema can't be checked against in bounded time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "checking this `config` against it takes more than {MAX_STEPS} steps, or goes more than \
     {MAX_NESTING} schemas deep: its combinators and references multiply"
)]
pub(super) struct TooMuch;

/// The texts of `config` that lie where `document` or a part of it is `writeOnly`, each place once.
///
/// All branches of a combinator count, whether the value satisfies them or not, and all
/// `patternProperties`, whether their pattern matches or not: rather one secret too many.
pub(super) fn secrets(document: &Value, config: &Value) -> Result<Vec<String>, TooMuch> {
    let mut walk = Walk {
        document,
        steps: 0,
        secret: HashSet::new(),
        texts: Vec::new(),
    };
    let start = Cost {
        times: 1,
        nesting: 0,
    };
    walk.apply(document, config, start)?;
    Ok(walk.texts)
}

/// One walk. Its steps are those of validation at worst: each schema counts as often as it is
/// applied.
struct Walk<'a> {
    document: &'a Value,
    steps: usize,
    /// The values whose texts are found, by where they stand.
    secret: HashSet<*const Value>,
    texts: Vec<String>,
}

/// What one step of the walk stands for.
#[derive(Clone, Copy)]
struct Cost {
    /// How often validation does it.
    times: usize,
    /// How many schemas it lies in.
    nesting: usize,
}

impl<'a> Walk<'a> {
    fn apply(&mut self, schema: &'a Value, value: &Value, cost: Cost) -> Result<(), TooMuch> {
        self.steps = self.steps.saturating_add(cost.times);
        if self.steps > MAX_STEPS || cost.nesting >= MAX_NESTING {
            return Err(TooMuch);
        }
        let Value::Object(schema) = schema else {
            return Ok(());
        };
        if schema.get("writeOnly") == Some(&Value::Bool(true)) {
            self.collect(value);
        }
        let cost = Cost {
            times: cost.times.saturating_mul(passes(schema)),
            nesting: cost.nesting + 1,
        };
        let target = reference(schema).and_then(|text| target(self.document, text));
        for schema in in_place(schema).chain(target) {
            self.apply(schema, value, cost)?;
        }
        match value {
            Value::Object(values) => self.apply_to_properties(schema, values, cost),
            Value::Array(values) => self.apply_to_items(schema, values, cost),
            _ => Ok(()),
        }
    }

    fn apply_to_properties(
        &mut self,
        schema: &'a Map<String, Value>,
        values: &Map<String, Value>,
        cost: Cost,
    ) -> Result<(), TooMuch> {
        let map = |keyword| schema.get(keyword).and_then(Value::as_object);
        let names = schema.get("propertyNames");
        let others = ["additionalProperties", "unevaluatedProperties"];
        for (name, value) in values {
            if let Some(names) = names {
                // A name costs what any value costs, and is no secret.
                self.apply(names, &Value::Null, cost)?;
            }
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
    ) -> Result<(), TooMuch> {
        let list = |keyword| schema.get(keyword).and_then(Value::as_array);
        let each = ["items", "additionalItems", "contains", "unevaluatedItems"];
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

    /// Takes every text below a secret value.
    fn collect(&mut self, value: &Value) {
        if !self.secret.insert(std::ptr::from_ref(value)) {
            return;
        }
        match value {
            Value::String(text) => self.texts.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Object(map) => map.values().for_each(|value| self.collect(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Schemas applied to values, each as often as validation applies it.
const MAX_STEPS: usize = 50_000;
/// Schemas applied in each other, from the outermost to the innermost value; each takes stack.
const MAX_NESTING: usize = 192;
