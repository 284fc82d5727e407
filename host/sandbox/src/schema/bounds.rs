//! Checks that a schema can be compiled, and applied to any value, in bounded time and stack.
//!
//! References let a small schema expand to a huge one: sixty definitions that each refer to the
//! next one twice take more steps than there is time. Knows nothing of configurations; the walk
//! over a configuration has its own budget.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::applicators::{
    child_subschemas, has_unevaluated, in_place_subschemas, reference, resolve_reference,
    validation_passes,
};
use super::patterns::PatternError;
use vitals_model::Text;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("it refers to {0}; only references within itself are allowed: `#` and a JSON pointer")]
    ExternalReference(Text),
    #[error(
        "its reference {0} has {1} bytes, at most {MAX_REFERENCE} are allowed; use a shorter path"
    )]
    ReferenceTooLong(Text, usize),
    #[error("it refers to the same place as {0} and as {1}; write one of them")]
    Alias(Text, Text),
    #[error("it has `{0}` below its root; refer to `#` and a JSON pointer instead")]
    Keyword(&'static str),
    #[error("a reference leads back to itself, so that validation would never end")]
    Recursion,
    #[error("its combinators and references nest more than {MAX_NESTING} schemas")]
    Nesting,
    #[error("its definitions nest more than {MAX_TOTAL_NESTING} levels of schemas")]
    TotalNesting,
    #[error(
        "its combinators and references expand to more than {MAX_STEPS} schemas; refer to the \
         same definition less often"
    )]
    Steps,
    #[error(
        "it has `propertyNames` within `propertyNames`; a property name is a string and has no properties"
    )]
    NestedPropertyNames,
    #[error(
        "it combines `patternProperties` with `unevaluatedProperties`; use \
         `additionalProperties` instead"
    )]
    Unevaluated,
    #[error(
        "its `unevaluatedProperties` or `unevaluatedItems` depends on a reference that leads back \
         to it; use `additionalProperties` instead"
    )]
    UnevaluatedRecursion,
    #[error(
        "its validator takes more than {} MiB; refer to the same definition less \
         often, and use shorter names", MAX_VALIDATOR_BYTES >> 20
    )]
    ValidatorMemory,
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// Checks the bounds of a schema that is nested at most [`super::MAX_DEPTH`] deep.
pub(super) fn check(document: &Value) -> Result<(), SchemaError> {
    let unfollowed = ["$dynamicRef", "$recursiveRef"];
    if let Some(keyword) = unfollowed.iter().find(|key| document.get(key).is_some()) {
        return Err(SchemaError::Keyword(keyword));
    }
    children(document).try_for_each(check_base_uris)?;

    let mut bounds = Bounds {
        document,
        known: HashMap::new(),
    };
    let mut total_nesting = levels(document);
    let mut seen = HashSet::new();
    let mut targets = HashMap::new();
    let mut next = vec![document];
    let mut steps = 0_usize;
    let mut has_names = false;
    while let Some(schema) = next.pop() {
        let Value::Object(object) = schema else {
            continue;
        };
        if !seen.insert(std::ptr::from_ref(schema)) {
            continue;
        }
        steps = steps.saturating_add(bounds.expansion(schema, 0)?.steps);
        if steps > MAX_STEPS {
            return Err(SchemaError::Steps);
        }
        if let Some(target) = bounds.resolve_reference(schema)? {
            // No path visits a definition twice, so the sum of all definitions bounds the longest
            // path.
            let text = reference(object).unwrap_or_default();
            match targets.insert(std::ptr::from_ref(target), text) {
                None => total_nesting += levels(target),
                // Validation treats two references as two places, and builds the definition for
                // each.
                Some(known) if known != text => {
                    let shown = |text| Text::line(text, SHOWN_BYTES);
                    return Err(SchemaError::Alias(shown(known), shown(text)));
                }
                Some(_) => {}
            }
            next.push(target);
        }
        next.extend(in_place_subschemas(object).chain(child_subschemas(object)));
        if let Some(names) = object.get("propertyNames") {
            next.push(names);
            has_names = true;
        }
    }
    // The definitions are built once more below `propertyNames`.
    let builds = if has_names { 2 } else { 1 };
    if builds * total_nesting > MAX_TOTAL_NESTING {
        return Err(SchemaError::TotalNesting);
    }
    Ok(())
}

