//! A schema walked beside one configuration: how much checking it comes to, and which of its
//! values are secrets.
//!
//! Validation itself has no budget, so the walk goes first. It decides nothing about validity.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::applicators::{asks_again, in_place, passes, reference, target};
use super::footprint::memory;
use super::patterns::Patterns;

/// A configuration that a schema can't be checked against in bounded time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooMuch {
    #[error(
        "checking this `config` against it takes more than {MAX_STEPS} steps, or goes more than \
         {MAX_NESTING} schemas deep: its combinators and references multiply"
    )]
    Steps,
    #[error(
        "checking this `config` against it looks at more than {} MiB: its combinators and references \
         look at the same values again and again", MAX_SEEN >> 20
    )]
    Seen,
    #[error(
        "checking this `config` against it takes too long: its patterns are too large for texts as \
         long as these"
    )]
    Matching,
}

/// What a walk found.
#[derive(Debug)]
pub(super) struct Walked {
    /// The texts of the configuration that are secrets.
    pub(super) secrets: Vec<String>,
    /// How many schemas were applied to values.
    pub(super) steps: usize,
}

/// The texts of `config` that lie where `document` or a part of it is `writeOnly`, each place once.
///
/// All branches of a combinator count, whether the value satisfies them or not, and all
/// `patternProperties`, whether their pattern matches or not: rather one secret too many.
pub(super) fn walk(
    document: &Value,
    patterns: &Patterns,
    config: &Value,
) -> Result<Walked, TooMuch> {
    let mut walk = Walk {
        document,
        patterns,
        steps: 0,
        seen: 0,
        matching: 0,
        secret: HashSet::new(),
        texts: Vec::new(),
    };
    let start = Cost {
        times: 1,
        asked: None,
        nesting: 0,
        path: 0,
        is_name: false,
    };
    walk.apply(document, config, start)?;
    Ok(Walked {
        secrets: walk.texts,
        steps: walk.steps,
    })
}

/// One walk. Its steps are those of validation at worst: each schema counts as often as it is
/// applied.
struct Walk<'a> {
    document: &'a Value,
    patterns: &'a Patterns,
    steps: usize,
    /// Bytes of values and of what they are compared with, each as often as validation looks at
    /// them, or shows them in an error.
    seen: usize,
    /// Bytes of texts times the bytes of the patterns that they are matched with.
    matching: usize,
    /// The values whose texts are found, by where they stand.
    secret: HashSet<*const Value>,
    texts: Vec<String>,
}

/// What one step of the walk stands for.
#[derive(Clone, Copy)]
struct Cost {
    /// How often validation does it.
    times: usize,
    /// The schema in place above it that asks what it evaluates.
    asked: Option<Asked>,
    /// How many schemas it lies in.
    nesting: usize,
    /// How long the path to the value is.
    path: usize,
    /// Whether the value is the name of a property, which is no secret.
    is_name: bool,
}

/// A schema that asks what those below it evaluate.
#[derive(Clone, Copy)]
struct Asked {
    /// How often that one is applied.
    times: usize,
    /// How many levels it lies above.
    levels: usize,
}

impl Cost {
    /// That of a schema that is applied in place below the one that this is the cost of.
    fn below(self) -> Self {
        let Some(Asked { times, levels }) = self.asked else {
            return self;
        };
        let levels = levels + 1;
        Self {
            times: times.saturating_mul(passes(levels)),
            asked: Some(Asked { times, levels }),
            ..self
        }
    }

    /// That of a value with this name in the one that this is the cost of.
    fn within(self, name: usize) -> Self {
        Self {
            path: self.path + name + 1,
            asked: None,
            ..self
        }
    }
}

impl<'a> Walk<'a> {
    fn apply(&mut self, schema: &'a Value, value: &Value, cost: Cost) -> Result<(), TooMuch> {
        self.steps = self.steps.saturating_add(cost.times);
        if self.steps > MAX_STEPS || cost.nesting >= MAX_NESTING {
            return Err(TooMuch::Steps);
        }
        self.look(schema, value, cost)?;
        let Value::Object(schema) = schema else {
            return Ok(());
        };
        if schema.get("writeOnly") == Some(&Value::Bool(true)) && !cost.is_name {
            self.collect(value);
        }
        let nested = Cost {
            nesting: cost.nesting + 1,
            ..cost
        };
        let (asking, inside) = if asks_again(schema) {
            let asked = Some(Asked {
                times: cost.times,
                levels: 0,
            });
            let times = cost.times.saturating_mul(passes(1));
            (Cost { asked, ..nested }, Cost { times, ..nested })
        } else {
            (nested, nested)
        };
        let target = reference(schema).and_then(|text| target(self.document, text));
        for schema in in_place(schema).chain(target) {
            self.apply(schema, value, asking.below())?;
        }
        let cost = inside;
        match value {
            Value::Object(values) => self.apply_to_properties(schema, values, cost),
            Value::Array(values) => self.apply_to_items(schema, values, cost),
            _ => Ok(()),
        }
    }

    /// Counts what a schema by itself looks at.
    fn look(&mut self, schema: &Value, value: &Value, cost: Cost) -> Result<(), TooMuch> {
        let is_set = |keyword| schema.get(keyword) == Some(&Value::Bool(true));
        let mut seen = cost.path;
        let mut matching = 0_usize;
        let mut meets = |text: &str, pattern: &str| {
            let both = text.len().saturating_mul(self.patterns.size(pattern));
            matching = matching.saturating_add(both);
        };
        match value {
            Value::String(text) => {
                seen += text.len();
                if let Some(Value::String(pattern)) = schema.get("pattern") {
                    meets(text, pattern);
                }
            }
            Value::Array(_) if is_set("uniqueItems") => seen += memory(value),
            Value::Array(items) => seen += items.len() * size_of::<Value>(),
            Value::Object(map) => {
                seen += map.keys().map(|name| name.len() + NAME).sum::<usize>();
                let patterns = schema.get("patternProperties").and_then(Value::as_object);
                for pattern in patterns.into_iter().flat_map(Map::keys) {
                    map.keys().for_each(|name| meets(name, pattern));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        let compared = ["const", "enum", "required", "dependentRequired"];
        let compared = compared.iter().filter_map(|keyword| schema.get(keyword));
        seen += compared.map(memory).sum::<usize>();
        self.seen = self.seen.saturating_add(seen.saturating_mul(cost.times));
        if self.seen > MAX_SEEN {
            return Err(TooMuch::Seen);
        }
        let matching = matching.saturating_mul(cost.times);
        self.matching = self.matching.saturating_add(matching);
        if self.matching > MAX_MATCHING {
            return Err(TooMuch::Matching);
        }
        Ok(())
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
                let is_name = Cost {
                    is_name: true,
                    asked: None,
                    ..cost
                };
                self.apply(names, &Value::String(name.clone()), is_name)?;
            }
            let cost = cost.within(name.len());
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
        let cost = cost.within(INDEX);
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
/// Bytes that validation looks at, or copies into errors.
const MAX_SEEN: usize = 16 << 20;
/// Bytes of texts times bytes of compiled patterns.
const MAX_MATCHING: usize = 2 << 30;
/// What a name takes where it is copied, its text aside.
const NAME: usize = 32;
/// How long the place in a list makes a path.
const INDEX: usize = 6;
