//! Schemas that are parsed and rejected, and configurations that are bound.

use serde_json::json;

use super::*;

fn schema(document: &Value) -> Schema {
    Schema::parse(&document.to_string()).unwrap()
}

fn refused(text: &str) -> String {
    Schema::parse(text).unwrap_err().to_string()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn invalid_schemas_are_rejected() {
    assert!(refused("{").contains("EOF"), "{}", refused("{"));
    assert!(refused("[]").contains("must be a JSON object"));
    assert!(refused(&" ".repeat(70_000)).contains("at most 65536"));
    let deep = format!("{}1{}", r#"{"not":"#.repeat(40), "}".repeat(40));
    assert!(refused(&deep).contains("32 deep"), "{}", refused(&deep));
    assert!(refused(r#"{"type": "strin"}"#).contains("strin"));
}

#[test]
fn a_value_of_a_named_type_is_asked_for_by_that_name() {
    let duration = json!({"pattern": "^[0-9]+s$", "x-vitals-type": "duration"});
    let schema = schema(&json!({
        "properties": {"a": duration, "b": {"$ref": "#/$defs/b"}, "c": {"pattern": "^c$"}},
        "$defs": {"b": {"items": duration}},
    }));
    let config = json!({"a": "soon", "b": ["1s", "soon"], "c": "d"});
    let error = schema.bind(&object(&config)).unwrap_err().to_string();
    for expected in [
        "`/a` must be a duration: write for example `30s` or `1m 30s`",
        "`/b/1` must be a duration: write for example `30s` or `1m 30s`",
        "`/c` must match the pattern ^c$",
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_schema_that_multiplies_with_the_configuration_is_refused_at_once() {
    let branch = json!({"properties": {"x": {"$ref": "#"}}});
    let schema = schema(&json!({"anyOf": [branch, branch, branch, branch]}));
    let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"x": inner}));
    assert!(schema.bind(&object(&nested(4))).is_ok());
    let error = schema.bind(&object(&nested(25))).unwrap_err();
    assert!(matches!(error, BindingError::Schema(_)), "{error}");
    assert!(error.to_string().contains("50000 steps"), "{error}");
}

#[test]
fn a_document_that_takes_much_memory_is_refused() {
    let objects = |count| json!({"default": vec![json!({"": 0}); count]}).to_string();
    assert!(Schema::parse(&objects(2000)).is_ok());
    let error = refused(&objects(7000));
    assert!(error.contains("4 MiB of memory"), "{error}");
}

#[test]
fn bytes_that_validation_reads_repeatedly_are_bounded() {
    let options: Vec<_> = (0..2000).map(|n| json!({"": n})).collect();
    let alike = |count| vec![json!({"$ref": "#/$defs/options"}); count];
    let with = |count| {
        let options = json!({"options": {"enum": options}});
        schema(&json!({"anyOf": alike(count), "$defs": options}))
    };
    let error = |schema: Schema, config| schema.bind(&object(&config)).unwrap_err();
    let few = error(with(4), json!({"a": 1}));
    assert!(matches!(few, BindingError::Config(_)), "{few}");
    let many = error(with(40), json!({"a": 1}));
    assert!(many.to_string().contains("more than 16 MiB"), "{many}");

    let unique = vec![json!({"uniqueItems": true}); 1000];
    let unique = schema(&json!({"properties": {"a": {"allOf": unique}}}));
    let long: Vec<_> = (0..2000).collect();
    let many = error(unique, json!({"a": long}));
    assert!(many.to_string().contains("more than 16 MiB"), "{many}");

    let nothing = schema(&json!({"additionalProperties": {"anyOf": vec![false; 1000]}}));
    let many = error(nothing, json!({"x".repeat(50_000): 1}));
    assert!(many.to_string().contains("more than 16 MiB"), "{many}");
}

#[test]
fn violations_are_not_listed_if_there_are_too_many() {
    let list = schema(&json!({"properties": {"a": {"items": {"anyOf": [false, false]}}}}));
    let error = |items| {
        let config = json!({"a": vec![0; items]});
        list.bind(&object(&config)).unwrap_err().to_string()
    };
    assert!(error(100).contains("`/a/0`"), "{}", error(100));
    assert!(
        error(5000).contains("remove parts of it"),
        "{}",
        error(5000)
    );
}

#[test]
fn large_patterns_meet_no_long_texts() {
    for (schema, config) in [
        (
            json!({"properties": {"a": {"pattern": r"\p{L}{20}$"}}}),
            json!({"a": "ä".repeat(9000)}),
        ),
        (
            json!({"propertyNames": {"pattern": r"\p{L}{20}$"}}),
            json!({"ä".repeat(9000): 1}),
        ),
        (
            json!({"patternProperties": {r"\p{L}{20}$": {}}}),
            json!({"ä".repeat(9000): 1}),
        ),
    ] {
        let schema = self::schema(&schema);
        let error = schema.bind(&object(&config)).unwrap_err().to_string();
        assert!(error.contains("patterns are too large"), "{error}");
    }
    let small = schema(&json!({"properties": {"a": {"pattern": "^[a-z]+$"}}}));
    assert!(
        small
            .bind(&object(&json!({"a": "a".repeat(60_000)})))
            .is_ok()
    );
}

#[test]
fn the_validator_lives_while_somebody_holds_it() {
    let schema = schema(&json!({"properties": {"a": {"pattern": "^[a-z]+$"}}}));
    assert!(schema.bind(&Map::new()).is_ok());
    assert_eq!(schema.validator.lock().strong_count(), 0);
    let held = schema.validator().unwrap();
    assert!(Arc::ptr_eq(&held, &schema.validator().unwrap()));
}

#[test]
fn unevaluated_keywords_count_for_every_level() {
    let below = |levels| (0..levels).fold(json!({}), |inner, _| json!({"allOf": [inner]}));
    let asks = |levels| json!({"allOf": [below(levels)], "unevaluatedProperties": false});
    let list = |levels| schema(&json!({"properties": {"a": {"items": asks(levels)}}}));
    let config = object(&json!({"a": vec![json!({}); 1000]}));
    assert!(list(2).bind(&config).is_ok());
    let error = list(10).bind(&config).unwrap_err().to_string();
    assert!(error.contains("50000 steps"), "{error}");
}

/// Definitions that each lead to the next, with `within` around the reference.
fn chain(links: usize, within: impl Fn(Value) -> Value) -> Schema {
    let mut definitions = Map::new();
    for link in 0..links {
        let next = json!({"$ref": format!("#/$defs/{}", link + 1)});
        definitions.insert(link.to_string(), within(next));
    }
    definitions.insert(links.to_string(), json!({"type": "integer"}));
    schema(&json!({"$ref": "#/$defs/0", "$defs": definitions}))
}

#[test]
fn the_deepest_schemas_and_configurations_leave_stack() {
    let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"x": inner}));
    let properties = chain(195, |next| json!({"properties": {"x": next}}));
    assert!(properties.bind(&object(&nested(90))).is_ok());
    let error = properties.bind(&object(&nested(120))).unwrap_err();
    assert!(error.to_string().contains("192 schemas deep"), "{error}");

    let lists = |next| (0..26).fold(next, |inner, _| json!({"items": inner}));
    drop(chain(14, lists));
    drop(chain(195, |next| json!({"unevaluatedProperties": next})));

    let tree = schema(&json!({"anyOf": [
        {"properties": {"x": {"$ref": "#"}}, "additionalProperties": false},
        {"type": "integer"},
    ]}));
    assert!(tree.bind(&object(&nested(60))).is_ok());
    let mut wrong = json!({"y": 1});
    for _ in 0..60 {
        wrong = json!({"x": wrong});
    }
    assert!(matches!(
        tree.bind(&object(&wrong)),
        Err(BindingError::Config(_))
    ));
}