/// The nesting of a schema as written, including itself.
fn levels(schema: &Value) -> usize {
    let Value::Object(object) = schema else {
        return 1;
    };
    let inner = in_place_subschemas(object).chain(child_subschemas(object));
    let inner = inner.chain(object.get("propertyNames")).map(levels);
    1 + inner.max().unwrap_or(0)
}

/// Rejects keywords that change the base of references.
fn check_base_uris(value: &Value) -> Result<(), SchemaError> {
    for keyword in ["$id", "$schema", "$dynamicRef", "$recursiveRef"] {
        if value.get(keyword).is_some_and(Value::is_string) {
            return Err(SchemaError::Keyword(keyword));
        }
    }
    children(value).try_for_each(check_base_uris)
}

fn children(value: &Value) -> impl Iterator<Item = &Value> {
    let items = value.as_array().into_iter().flatten();
    let values = value.as_object().into_iter().flat_map(|map| map.values());
    items.chain(values)
}

/// The expansions of the schemas of one document, by address.
struct Bounds<'a> {
    document: &'a Value,
    known: HashMap<*const Value, Expansion>,
}

/// What one schema expands to at a single value.
#[derive(Clone, Copy)]
enum Expansion {
    InProgress,
    Done(Size),
}

#[derive(Clone, Copy)]
struct Size {
    /// The number of applied schemas.
    steps: usize,
    /// Their nesting.
    nesting: usize,
}

impl<'a> Bounds<'a> {
    fn resolve_reference(&self, schema: &'a Value) -> Result<Option<&'a Value>, SchemaError> {
        let Some(reference) = schema.as_object().and_then(reference) else {
            return Ok(None);
        };
        if reference.len() > MAX_REFERENCE {
            let shown = Text::line(reference, SHOWN_BYTES);
            return Err(SchemaError::ReferenceTooLong(shown, reference.len()));
        }
        let target = resolve_reference(self.document, reference);
        let external = || SchemaError::ExternalReference(Text::line(reference, SHOWN_BYTES));
        target.map(Some).ok_or_else(external)
    }

    fn expansion(&mut self, schema: &'a Value, depth: usize) -> Result<Size, SchemaError> {
        let Value::Object(object) = schema else {
            return Ok(Size {
                steps: 1,
                nesting: 1,
            });
        };
        let key = std::ptr::from_ref(schema);
        match self.known.get(&key) {
            Some(Expansion::Done(size)) => return Ok(*size),
            Some(Expansion::InProgress) => return Err(SchemaError::Recursion),
            None if depth >= MAX_NESTING => return Err(SchemaError::Nesting),
            None => self.known.insert(key, Expansion::InProgress),
        };
        let mut inner = Size {
            steps: 0,
            nesting: 0,
        };
        // Names are validated by validators of their own, which are built each time.
        let names = object.get("propertyNames");
        for schema in in_place_subschemas(object)
            .chain(names)
            .chain(self.resolve_reference(schema)?)
        {
            let one = self.expansion(schema, depth + 1)?;
            inner.steps = inner.steps.saturating_add(one.steps);
            inner.nesting = inner.nesting.max(one.nesting);
        }
        let passes = if has_unevaluated(object) {
            validation_passes(inner.nesting.max(1))
        } else {
            1
        };
        let size = Size {
            steps: inner.steps.saturating_mul(passes).saturating_add(1),
            nesting: inner.nesting + 1,
        };
        if size.nesting > MAX_NESTING {
            return Err(SchemaError::Nesting);
        }
        self.known.insert(key, Expansion::Done(size));
        Ok(size)
    }
}

/// The maximum number of schemas that all parts of a schema expand to at a single value; a schema
/// of 64 KiB without references has fewer.
const MAX_STEPS: usize = 50_000;
/// The maximum nesting of schemas at a single value; each level takes stack.
const MAX_NESTING: usize = 64;
/// The maximum nesting of all definitions. Each level takes up to 3.5 KiB of stack when it is
/// compiled in a debug build; a thread has 2 MiB.
const MAX_TOTAL_NESTING: usize = 400;
/// The maximum length of a reference, which is parsed again for each value.
const MAX_REFERENCE: usize = 1 << 10;
/// The maximum memory of a validator, without its patterns.
pub(super) const MAX_VALIDATOR_BYTES: usize = 8 << 20;
const SHOWN_BYTES: usize = 120;

#[cfg(test)]
mod tests;
