//! Schemas of strangers: what they refer to, what they multiply to, what they say.

use serde_json::{Map, Value, json};

use super::case::{Group, HostileCase};
use super::descriptions::described;

pub(super) const GROUP: Group = Group {
    name: "schemas",
    about: "The JSON Schema of a plugin is limited in size, refers only to itself, and is \
            validated in linear time.",
    host: "",
};

/// A guest with this schema.
fn with(
    name: &str,
    does: &'static str,
    schema: impl Fn() -> String + Send + Sync + 'static,
) -> HostileCase {
    HostileCase::new(name, does).made(move || described("bad", "1.0.0", &schema()))
}

pub(super) fn cases() -> Vec<HostileCase> {
    let exploding = "{\"properties\":{\"a\":{\"pattern\":\"^(a+)+$\"}}}";
    let long = format!("config = {{ a = '{}!' }}", "a".repeat(50_000));
    vec![
        with("schema-none", "a schema that is not JSON", || "{ this is no schema".into())
            .refused("its `config-schema` is not usable: key must be a string at line 1 column 3"),
        with("schema-list", "a schema that is a list", || "[]".into()).refused("must be a JSON object"),
        with("schema-bad", "a schema with an unknown type", || r#"{"type":"strin"}"#.into()).refused("not usable"),
        with("schema-remote", "a schema that refers to a server", || r#"{"$ref":"http://127.0.0.1:1/s.json"}"#.into()).refused("only references within itself"),
        with("schema-file", "a schema that refers to a file", || r#"{"$ref":"file:///etc/passwd"}"#.into())
            .refused("its `config-schema` is not usable: it refers to file:///etc/passwd; only references within itself are allowed: `#` and a JSON pointer"),
        with("schema-base", "a schema with another base URI inside", || {
            r##"{"$defs":{"a":{"$id":"http://127.0.0.1:1/","$ref":"s.json"}},"$ref":"#/$defs/a"}"##.into()
        }).refused("not usable"),
        with("schema-dynamic", "a schema with dynamic references", || r##"{"$dynamicRef":"#a"}"##.into()).refused("$dynamicRef"),
        with("schema-loop", "a schema that refers to itself", || r##"{"$ref":"#"}"##.into()).refused("leads back to itself"),
        with("schema-loop-wide", "two definitions that refer to each other", || {
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"not":{"$ref":"#/$defs/a"}}}}"##.into()
        }).refused("leads back to itself"),
        with("schema-large", "a schema of 64 KiB and a byte", || format!("{{\"a\":\"{}\"}}", "x".repeat(65_529))).refused("65537 bytes"),
        with("schema-deep", "a schema 40 deep", || format!("{}true{}", "{\"not\":".repeat(40), "}".repeat(40))).refused("32 deep"),
        with("schema-very-deep", "a schema 10,000 deep", || format!("{}true{}", "{\"not\":".repeat(8000), "}".repeat(8000))).refused("not usable"),
        with("schema-doubling", "sixty definitions, each of which names the next one twice", || doubling(60)).refused("combinators and references"),
        with("schema-multiplying", "a schema that multiplies with the configuration", || {
            let branch = json!({"properties": {"x": {"$ref": "#"}}});
            json!({"anyOf": [branch, branch, branch, branch]}).to_string()
        }).with(&format!("config = {{ {}y = 1{} }}", "x = { ".repeat(25), " }".repeat(25))).refused("steps"),
        with("schema-pattern", "a pattern that takes exponential time in other engines", move || exploding.into()).with(&long).refused("must match the pattern"),
        with("schema-pattern-large", "a pattern of a million states", || r#"{"properties":{"a":{"pattern":"((a{100}){100}){100}"}}}"#.into()).refused("not usable"),
        with("schema-pattern-around", "a pattern with look-around", || r#"{"properties":{"a":{"pattern":"(?=a)(?<!b)a"}}}"#.into()).refused("not usable"),
        with("schema-foul", "a schema whose texts are line breaks and terminal codes", || {
            json!({"required": ["\u{1b}[2J\u{202e}\nfake: healthy\u{7}"]}).to_string()
        }).refused("is missing").clean(),
        with("schema-grant-unknown", "a mark for an unknown kind of grant", || marked("everything")).with("config = { a = 'x' }").refused("everything"),
        with("schema-grant-bad", "a granted value that is not an address", || marked("tcp")).with("config = { a = 'no address' }").refused("cannot grant the value at `/a`"),
        with("schema-grant-default", "a default for a setting that grants", || {
            json!({"properties": {"a": {"type": "string", "x-vitals-grant": "tcp", "default": "127.0.0.1:1"}}}).to_string()
        }).survives("healthy").fact("/grants", super::case::Is::Long(0)),
        with("schema-grant-hidden", "a mark under a combinator, which grants nothing", || {
            json!({"anyOf": [{"properties": {"a": {"x-vitals-grant": "tcp"}}}]}).to_string()
        }).with("config = { a = '127.0.0.1:1' }").survives("healthy")
        .fact("/grants", super::case::Is::Long(0)),
    ]
}

fn doubling(links: usize) -> String {
    let mut definitions = Map::new();
    for link in 0..links {
        let next = json!({"$ref": format!("#/$defs/{}", link + 1)});
        definitions.insert(link.to_string(), json!({"allOf": [next, next]}));
    }
    definitions.insert(links.to_string(), Value::Object(Map::new()));
    json!({"$ref": "#/$defs/0", "$defs": definitions}).to_string()
}

fn marked(kind: &str) -> String {
    json!({"properties": {"a": {"type": "string", "x-vitals-grant": kind}}}).to_string()
}