#[test]
fn a_schema_may_contain_itself() {
    let schema = schema(&json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://example.com/conditions.json",
        "$ref": "#/definitions/Condition",
        "definitions": {"Condition": {"anyOf": [
            {"properties": {
                "all": {"type": "array", "items": {"$ref": "#/definitions/Condition"}},
                "token": {"type": "string", "writeOnly": true},
            }, "additionalProperties": false},
            {"properties": {"not": {"$ref": "#/definitions/Condition"}},
             "additionalProperties": false, "required": ["not"]},
        ]}},
    }));
    let deep = json!({"all": [{"not": {"all": [{"token": "hunter2"}, {}]}}, {}]});
    assert_eq!(schema.bind(&object(&deep)).unwrap().secrets, ["hunter2"]);
    let wrong = json!({"all": [{"not": {"all": [{"token": 5}]}}]});
    assert!(schema.bind(&object(&wrong)).is_err());
}

#[test]
fn property_names_are_not_secrets() {
    let schema = schema(&json!({"propertyNames": {"writeOnly": true}}));
    let bound = schema.bind(&object(&json!({"visible": "text"}))).unwrap();
    assert_eq!(bound.secrets, [""; 0]);
}

#[test]
fn the_strangers_words_are_cleaned() {
    let wild = "\u{1b}]0;pwned\u{7}\u{1b}[31mRED\u{202e}\nfake line";
    for schema in [
        json!({"required": [wild]}),
        json!({"properties": {"a": {"enum": [wild]}}}),
        json!({"properties": {"a": {"pattern": "^\u{1b}\u{202e}\nfake"}}}),
        json!({"properties": {"a": {"const": wild}}}),
        json!({"additionalProperties": false, "properties": {wild: {}}}),
        json!({"dependentRequired": {"a": [wild]}}),
        json!({"anyOf": [{"required": [wild]}]}),
    ] {
        let error = self::schema(&schema).bind(&object(&json!({"a": "x"})));
        let error = error.unwrap_err().to_string();
        assert!(
            !error.contains(['\u{1b}', '\u{7}', '\u{202e}', '\n']),
            "{error:?}"
        );
    }
}

