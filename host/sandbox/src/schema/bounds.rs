//! Whether a schema can be compiled, and checked against anything, in bounded time and stack.
//!
//! References let a small schema stand for an immense one: sixty definitions of which each names
//! the next twice ask for more steps than there is time. Knows nothing of configurations; the walk
//! beside one has a budget of its own.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::applicators::{
    child_subschemas, has_unevaluated, in_place_subschemas, reference, resolve_reference,
    validation_passes,
};
use super::patterns::PatternError;
use vitals_model::Text;

/// Why a schema is not even tried.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("it refers to {0}; only references within itself are allowed: `#` and a JSON pointer")]
    ExternalReference(Text),
    #[error(
        "its reference {0} has {1} bytes, at most {MAX_REFERENCE} are allowed; name what it refers to \
         in fewer"
    )]
    ReferenceTooLong(Text, usize),
    #[error("it refers to the same place as {0} and as {1}; write one of them")]
    Alias(Text, Text),
    #[error("it has `{0}` below its root; refer to `#` and a JSON pointer instead")]
    Keyword(&'static str),
    #[error("it applies to a value what it is applying to it: a reference leads back to itself")]
    Recursion,
    #[error("its combinators and references apply more than {MAX_NESTING} schemas in each other")]
    Nesting,
    #[error(
        "its definitions come to more than {MAX_TOTAL_NESTING} levels of schemas in each other"
    )]
    TotalNesting,
    #[error(
        "its combinators and references multiply to more than {MAX_STEPS} schemas; refer to the \
         same definition less often"
    )]
    Steps,
    #[error("it has `propertyNames` within `propertyNames`; a name is a text, and has no names")]
    NestedPropertyNames,
    #[error(
        "it has `patternProperties` where `unevaluatedProperties` asks what they evaluate; use \
         `additionalProperties` instead"
    )]
    Unevaluated,
    #[error(
        "it has an `unevaluatedProperties` or `unevaluatedItems` that asks for what leads back to it; \
         use `additionalProperties` instead"
    )]
    UnevaluatedRecursion,
    #[error(
        "it takes more than {} MiB to check anything against it; refer to the same definition less \
         often, and use shorter names", MAX_VALIDATOR_BYTES >> 20
    )]
    ValidatorMemory,
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// Holds a schema that is at most [`super::MAX_DEPTH`] deep to the bounds.
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
            // No path goes through one definition twice, so that the longest is no longer than
            // all of them together.
            let text = reference(object).unwrap_or_default();
            match targets.insert(std::ptr::from_ref(target), text) {
                None => total_nesting += levels(target),
                // Validation takes two names for two places, and builds what is there for each.
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
    // What holds for names is made once more, below where it stands.
    if total_nesting
        > if has_names {
            MAX_TOTAL_NESTING / 2
        } else {
            MAX_TOTAL_NESTING
        }
    {
        return Err(SchemaError::TotalNesting);
    }
    Ok(())
}

/// How deep schemas lie in a schema as it is written, itself included.
fn levels(schema: &Value) -> usize {
    let Value::Object(object) = schema else {
        return 1;
    };
    let inner = in_place_subschemas(object).chain(child_subschemas(object));
    let inner = inner.chain(object.get("propertyNames")).map(levels);
    1 + inner.max().unwrap_or(0)
}

/// Refuses what makes a reference mean another thing than a place in this document.
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

/// What is known of the schemas of one document, by where they stand.
struct Bounds<'a> {
    document: &'a Value,
    known: HashMap<*const Value, Expansion>,
}

/// What one schema comes to at a single value.
#[derive(Clone, Copy)]
enum Expansion {
    /// It is being looked at.
    InProgress,
    Done(Size),
}

#[derive(Clone, Copy)]
struct Size {
    /// Schemas applied, each as often as it is.
    steps: usize,
    /// How many are applied in each other.
    nesting: usize,
}

impl<'a> Bounds<'a> {
    /// What a schema's reference leads to.
    fn resolve_reference(&self, schema: &'a Value) -> Result<Option<&'a Value>, SchemaError> {
        let Some(reference) = schema.as_object().and_then(reference) else {
            return Ok(None);
        };
        if reference.len() > MAX_REFERENCE {
            let shown = Text::line(reference, SHOWN_BYTES);
            return Err(SchemaError::ReferenceTooLong(shown, reference.len()));
        }
        match resolve_reference(self.document, reference) {
            Some(target) => Ok(Some(target)),
            None => Err(SchemaError::ExternalReference(Text::line(
                reference,
                SHOWN_BYTES,
            ))),
        }
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
        // Names are checked by validators that share nothing with the others, made anew each time.
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

/// Schemas that all of a schema's parts may come to, each at one value; one of 64 KiB that repeats
/// nothing has fewer.
const MAX_STEPS: usize = 50_000;
/// Schemas applied in each other at one value; each takes stack.
const MAX_NESTING: usize = 64;
/// How many levels of schemas definitions may come to in each other. Each takes up to 3.5 KiB of
/// stack while it is compiled (in a debug build; a thread has 2 MiB).
const MAX_TOTAL_NESTING: usize = 400;
/// Bytes of a reference, which is read again at each value that it applies to.
const MAX_REFERENCE: usize = 1 << 10;
/// Bytes of a schema's validator, patterns aside.
pub(super) const MAX_VALIDATOR_BYTES: usize = 8 << 20;
const SHOWN_BYTES: usize = 120;

#[cfg(test)]
mod tests;
