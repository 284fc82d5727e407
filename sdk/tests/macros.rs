//! The macros, used as an author uses them.

use std::collections::BTreeMap;

use vitals_sdk::prelude::*;
use vitals_values::{DURATION_PATTERN, MAX_CHARS};

/// What to look at.
///
/// More of it.
#[derive(Config, Debug)]
struct Settings {
    /// The server,
    /// by its address.
    #[config(grant = "tcp")]
    address: Address,
    #[config(grant = "http")]
    mirrors: Vec<Url>,
    #[config(grant = "http")]
    proxy: Option<Url>,
    #[config(secret)]
    password: Option<String>,
    #[config(secret, default)]
    headers: BTreeMap<String, String>,
    #[config(default = "2s")]
    slow_after: Duration,
    #[config(default = 5, range(1..=10))]
    tries: u8,
    #[config(default, min = 0.5)]
    share: Option<f64>,
    #[config(rename = "type", default = "primary")]
    role: Role,
    /// How to prove who it is.
    #[config(default = { "token": { "value": "x", "ttl": "1m" } })]
    login: Login,
    #[config(default)]
    limits: Limits,
    #[config(default = [])]
    more_limits: Vec<Limits>,
}

/// Which one.
#[derive(Config, Debug, PartialEq)]
enum Role {
    /// The one that writes.
    Primary,
    #[config(rename = "read-only")]
    Replica,
}

#[derive(Config, Debug, PartialEq)]
enum Login {
    /// Nothing.
    None,
    Password(String),
    Token {
        value: String,
        #[config(default = "1h")]
        ttl: Duration,
    },
}

#[derive(Config, Debug, PartialEq, Default)]
struct Limits {
    #[config(default)]
    rows: u32,
    note: Option<String>,
}

const SMALLEST: &str = r#"{"address": "db:5432", "mirrors": []}"#;

#[test]
fn the_schema_describes_the_settings() {
    let url = json!({ "type": "string", "format": "uri", "x-vitals-type": "URL", "x-vitals-grant": "http" });
    let expected = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "description": "What to look at.\n\nMore of it.",
        "additionalProperties": false,
        "required": ["address", "mirrors"],
        "x-vitals-order": [
            "address", "mirrors", "proxy", "password", "headers", "slow_after", "tries", "share", "type", "login",
            "limits", "more_limits",
        ],
        "properties": {
            "address": {
                "type": "string",
                "description": "The server, by its address.",
                "pattern": "^(\\[[0-9A-Fa-f:.]+\\]|[0-9A-Za-z._-]+):[0-9]{1,5}$",
                "x-vitals-type": "`host:port`",
                "x-vitals-grant": "tcp",
            },
            "mirrors": { "type": "array", "items": url },
            "proxy": url,
            "password": { "type": "string", "writeOnly": true },
            "headers": {
                "type": "object",
                "additionalProperties": { "type": "string" },
                "default": {},
                "writeOnly": true,
            },
            "slow_after": {
                "type": "string",
                "pattern": DURATION_PATTERN, "maxLength": MAX_CHARS,
                "x-vitals-type": "duration",
                "default": "2s",
            },
            "tries": { "type": "integer", "minimum": 1, "maximum": 10, "default": 5 },
            "share": { "type": "number", "minimum": 0.5 },
            "type": {
                "type": "string",
                "enum": ["primary", "read-only"],
                "description": "Which one.\n- `primary`: The one that writes.",
                "default": "primary",
            },
            "login": {
                "$ref": "#/$defs/Login",
                "description": "How to prove who it is.",
                "default": { "token": { "value": "x", "ttl": "1m" } },
            },
            "limits": { "$ref": "#/$defs/Limits", "default": { "rows": 0 } },
            "more_limits": {
                "type": "array",
                "items": { "$ref": "#/$defs/Limits" },
                "default": [],
            },
        },
        "$defs": {
            "Login": {
                "oneOf": [
                    { "const": "none", "description": "Nothing." },
                    {
                        "type": "object",
                        "properties": { "password": { "type": "string" } },
                        "required": ["password"],
                        "additionalProperties": false,
                    },
                    {
                        "type": "object",
                        "properties": {
                            "token": {
                                "type": "object",
                                "properties": {
                                    "value": { "type": "string" },
                                    "ttl": {
                                        "type": "string",
                                        "pattern": DURATION_PATTERN, "maxLength": MAX_CHARS,
                                        "x-vitals-type": "duration",
                                        "default": "1h",
                                    },
                                },
                                "required": ["value"],
                                "x-vitals-order": ["value", "ttl"],
                                "additionalProperties": false,
                            },
                        },
                        "required": ["token"],
                        "additionalProperties": false,
                    },
                ],
            },
            "Limits": {
                "type": "object",
                "properties": {
                    "rows": { "type": "integer", "minimum": 0, "maximum": u32::MAX, "default": 0 },
                    "note": { "type": "string" },
                },
                "x-vitals-order": ["rows", "note"],
                "additionalProperties": false,
            },
        },
    });
    assert_eq!(Settings::json_schema(), expected);
}

