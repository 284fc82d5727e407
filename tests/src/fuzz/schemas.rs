//! A plugin's JSON Schema and an operator's configuration: read, bound and walked in bounded time, or
//! rejected.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value, json};
use vitals_host::fuzzing::bind;
use vitals_host::workbench::settings::rows;

use super::laws;

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (schema, config) = text.split_once('\0').unwrap_or((&text, "{}"));
    let config: Map<String, Value> = serde_json::from_str(config).unwrap_or_default();
    if let Ok(schema) = serde_json::from_str(schema) {
        for row in rows(&schema) {
            for told in [&row.key, &row.kind, &row.description] {
                laws::clean("a setting", told);
            }
        }
    }
    let before = cpu_time();
    let bound = bind(schema, &config);
    let took = cpu_time().saturating_sub(before);
    assert!(took < MOST_CPU_TIME, "{took:?} of a processor's time");
    match bound {
        Ok(bound) => {
            let read: Map<String, Value> =
                serde_json::from_str(&bound.json).expect("the guest gets JSON");
            assert_eq!(read, config, "the guest gets what was written");
            let values = Value::Object(config).to_string();
            for secret in &bound.secrets {
                let quoted = Value::String(secret.clone()).to_string();
                let inner = &quoted[1..quoted.len() - 1];
                assert!(
                    values.contains(inner),
                    "{secret:?} is no value of the configuration"
                );
            }
        }
        Err(error) => {
            let error = error.to_string();
            laws::clean("a schema's error", &error);
            assert!(error.len() < 8 << 10, "an error of {} bytes", error.len());
        }
    }
}

/// The processor's time that this thread has had: it does not matter who else uses the machine.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into()
        .expect("no thread ran for less than no time")
}

/// What reading a schema and binding a configuration may take, in a host that is not optimised.
const MOST_CPU_TIME: Duration = Duration::from_secs(2);

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = written();
    seeds.push(many_patterns());
    seeds
}

/// A schema whose patterns use up half of what they may.
fn many_patterns() -> Vec<u8> {
    let pattern = |n: usize| match n % 4 {
        0 => format!(r"^\d{{1,{}}}(ms|s|m|h)$", n + 1),
        1 => format!(r"^\p{{L}}[\p{{N}}_-]{{{n}}}$"),
        2 => format!("^(?:{}|{n})+$", "a?".repeat(n)),
        _ => format!("^.{{1,{n}}}$"),
    };
    let text = |n: usize| (n.to_string(), json!({"pattern": pattern(n)}));
    let key = |n: usize| (pattern(n), json!({"$ref": "#/$defs/name"}));
    let schema = json!({
        "properties": (0..12).map(text).collect::<Map<_, _>>(),
        "patternProperties": (12..16).map(key).collect::<Map<_, _>>(),
        "propertyNames": {"$ref": "#/$defs/name"},
        "$defs": {"name": {"not": {"pattern": pattern(20)}}},
    });
    let config = json!({"0": "5s", "1": "ä-1", "2": "aaa", "15": "x"});
    format!("{schema}\0{config}").into_bytes()
}

fn written() -> Vec<Vec<u8>> {
    [
        concat!(
            r#"{"type":"object","properties":{"url":{"type":"string","format":"uri","#,
            r#""x-vitals-grant":"http"},"password":{"type":"string","writeOnly":true},"#,
            r#""slow_after":{"type":"string","default":"2s","pattern":"^[0-9]+(ms|s)$"}},"#,
            r#""required":["url"],"additionalProperties":false}"#,
            "\0",
            r#"{"url":"https://example.com/","password":"geheimnisvoll","slow_after":"2s"}"#,
        ),
        concat!(
            r##"{"$ref":"#/$defs/tree","$defs":{"tree":{"anyOf":[{"properties":{"all":"##,
            r##"{"type":"array","items":{"$ref":"#/$defs/tree"},"uniqueItems":true},"not":"##,
            r##"{"$ref":"#/$defs/tree"}},"unevaluatedProperties":false},{"type":"integer"}]}}}"##,
            "\0",
            r#"{"all":[{"not":{"all":[1,2]}},{}],"not":{"not":{"not":7}}}"#,
        ),
        concat!(
            r#"{"oneOf":[{"properties":{"a":{"const":1}},"required":["a"]},"#,
            r#"{"dependentRequired":{"a":["b"]},"propertyNames":{"maxLength":3}}],"#,
            r#""if":{"minProperties":1},"then":{"maxProperties":4},"else":false,"#,
            r#""patternProperties":{"^a":{"minimum":-1.5,"multipleOf":0.5}}}"#,
            "\0",
            r#"{"a":1,"b":[true,null,"x"]}"#,
        ),
        "{}\0{}",
    ]
    .map(Into::into)
    .into()
}

#[cfg(test)]
mod tests {
    use vitals_host::plugin::BindingError;

    use super::*;

    #[test]
    fn no_schema_of_a_seed_is_rejected() {
        for seed in seeds() {
            let text = String::from_utf8(seed).unwrap();
            let (schema, config) = text.split_once('\0').unwrap();
            let bound = bind(schema, &serde_json::from_str(config).unwrap());
            let is_rejected = matches!(bound, Err(BindingError::Schema(_)));
            assert!(!is_rejected, "{schema}: {bound:?}");
        }
    }
}
