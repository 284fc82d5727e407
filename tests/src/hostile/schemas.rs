//! Schemas of strangers: what they refer to, what they multiply to, what they say.

use serde_json::{Map, Value, json};

use super::case::{Group, HostileCase, Is, made};
use super::descriptions::described;

pub(super) const GROUP: Group = Group::new(
    "schemas",
    "The JSON Schema of a plugin is limited in size, refers only to itself, and is validated in \
     linear time.",
);

/// A guest with this schema, as text.
fn text(name: &'static str, does: &'static str, schema: impl Into<String>) -> HostileCase {
    let schema = schema.into();
    made(name, does, move || described("bad", "1.0.0", &schema))
}

/// A guest with this schema.
pub(super) fn schema(
    name: &'static str,
    does: &'static str,
    schema: impl Fn() -> Value + Send + Sync + 'static,
) -> HostileCase {
    made(name, does, move || {
        let text = schema().to_string();
        assert!(text.len() <= 64 << 10, "a schema of {} bytes", text.len());
        described("bad", "1.0.0", &text)
    })
}

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let nots = |depth| "{\"not\":".repeat(depth) + "true" + &"}".repeat(depth);
    let marked = |kind| format!(r#"{{"properties":{{"a":{{"type":"string","x-vitals-grant":"{kind}"}}}}}}"#);
    vec![
        text("schema-none", "a schema that is not JSON", "{ this is no schema")
            .refused("its `config-schema` is not usable: key must be a string at line 1 column 3"),
        text("schema-list", "a schema that is a list", "[]").refused("must be a JSON object"),
        text("schema-bad", "a schema with an unknown type", r#"{"type":"strin"}"#).refused("not usable"),
        text("schema-remote", "a schema that refers to a server", r#"{"$ref":"http://127.0.0.1:1/s.json"}"#)
            .refused("only references within itself"),
        text("schema-file", "a schema that refers to a file", r#"{"$ref":"file:///etc/passwd"}"#)
            .refused("its `config-schema` is not usable: it refers to file:///etc/passwd; only references \
                      within itself are allowed: `#` and a JSON pointer"),
        text("schema-base", "a schema with another base URI inside",
            r##"{"$defs":{"a":{"$id":"http://127.0.0.1:1/","$ref":"s.json"}},"$ref":"#/$defs/a"}"##)
            .refused("not usable"),
        text("schema-dynamic", "a schema with dynamic references", r##"{"$dynamicRef":"#a"}"##)
            .refused("$dynamicRef"),
        text("schema-loop", "a schema that refers to itself", r##"{"$ref":"#"}"##)
            .refused("leads back to itself"),
        text("schema-loop-wide", "two definitions that refer to each other",
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}}}"##)
            .refused("leads back to itself"),
        text("schema-large", "a schema of 64 KiB and a byte", format!("{{\"a\":\"{}\"}}", "x".repeat(65_529)))
            .refused("65537 bytes"),
        text("schema-deep", "a schema 40 deep", nots(40)).refused("32 deep"),
        text("schema-very-deep", "a schema 10,000 deep", nots(8000)).refused("not usable"),
        schema("schema-doubling", "sixty definitions, each of which names the next one twice", || doubling(60))
            .refused("combinators and references"),
        schema("schema-multiplying", "a schema that multiplies with the configuration", || {
            let branch = json!({"properties": {"x": {"$ref": "#"}}});
            json!({"anyOf": [branch, branch, branch, branch]})
        }).config(&format!("{}y = 1{}", "x = { ".repeat(25), " }".repeat(25))).refused("steps"),
        text("schema-pattern", "a pattern that takes exponential time in other engines",
            r#"{"properties":{"a":{"pattern":"^(a+)+$"}}}"#)
            .config(&format!("a = '{}!'", "a".repeat(50_000))).refused("must match the pattern"),
        text("schema-pattern-large", "a pattern of a million states",
            r#"{"properties":{"a":{"pattern":"((a{100}){100}){100}"}}}"#).refused("not usable"),
        text("schema-pattern-around", "a pattern with look-around",
            r#"{"properties":{"a":{"pattern":"(?=a)(?<!b)a"}}}"#).refused("not usable"),
        schema("schema-foul", "a schema whose texts are line breaks and terminal codes",
            || json!({"required": ["\u{1b}[2J\u{202e}\nfake: healthy\u{7}"]})).refused("is missing").clean(),
        text("schema-grant-unknown", "a mark for an unknown kind of grant", marked("everything"))
            .config("a = 'x'").refused("everything"),
        text("schema-grant-bad", "a granted value that is not an address", marked("tcp"))
            .config("a = 'no address'").refused("cannot grant the value at `/a`"),
        schema("schema-grant-default", "a default for a setting that grants", || json!({"properties": {
            "a": {"type": "string", "x-vitals-grant": "tcp", "default": "127.0.0.1:1"},
        }})).healthy().fact("/grants", Is::Long(0)),
        schema("schema-grant-hidden", "a mark under a combinator, which grants nothing",
            || json!({"anyOf": [{"properties": {"a": {"x-vitals-grant": "tcp"}}}]}))
            .config("a = '127.0.0.1:1'").healthy().fact("/grants", Is::Long(0)),
    ]
}

fn doubling(links: usize) -> Value {
    let mut definitions = Map::new();
    for link in 0..links {
        let next = json!({"$ref": format!("#/$defs/{}", link + 1)});
        definitions.insert(link.to_string(), json!({"allOf": [next, next]}));
    }
    definitions.insert(links.to_string(), json!({}));
    json!({"$ref": "#/$defs/0", "$defs": definitions})
}