#[test]
fn missing_keys_have_their_defaults() {
    let settings = Settings::from_json(SMALLEST).unwrap();
    assert_eq!(settings.address.to_string(), "db:5432");
    assert!(settings.proxy.is_none() && settings.password.is_none() && settings.share.is_none());
    assert_eq!(settings.slow_after, Duration::from_secs(2));
    assert_eq!(settings.tries, 5);
    assert_eq!(settings.role, Role::Primary);
    assert_eq!(
        settings.login,
        Login::Token {
            value: "x".into(),
            ttl: Duration::from_mins(1)
        }
    );
    assert_eq!(settings.limits, Limits::default());
}

#[test]
fn settings_round_trip() {
    let json = r#"{
        "address": "[::1]:5432", "mirrors": ["http://a/"], "proxy": "https://me:pw@b/c", "tries": 10.0,
        "headers": { "x": "y" }, "slow_after": "1m 30s", "share": 1, "type": "read-only",
        "login": { "password": "p" }, "more_limits": [{ "rows": 3, "note": "n" }, {}]
    }"#;
    let settings = Settings::from_json(json).unwrap();
    assert_eq!(settings.role, Role::Replica);
    assert_eq!(settings.login, Login::Password("p".into()));
    assert_eq!(settings.more_limits.len(), 2);
    let again = Settings::read(settings.to_value()).unwrap();
    assert_eq!(format!("{again:?}"), format!("{settings:?}"));
}

#[test]
fn errors_name_the_path() {
    let wrong = |key: &str, value: Value| {
        let mut object: serde_json::Map<String, Value> = serde_json::from_str(SMALLEST).unwrap();
        object.insert(key.to_owned(), value);
        Settings::read(object.into()).unwrap_err().to_string()
    };
    for (key, value, error) in [
        ("tries", json!(11), "`tries`: 11 is more than 10"),
        ("tries", json!(0), "`tries`: 0 is less than 1"),
        (
            "tries",
            json!(1.5),
            "`tries`: expected a whole number, found a number",
        ),
        (
            "tries",
            json!("1"),
            "`tries`: expected a whole number, found a string",
        ),
        (
            "tries",
            json!(null),
            "`tries`: expected a whole number, found null",
        ),
        (
            "mirrors",
            json!(["http://a/", 1]),
            "`mirrors[1]`: expected a string, found a number",
        ),
        (
            "more_limits",
            json!([{}, {"rows": -1}]),
            "`more_limits[1].rows`: -1 is not from 0 to 4294967295",
        ),
        (
            "limits",
            json!({"row": 1}),
            "`limits`: unknown key `row`, expected one of `rows`, `note`",
        ),
        (
            "login",
            json!("some"),
            "`login`: unknown value `some`, expected one of `none`, `password`, `token`",
        ),
        (
            "login",
            json!({"token": {}}),
            "`login.token`: the key `value` is missing",
        ),
        (
            "headers",
            json!({"x": 1}),
            "`headers.x`: the value is not valid (hidden, because it is secret)",
        ),
        (
            "slow_after",
            json!("2 x"),
            "`slow_after`: `2 x` is not a duration: its unit is none of `d`, `h`, `m`, `s`, `ms`, \
             `us` and `ns`; write it like `30s`, `1.5s` or `1m 30s`",
        ),
    ] {
        assert_eq!(wrong(key, value), error);
    }
    assert_eq!(
        Settings::from_json("{}").unwrap_err().to_string(),
        "the key `address` is missing"
    );
    assert_eq!(
        Settings::from_json("[]").unwrap_err().to_string(),
        "expected an object, found an array"
    );
}

#[derive(Config)]
struct BadDefault {
    #[config(default = "soon")]
    wait: Duration,
}