#[test]
fn violations_name_the_location_but_not_the_value() {
    let schema = schema(&json!({
        "type": "object",
        "properties": {
            "url": {"type": "string"},
            "port": {"type": "integer", "maximum": 65535},
            "mode": {"enum": ["a", "b"]},
        },
        "required": ["url"],
        "additionalProperties": false,
    }));
    let config = json!({"port": 70_000, "mode": "hunter2", "prot": 1});
    let error = schema.bind(&object(&config)).unwrap_err().to_string();
    assert_eq!(
        error,
        "its `config` does not fit the plugin: `/mode` must be one of [\"a\",\"b\"]; `/port` \
         must be at most 65535; the plugin knows no key `prot`; `url` is missing"
    );
}

#[test]
fn write_only_values_are_secrets() {
    let schema = schema(&json!({
        "properties": {
            "password": {"$ref": "#/$defs/secret"},
            "headers": {"additionalProperties": {"writeOnly": true}},
            "tokens": {"items": {"writeOnly": true}},
            "user": {"type": "string"},
            "pair": {"prefixItems": [{}, {"writeOnly": true}]},
            "more": {"patternProperties": {"^a": {"writeOnly": true}}},
            "mode": {"if": {}, "then": {"properties": {"key": {"writeOnly": true}}}},
        },
        "$defs": {"secret": {"type": "string", "writeOnly": true}},
    }));
    let config = json!({
        "password": "hunter2", "headers": {"x": "bearer"}, "tokens": ["one"], "user": "me",
        "pair": ["left", "right"], "more": {"ab": "sesame"}, "mode": {"key": "word"},
    });
    let mut secrets = schema.bind(&object(&config)).unwrap().secrets;
    secrets.sort();
    assert_eq!(
        secrets,
        ["bearer", "hunter2", "one", "right", "sesame", "word"]
    );
}
