//! Which marks of a schema count, and what the operator's values grant.

use serde_json::json;

use super::*;

fn granted(schema: &Value, config: &Value) -> Vec<String> {
    granted_by_marks(schema, config)
        .unwrap()
        .iter()
        .map(Grant::to_string)
        .collect()
}

#[test]
fn marked_values_are_granted_and_nothing_else() {
    let schema = json!({
        "properties": {
            "url": {"type": "string", "x-vitals-grant": "http"},
            "address": {"x-vitals-grant": "tcp"},
            "note": {"type": "string"},
            "missing": {"x-vitals-grant": "tcp", "default": "10.0.0.1:22"},
            "off": {"x-vitals-grant": "tcp"},
        },
    });
    let config = json!({
        "url": "HTTPS://user:secret@API.example.com./health?x=1",
        "address": "[::ffff:10.0.0.1]:5432",
        "note": "10.0.0.2:1",
        "unknown": "10.0.0.3:1",
        "off": null,
    });
    let mut granted = granted(&schema, &config);
    granted.sort();
    assert_eq!(
        granted,
        ["http https://api.example.com", "tcp 10.0.0.1:5432"]
    );
}

#[test]
fn a_value_that_is_marked_again_and_again_is_granted_once() {
    let marked = json!({"x-vitals-grant": ["tcp", "udp", "tcp"], "$ref": "#/$defs/a"});
    let schema = json!({
        "properties": {"a": marked},
        "$defs": {"a": {"x-vitals-grant": "tcp"}},
    });
    assert_eq!(
        granted(&schema, &json!({"a": "10.0.0.1:5432"})),
        ["tcp 10.0.0.1:5432", "udp 10.0.0.1:5432"]
    );
}

#[test]
fn each_kind_reads_its_value() {
    for (mark, value, shown) in [
        ("http", "http://127.1:8080/x", "http http://127.0.0.1:8080"),
        ("http", "http://allowed@evil/", "http http://evil"),
        ("http", "https://[::1]", "http https://[::1]"),
        ("tcp", "DB.internal:5432", "tcp db.internal:5432"),
        ("udp", "1.1.1.1:53", "udp 1.1.1.1:53"),
        ("tls", "mail.example.com:465", "tls mail.example.com:465"),
        ("name", "example.com.", "name example.com"),
        ("file", "/var//backups/", "file /var/backups"),
        ("disk", "/", "system disk:/"),
        ("identity", "shop", "identity shop"),
        ("proxy", "corp", "proxy corp"),
    ] {
        let schema = json!({"properties": {"a": {"x-vitals-grant": mark}}});
        assert_eq!(
            granted(&schema, &json!({"a": value})),
            [shown],
            "{mark} {value}"
        );
    }
}

#[test]
fn urls_that_not_everybody_reads_alike_grant_nothing() {
    let schema = json!({"properties": {"a": {"x-vitals-grant": "http"}}});
    for url in [
        "http://allowed\\@evil/",
        "http:\\\\allowed/",
        "http://all\towed/",
        "http://allowed\n.evil/",
        " http://allowed/",
        "http://allowed /",
        "http://ex%61mple.com/",
        "http://allowed:/",
        "http://allowed:0/",
        "http://allowed:65536/",
        "http:///allowed/",
        "http:allowed",
        "http://[fe80::1%25eth0]/",
        "http://allowed..evil/",
        "ftp://allowed/",
    ] {
        assert!(
            granted_by_marks(&schema, &json!({"a": url})).is_err(),
            "{url:?}"
        );
    }
}

#[test]
fn lists_and_local_references_are_followed() {
    let schema = json!({
        "properties": {"targets": {"type": "array", "items": {"$ref": "#/$defs/target"}}},
        "$defs": {"target": {"properties": {"a/b": {"$ref": "#/$defs/address"}}},
                  "address": {"x-vitals-grant": "tcp"}},
    });
    let config = json!({"targets": [{"a/b": "one:1"}, {"a/b": "two:2"}]});
    let grants = granted_by_marks(&schema, &config).unwrap();
    assert_eq!(
        grants.iter().map(Grant::to_string).collect::<Vec<_>>(),
        ["tcp one:1", "tcp two:2"]
    );
    assert_eq!(
        grants[1].origin(),
        &super::super::Origin::Config("/targets/1/a~1b".into())
    );
    let pointer = "/targets/*/a~1b".to_owned();
    assert_eq!(
        marked_properties(&schema),
        Ok(vec![MarkedProperty {
            pointer,
            mark: Mark::Tcp
        }])
    );
}

#[test]
fn one_address_can_be_granted_for_several_things() {
    let schema = json!({"properties": {"a": {"x-vitals-grant": ["udp", "tcp"]}}});
    assert_eq!(
        granted(&schema, &json!({"a": "ns.test:53"})),
        ["udp ns.test:53", "tcp ns.test:53"]
    );
    assert!(granted(&schema, &json!({"a": null})).is_empty());
    let marked_properties: Vec<Mark> = marked_properties(&schema)
        .unwrap()
        .iter()
        .map(|it| it.mark)
        .collect();
    assert_eq!(marked_properties, [Mark::Tcp, Mark::Udp]);
    for odd in [json!(["udp", "ftp"]), json!([["udp"]]), json!({})] {
        let schema = json!({"properties": {"a": {"x-vitals-grant": odd}}});
        assert!(granted_by_marks(&schema, &json!({"a": "ns.test:53"})).is_err());
    }
}