#[test]
#[should_panic(
    expected = "the default of a setting is not valid: `wait`: `soon` is not a duration"
)]
fn an_invalid_default_panics_when_the_schema_is_made() {
    BadDefault::json_schema();
}

#[derive(Config, Debug, PartialEq)]
struct Inner {
    /// The server.
    #[config(grant = "tcp")]
    server: Address,
    #[config(secret)]
    key: Option<String>,
    #[config(flatten)]
    page: Page,
}

#[derive(Config, Debug, PartialEq)]
struct Page {
    #[config(default = 20, range(1..=50))]
    rows: u8,
}

#[derive(Config, Debug, PartialEq)]
struct Outer {
    first: String,
    /// Not shown.
    #[config(flatten)]
    inner: Inner,
    last: Option<u8>,
}

#[test]
fn a_flattened_struct_adds_its_keys_to_the_object() {
    let schema = Outer::json_schema();
    assert_eq!(
        (&schema["required"], &schema["x-vitals-order"]),
        (
            &json!(["first", "server"]),
            &json!(["first", "server", "key", "rows", "last"])
        )
    );
    let properties = &schema["properties"];
    assert_eq!(properties.as_object().map(serde_json::Map::len), Some(5));
    assert_eq!(properties["server"]["x-vitals-grant"], "tcp");
    assert_eq!(properties["server"]["description"], "The server.");
    assert_eq!(properties["key"]["writeOnly"], true);
    assert_eq!(properties["rows"]["default"], 20);
    assert!(schema.get("$defs").is_none(), "{schema}");

    let json = json!({ "first": "a", "server": "db:1", "key": "k", "rows": 50, "last": 1 });
    let outer = Outer::read(json.clone()).unwrap();
    assert_eq!(outer.inner.page, Page { rows: 50 });
    assert_eq!(outer.to_value(), json);
    let least = Outer::from_json(r#"{ "first": "a", "server": "db:1" }"#).unwrap();
    assert_eq!((least.inner.page.rows, least.last), (20, None));
    for (json, error) in [
        (r#"{ "first": "a" }"#, "the key `server` is missing"),
        (
            r#"{ "first": "a", "server": "db:1", "rows": 51 }"#,
            "`rows`: 51 is more than 50",
        ),
        (
            r#"{ "inner": {} }"#,
            "unknown key `inner`, expected one of `first`, `server`, `key`, `rows`, `last`",
        ),
    ] {
        assert_eq!(Outer::from_json(json).unwrap_err().to_string(), error);
    }
}

#[derive(Config)]
struct Tree {
    children: Vec<Tree>,
}

#[test]
fn a_type_may_be_recursive() {
    let schema = Tree::json_schema();
    assert_eq!(schema["$ref"], "#/$defs/Tree");
    assert_eq!(
        schema["$defs"]["Tree"]["properties"]["children"]["items"]["$ref"],
        "#/$defs/Tree"
    );
    assert_eq!(
        Tree::from_json(r#"{"children": [{"children": []}]}"#)
            .unwrap()
            .children[0]
            .children
            .len(),
        0
    );
}

#[derive(Config, Debug)]
struct Places {
    #[config(grant = "file")]
    file: std::path::PathBuf,
    #[config(grant = "disk", default)]
    disks: Vec<std::path::PathBuf>,
}

#[test]
fn a_path_is_absolute_and_can_be_granted() {
    let schema = Places::json_schema();
    assert_eq!(
        schema["properties"]["file"],
        json!({ "type": "string", "pattern": "^/", "x-vitals-type": "path", "x-vitals-grant": "file" })
    );
    assert_eq!(
        schema["properties"]["disks"]["items"]["x-vitals-grant"],
        "disk"
    );
    let read = |file: &str| Places::from_json(&json!({ "file": file }).to_string());
    let places = read("/var//backups/..last").unwrap();
    assert_eq!(places.file.to_str(), Some("/var//backups/..last"));
    assert_eq!(places.file.to_value(), "/var//backups/..last");
    assert!(places.disks.is_empty());
    for (file, why) in [
        ("last", "`file`: `last` is not an absolute path"),
        ("", "`file`: `` is not an absolute path"),
        ("/a\0b", "is not an absolute path"),
        ("/a/../b", "`file`: `/a/../b` contains `..`"),
    ] {
        let error = read(file).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
