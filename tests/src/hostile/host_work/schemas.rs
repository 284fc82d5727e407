//! Schemas that are dear to build, to hold settings against, or to tell of.

use serde_json::{Map, Value, json};

use crate::hostile::case::{Body, HostileCase, case};
use crate::hostile::descriptions::described;
use crate::hostile::schemas::schema;

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    vec![
        schema("patterns-many", "seventeen hundred patterns that compile to 1 MiB each", || {
            json!({"properties": many(1700, |n| json!({"pattern": format!(r"\p{{L}}{{22}}{n}")}))})
        }).refused("compiled patterns take more than"),
        schema("patterns-again",
            "a thousand references to the same fifty patterns, each of which builds them anew", || {
            let patterns = many(50, |n| json!({"pattern": format!(r"\p{{L}}{{2}}{n}")}));
            json!({
                "properties": many(1000, |_| json!({"propertyNames": {"$ref": "#/$defs/all"}})),
                "$defs": {"all": {"properties": patterns}},
            })
        }).refused("compiled patterns take more than"),
        schema("patterns-as-keys",
            "patterns of properties that compile to 1 MiB each, where `additionalProperties` asks for them", || {
            let keys = (0..2000).map(|n| (format!(r"\p{{L}}{{22}}{n}"), json!({})));
            json!({"patternProperties": keys.collect::<Map<_, _>>(), "additionalProperties": false})
        }).refused("compiled patterns take more than"),
        schema("patterns-folded", "classes of every character there is, each case folded", || {
            json!({"pattern": format!("(?i)[{}]", r"\p{any}".repeat(7000))})
        }).refused("at most 512"),
        schema("patterns-folded-short", "the same in patterns of a few bytes", || {
            json!({"properties": many(1200, |n| json!({"pattern": format!(r"(?i)[\p{{any}}\P{{any}}{n}]")}))})
        }).refused("sets a flag"),
        schema("patterns-escaped",
            "a pattern of fifteen thousand escapes, each of which has it read once more", || {
            json!({"pattern": r"\S".repeat(15_000)})
        }).refused("at most 512"),
        schema("patterns-escaped-short", "the same in patterns of 500 bytes", || {
            json!({"properties": many(60, |n| json!({"pattern": format!("{}{n}", r"\S".repeat(240))}))})
        }).refused("not usable"),
        schema("patterns-nested", "counted repetitions of counted repetitions", || {
            json!({"properties": many(1200, |n| json!({"pattern": format!("((a{{14}}){{14}}){{14}}{n}")}))})
        }).refused("compiled patterns take more than"),
        schema("patterns-meet-texts",
            "a large pattern for a long text, held against it two hundred times", || {
            json!({"properties": {"a": {"allOf": vec![json!({"pattern": r"(?:\p{L}|b)*a\p{L}{15}\d"}); 200]}}})
        }).config(&format!("a = '{}'", restless(1_000_000))).refused("patterns are too large"),
        schema("names-endless", "names held to a schema that holds names to it", || {
            json!({
                "$ref": "#/$defs/a",
                "$defs": {"a": {"properties": {"x": {"propertyNames": {"$ref": "#/$defs/a"}}}}},
            })
        }).refused("`propertyNames` within `propertyNames`"),
        schema("evaluated-endless", "a schema that asks what one evaluates which leads back to it", || {
            let asks = json!({"anyOf": [{"$ref": "#/$defs/1"}], "unevaluatedProperties": {}});
            json!({
                "dependentSchemas": {"a": {"$ref": "#/$defs/1"}},
                "$defs": {"1": {"additionalProperties": asks}},
            })
        }).refused("leads back to it"),
        schema("names-many",
            "seven hundred references that each build two thousand schemas anew", || {
            json!({
                "properties": many(700, |_| json!({"propertyNames": {"$ref": "#/$defs/x"}})),
                "$defs": {"x": {"properties": many(2000, |_| json!({}))}},
            })
        }).refused("takes more than 8 MiB"),
        schema("names-long", "three thousand properties under a name of 28 KB", || {
            let inner = json!({"properties": many(3000, |_| json!({}))});
            json!({"properties": {"x".repeat(28_000): inner}})
        }).refused("takes more than 8 MiB"),
        schema("names-evaluated",
            "hundreds of schemas that each ask which of two thousand properties are evaluated", || {
            let asks = json!({"$ref": "#/$defs/b", "unevaluatedProperties": false});
            json!({
                "properties": many(500, |_| asks.clone()),
                "$defs": {"b": {"properties": many(2000, |_| json!({}))}},
            })
        }).refused("takes more than 8 MiB"),
        schema("options-many",
            "a thousand alternatives with the same three thousand options, of which nothing fits", || {
            json!({
                "anyOf": vec![json!({"$ref": "#/$defs/e"}); 1000],
                "$defs": {"e": {"enum": vec![json!({"": 0}); 3000]}},
            })
        }).config("a = 1").refused("reads more than 16 MiB"),
        case("objects-many",
            "forty plugins with eight thousand objects in lists each, which take a hundred times their text",
            Body::Litter(objects)).timeout(20_000).refused("4 MiB of memory"),
    ]
}

/// A text of `a` and `b` of which no part comes again soon, so that no matcher can remember much.
fn restless(length: usize) -> String {
    let mut bits = 1_u32;
    let mut letter = || {
        // Marsaglia, "Xorshift RNGs".
        bits ^= bits << 13;
        bits ^= bits >> 17;
        bits ^= bits << 5;
        if bits & 1 == 0 { 'a' } else { 'b' }
    };
    std::iter::repeat_with(&mut letter).take(length).collect()
}

/// Plugins of different schemas that are nothing but large in memory.
fn objects() -> Vec<(String, Vec<u8>)> {
    let plugin = |number: usize| {
        let schema = json!({"default": vec![json!({"": 0}); 8000 - number]});
        (
            format!("objects-{number}"),
            described("bad", "1.0.0", &schema.to_string()),
        )
    };
    (0..40).map(plugin).collect()
}

fn many(count: usize, schema: impl Fn(usize) -> Value) -> Value {
    let properties = (0..count).map(|index| (index.to_string(), schema(index)));
    Value::Object(properties.collect())
}