#[test]
fn marks_under_combinators_and_elsewhere_count_for_nothing() {
    let mark = json!({"properties": {"a": {"x-vitals-grant": "tcp"}}});
    for schema in [
        json!({"allOf": [mark]}),
        json!({"anyOf": [mark]}),
        json!({"oneOf": [mark]}),
        json!({"not": mark}),
        json!({"if": mark, "then": mark, "else": mark}),
        json!({"dependentSchemas": {"a": mark}}),
        json!({"additionalProperties": {"x-vitals-grant": "tcp"}}),
        json!({"patternProperties": {"a": {"x-vitals-grant": "tcp"}}}),
        json!({"properties": {"a": {"anyOf": [{"x-vitals-grant": "tcp"}]}}}),
        json!({"$ref": "https://example.com/schema#/x", "$defs": {"x": mark}}),
        json!({"$defs": {"x": mark}}),
        json!(true),
    ] {
        assert_eq!(
            granted_by_marks(&schema, &json!({"a": "10.0.0.1:1"})),
            Ok(vec![]),
            "{schema}"
        );
        assert_eq!(marked_properties(&schema), Ok(vec![]), "{schema}");
    }
}

#[test]
fn a_wrong_value_names_its_pointer_and_what_is_right() {
    let schema = json!({"properties": {"a": {"items": {"x-vitals-grant": "tcp"}}}});
    let error = |value: Value| {
        granted_by_marks(&schema, &json!({"a": [value]}))
            .unwrap_err()
            .to_string()
    };
    let expected = "write host and port, as in `db.internal:5432` or `[::1]:80`";
    assert_eq!(
        error(json!("db")),
        format!("cannot grant the value at `/a/0` of `config`: it has no port; {expected}")
    );
    assert_eq!(
        error(json!("*.example.com:1")),
        format!(
            "cannot grant the value at `/a/0` of `config`: it is not a single host; {expected}"
        )
    );
    assert_eq!(
        error(json!(5)),
        format!("cannot grant the value at `/a/0` of `config`: it is not a string; {expected}")
    );
    let schema = json!({"properties": {"a": {"x-vitals-grant": "ftp"}}});
    let expected = "the plugin's schema marks `/a` with `x-vitals-grant`: \"ftp\"; the known marks are \
                    \"http\", \"tcp\", \"udp\", \"tls\", \"name\", \"file\", \"disk\", \"identity\" \
                    and \"proxy\"";
    assert_eq!(
        granted_by_marks(&schema, &json!({"a": 1}))
            .unwrap_err()
            .to_string(),
        expected
    );
    assert_eq!(
        marked_properties(&schema).unwrap_err().to_string(),
        expected
    );
}

#[test]
fn errors_clean_schema_texts_and_leave_values_out() {
    let wild = "\u{1b}[32mX\nfake\u{202e}";
    let schema = json!({"properties": {wild: {"x-vitals-grant": "tcp"}}});
    assert_eq!(
        marked_properties(&schema).unwrap()[0].pointer,
        "/ [32mX fake"
    );
    let schema = json!({"properties": {"x".repeat(1000): {"x-vitals-grant": "tcp"}}});
    assert_eq!(
        marked_properties(&schema).unwrap()[0].pointer.len(),
        POINTER_BYTES
    );

    for mark in Mark::ALL {
        let mark = mark.as_str();
        let schema = json!({"properties": {"a": {"x-vitals-grant": mark}}});
        let error = granted_by_marks(&schema, &json!({"a": "ws://u:hunter2-secret@db/x"}));
        let error = error.unwrap_err();
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[test]
fn schemas_that_contain_themselves_end() {
    let endless = json!({"$ref": "#"});
    assert_eq!(
        granted_by_marks(&endless, &json!({})),
        Err(GrantError::TooComplex)
    );
    assert_eq!(marked_properties(&endless), Ok(vec![]));

    let tree = json!({"properties": {
        "address": {"x-vitals-grant": "tcp"},
        "child": {"$ref": "#"},
    }});
    let config = json!({"child": {"child": {"address": "a:1"}}});
    assert_eq!(granted(&tree, &config), ["tcp a:1"]);
    let pointer = "/address".to_owned();
    assert_eq!(
        marked_properties(&tree),
        Ok(vec![MarkedProperty {
            pointer,
            mark: Mark::Tcp
        }])
    );

    // Ten references at each level would be followed ten to the power of the levels times.
    let mut definitions = Map::new();
    for link in 0..10 {
        let next = format!("#/$defs/{}", link + 1);
        let properties = json!({"x": {"$ref": "#/$defs/0"}});
        definitions.insert(
            link.to_string(),
            json!({"$ref": next, "properties": properties}),
        );
    }
    let bomb = json!({"$ref": "#/$defs/0", "$defs": definitions});
    let mut config = json!({});
    for _ in 0..12 {
        config = json!({"x": config});
    }
    assert_eq!(
        granted_by_marks(&bomb, &config),
        Err(GrantError::TooComplex)
    );
    assert!(marked_properties(&bomb).is_ok());
}
