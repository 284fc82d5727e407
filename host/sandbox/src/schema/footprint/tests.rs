//! The estimated memory of validators.

use serde_json::json;

use super::*;

fn refused(document: &Value) -> Option<SchemaError> {
    super::super::bounds::check(document).unwrap();
    check(document).err()
}

fn many(count: usize, schema: impl Fn(usize) -> Value) -> Value {
    let properties = (0..count).map(|index| (index.to_string(), schema(index)));
    Value::Object(properties.collect())
}

#[test]
fn targets_of_property_names_count_each_time() {
    let document = |uses| {
        json!({
            "properties": many(uses, |_| json!({"propertyNames": {"$ref": "#/$defs/names"}})),
            "$defs": {"names": {"properties": many(300, |_| json!({}))}},
        })
    };
    assert_eq!(refused(&document(10)), None);
    assert_eq!(refused(&document(300)), Some(SchemaError::ValidatorMemory));
    let within = json!({"propertyNames": {"items": {"propertyNames": {"maxLength": 3}}}});
    assert_eq!(refused(&within), Some(SchemaError::NestedPropertyNames));
    let endless = json!({
        "properties": {"x": {"propertyNames": {"$ref": "#/$defs/a"}}},
        "$defs": {"a": {"properties": {"x": {"propertyNames": {"$ref": "#/$defs/a"}}}}},
    });
    assert_eq!(refused(&endless), Some(SchemaError::NestedPropertyNames));
}

#[test]
fn paths_count_at_every_schema() {
    let document = |name: usize| {
        let inner = json!({"properties": many(2000, |_| json!({}))});
        json!({"properties": {"x".repeat(name): inner}})
    };
    assert_eq!(refused(&document(100)), None);
    assert_eq!(
        refused(&document(20_000)),
        Some(SchemaError::ValidatorMemory)
    );
}

#[test]
fn evaluated_properties_count_for_each_unevaluated_keyword() {
    let asking = json!({"$ref": "#/$defs/wide", "unevaluatedProperties": false});
    let document = |uses| {
        json!({
            "properties": many(uses, |_| asking.clone()),
            "$defs": {"wide": {"properties": many(1000, |_| json!({}))}},
        })
    };
    assert_eq!(refused(&document(10)), None);
    assert_eq!(refused(&document(300)), Some(SchemaError::ValidatorMemory));
    let patterns = json!({
        "allOf": [{"patternProperties": {"^a": {}}}], "unevaluatedProperties": false,
    });
    assert_eq!(refused(&patterns), Some(SchemaError::Unevaluated));
}

#[test]
fn recursion_through_unevaluated_keywords_is_rejected() {
    let asking = json!({"anyOf": [{"$ref": "#/$defs/1"}], "unevaluatedProperties": {}});
    let endless = json!({
        "dependentSchemas": {"a": {"$ref": "#/$defs/1"}},
        "$defs": {"1": {"additionalProperties": asking}},
    });
    assert_eq!(refused(&endless), Some(SchemaError::UnevaluatedRecursion));
    let items = json!({"$ref": "#/$defs/1", "unevaluatedItems": false});
    let endless = json!({"$ref": "#/$defs/1", "$defs": {"1": {"prefixItems": [items]}}});
    assert_eq!(refused(&endless), Some(SchemaError::UnevaluatedRecursion));
    let tree = json!({
        "properties": {"more": {"$ref": "#"}},
        "unevaluatedProperties": false,
    });
    assert_eq!(refused(&tree), None);
}

#[test]
fn a_pattern_counts_each_time_it_is_built() {
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
        Some(SchemaError::Pattern(_))
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
            matches!(refused(&place), Some(SchemaError::Pattern(_))),
            "{place}"
        );
    }
    assert_eq!(refused(&json!({"$defs": {"a": {"pattern": large}}})), None);
}
