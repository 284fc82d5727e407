//! Schemas within and beyond the bounds.

use serde_json::{Map, json};

use super::*;

/// A chain of definitions, each made from a reference to the next.
fn chain(links: usize, link: impl Fn(Value) -> Value) -> Value {
    let mut definitions = Map::new();
    for index in 0..links {
        let next = json!({"$ref": format!("#/$defs/{}", index + 1)});
        definitions.insert(index.to_string(), link(next));
    }
    definitions.insert(links.to_string(), json!({}));
    json!({"$ref": "#/$defs/0", "$defs": definitions})
}

#[test]
fn schemas_that_expand_too_far_are_rejected() {
    for twice in [
        |next: Value| json!({"allOf": [next, next]}),
        |next: Value| json!({"anyOf": [next], "oneOf": [next]}),
        |next: Value| json!({"if": next, "else": next}),
        |next: Value| json!({"not": next, "dependentSchemas": {"a": next}}),
        |next: Value| json!({"propertyNames": next, "allOf": [{"propertyNames": next}]}),
    ] {
        assert_eq!(check(&chain(8, twice)), Ok(()));
        assert_eq!(check(&chain(20, twice)), Err(SchemaError::Steps));
    }
    let asked_again = |next: Value| json!({"allOf": [next], "unevaluatedItems": false});
    assert_eq!(check(&chain(3, asked_again)), Ok(()));
    assert_eq!(check(&chain(25, asked_again)), Err(SchemaError::Steps));
}

#[test]
fn schemas_that_nest_too_deeply_are_rejected() {
    let here = |next: Value| json!({"allOf": [next]});
    assert_eq!(check(&chain(25, here)), Ok(()));
    assert_eq!(check(&chain(60, here)), Err(SchemaError::Nesting));
    let in_child = |next: Value| json!({"properties": {"x": next}});
    assert_eq!(check(&chain(190, in_child)), Ok(()));
    assert_eq!(check(&chain(210, in_child)), Err(SchemaError::TotalNesting));
    let of_names = |next: Value| json!({"properties": {"x": {"propertyNames": next}}});
    assert_eq!(check(&chain(60, of_names)), Ok(()));
    assert_eq!(check(&chain(90, of_names)), Err(SchemaError::TotalNesting));
}

#[test]
fn a_schema_may_contain_itself_inside_and_not_in_place() {
    let tree = json!({
        "$ref": "#/$defs/tree",
        "$defs": {"tree": {"anyOf": [
            {"type": "string"},
            {"properties": {"left": {"$ref": "#/$defs/tree"}, "right": {"$ref": "#"}}},
            {"items": {"$ref": "#/$defs/tree"}},
        ]}},
    });
    assert_eq!(check(&tree), Ok(()));
    for endless in [
        json!({"$ref": "#"}),
        json!({"properties": {"a": {"allOf": [{"not": {"$ref": "#/properties/a"}}]}}}),
    ] {
        assert_eq!(check(&endless), Err(SchemaError::Recursion), "{endless}");
    }
}

#[test]
fn references_and_bases_elsewhere_are_refused() {
    for elsewhere in [
        "other.json",
        "",
        "json-schema:///#/$defs/a",
        "#anchor",
        "#/$defs/b",
    ] {
        let schema = json!({"items": {"$ref": elsewhere}, "$defs": {"a": {}}});
        let refused = SchemaError::ExternalReference(Text::line(elsewhere, SHOWN_BYTES));
        assert_eq!(check(&schema), Err(refused));
    }
    for keyword in ["$id", "$schema", "$dynamicRef", "$recursiveRef"] {
        let schema = json!({"$defs": {"a": {keyword: "http://x.test/"}}});
        assert_eq!(check(&schema), Err(SchemaError::Keyword(keyword)));
        let property = json!({"properties": {keyword: {"type": "string"}}});
        assert_eq!(check(&property), Ok(()));
    }
    assert_eq!(
        check(&json!({"$id": "http://x.test/", "$schema": "http://y.test/"})),
        Ok(())
    );
    let twice = json!({
        "$defs": {"a": {}},
        "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/%24defs/a"}],
    });
    assert!(matches!(check(&twice), Err(SchemaError::Alias(..))));
    let name = "a".repeat(2000);
    let long = json!({"items": {"$ref": format!("#/$defs/{name}")}, "$defs": {name: {}}});
    assert!(matches!(
        check(&long),
        Err(SchemaError::ReferenceTooLong(_, 2008))
    ));
    let dynamic = json!({"$dynamicRef": "#a"});
    assert_eq!(check(&dynamic), Err(SchemaError::Keyword("$dynamicRef")));
}
