//! Where a schema contains other schemas, and where its references lead.
//!
//! Knows the applicators of JSON Schema 2020-12 and the older ones that the validator still
//! supports; knows nothing of values.

use serde_json::{Map, Value};

/// The schemas that apply to the same value as `schema`, except its reference.
pub(super) fn in_place_subschemas(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    all_in(schema, &IN_PLACE)
}

/// The schemas that apply to children of the value, except to property names.
pub(super) fn child_subschemas(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    all_in(schema, &INSIDE)
}

/// Whether a keyword contains other schemas, except `propertyNames`.
pub(super) fn is_applicator(keyword: &str) -> bool {
    [&IN_PLACE, &INSIDE].iter().any(|known| {
        known.lists.contains(&keyword)
            || known.single.contains(&keyword)
            || known.maps.contains(&keyword)
    })
}

/// Whether the object of an applicator is a map of schemas and not a schema itself.
pub(super) fn is_map(applicator: &str) -> bool {
    [&IN_PLACE, &INSIDE]
        .iter()
        .any(|known| known.maps.contains(&applicator))
}

/// Whether a schema depends on which properties or items others have evaluated.
pub(super) fn has_unevaluated(schema: &Map<String, Value>) -> bool {
    let keywords = ["unevaluatedProperties", "unevaluatedItems"];
    keywords.iter().any(|keyword| schema.contains_key(*keyword))
}

/// How often validation applies an in-place schema that is `levels` below one with `unevaluated…`:
/// once for itself, and once for each schema in between, because those are validated again.
pub(super) fn validation_passes(levels: usize) -> usize {
    levels + 2
}

pub(super) fn reference(schema: &Map<String, Value>) -> Option<&str> {
    schema.get("$ref")?.as_str()
}

/// The schema that the reference of `schema` leads to, if it has one that can be resolved.
pub(crate) fn referenced<'a>(
    document: &'a Value,
    schema: &Map<String, Value>,
) -> Option<&'a Value> {
    resolve_reference(document, reference(schema)?)
}

/// Resolves a reference within `document`: `#`, or `#` and a JSON pointer (RFC 6901) that may be
/// percent-encoded. Returns `None` for any other reference.
pub(super) fn resolve_reference<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    let fragment = reference.strip_prefix('#')?;
    document.pointer(&decoded(fragment)?)
}

/// Keywords that contain other schemas, by their form.
struct Applicators {
    lists: &'static [&'static str],
    single: &'static [&'static str],
    maps: &'static [&'static str],
}

const IN_PLACE: Applicators = Applicators {
    lists: &["allOf", "anyOf", "oneOf"],
    single: &["not", "if", "then", "else"],
    maps: &["dependentSchemas", "dependencies"],
};

const INSIDE: Applicators = Applicators {
    lists: &["prefixItems", "items"],
    single: &[
        "items",
        "additionalItems",
        "contains",
        "unevaluatedItems",
        "additionalProperties",
        "unevaluatedProperties",
    ],
    maps: &["properties", "patternProperties"],
};

fn all_in<'a>(
    schema: &'a Map<String, Value>,
    applicators: &'static Applicators,
) -> impl Iterator<Item = &'a Value> {
    let lists = applicators.lists.iter();
    let lists = lists
        .filter_map(|keyword| schema.get(*keyword)?.as_array())
        .flatten();
    let single = applicators.single.iter();
    let single = single.filter_map(|keyword| schema.get(*keyword));
    let maps = applicators.maps.iter();
    let maps = maps
        .filter_map(|keyword| schema.get(*keyword)?.as_object())
        .flat_map(Map::values);
    lists.chain(single).chain(maps)
}

/// Decodes percent-encoding (RFC 3986, section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        (rest, bytes) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let byte = digit(high)? * 16 + digit(low)?;
                bytes.push(u8::try_from(byte).ok()?);
                (tail, bytes)
            }
            (b'%', _) => return None,
            (byte, tail) => {
                bytes.push(*byte);
                (tail, bytes)
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_resolve_only_within_the_document() {
        let document = json!({"$defs": {"a/b<ä>": {"here": true}, "list": [1, 2]}});
        assert_eq!(resolve_reference(&document, "#"), Some(&document));
        for found in ["#/$defs/a~1b%3C%C3%A4%3e/here", "#/$defs/a~1b<ä>/here"] {
            assert_eq!(
                resolve_reference(&document, found),
                Some(&json!(true)),
                "{found}"
            );
        }
        for nowhere in [
            "",
            "/$defs",
            "#$defs",
            "#/$defs/x",
            "#/%",
            "#/%zz",
            "other#/$defs",
        ] {
            assert_eq!(resolve_reference(&document, nowhere), None, "{nowhere}");
        }
    }
}
