//! The JSON Schema of the configuration file, for editors and for `docs/configuration.md`.

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, schema_for};
use serde_json::{Value, json};

use super::raw::RawFile;

/// Returns the JSON Schema (2020-12) of `vitals.toml`, as `vitals.schema.json` has it.
pub fn json_schema() -> Value {
    let mut schema = schema_for!(RawFile);
    RecursiveTransform(tidy).transform(&mut schema);
    let mut schema = schema.to_value();
    let names = json!({ "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$" });
    if let Some(checks) = schema.pointer_mut("/properties/checks") {
        checks["propertyNames"] = names;
    }
    schema
}

/// Adapts a schema to TOML, which has no null, and to editors, which wrap descriptions themselves.
/// The defaults of a table are at its keys.
fn tidy(schema: &mut Schema) {
    if schema
        .get("default")
        .is_some_and(|default| default.is_null() || default.is_object())
    {
        schema.remove("default");
    }
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                schema.ensure_object().entry(key).or_insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(pointer: &str) -> Value {
        let schema = json_schema();
        let mut found = schema
            .pointer(pointer)
            .unwrap_or_else(|| panic!("no {pointer}"))
            .clone();
        if let Some(name) = found["$ref"].as_str() {
            found = schema.pointer(&name[1..]).expect("a definition").clone();
        }
        found
    }

    #[test]
    fn keys_have_types_descriptions_and_defaults() {
        let server = at("/properties/server");
        let listen = &server["properties"]["listen"];
        assert_eq!(listen["default"], "127.0.0.1:8000");
        assert_eq!(
            listen["description"],
            "IP address and port to listen on. Default: `\"127.0.0.1:8000\"`. Environment: \
             `VITALS_LISTEN`."
        );
        assert_eq!(server["properties"]["admin_token"]["type"], "string");
        let limits = at("/$defs/Limits");
        assert_eq!(limits["properties"]["memory"]["default"], "64MiB");
        assert_eq!(limits["properties"]["fuel"]["default"], 500_000_000);
        assert_eq!(
            at("/$defs/Defaults")["properties"]["interval"]["default"],
            "30s"
        );
    }

    #[test]
    fn no_table_accepts_unknown_keys() {
        let schema = json_schema();
        let mut tables: Vec<_> = schema["$defs"]
            .as_object()
            .expect("definitions")
            .iter()
            .collect();
        let root = ("root".to_owned(), schema.clone());
        tables.push((&root.0, &root.1));
        for (name, table) in tables
            .into_iter()
            .filter(|(_, table)| table["type"] == "object")
        {
            if name != "Tools" {
                assert_eq!(table["additionalProperties"], false, "{name}");
            }
            for (key, value) in table["properties"].as_object().into_iter().flatten() {
                assert!(
                    value["description"].is_string() || value["$ref"].is_string(),
                    "{name}.{key}"
                );
            }
        }
        assert!(!schema.to_string().contains("null"), "TOML has no null");
    }

    #[test]
    fn descriptions_state_the_actual_defaults_and_limits() {
        let schema = json_schema();
        let tables = schema["$defs"].as_object().expect("definitions").iter();
        for (name, table) in tables.filter(|(_, table)| table["type"] == "object") {
            for (key, value) in table["properties"].as_object().into_iter().flatten() {
                let (Some(about), false) =
                    (value["description"].as_str(), value.get("$ref").is_some())
                else {
                    continue;
                };
                assert!(about.contains("Default: "), "{name}.{key}: {about}");
                if let Some(default) = value.get("default") {
                    let default = format!("Default: `{default}`.");
                    assert!(about.contains(&default), "{name}.{key}: {about}");
                }
                let limits = match (
                    &value["x-vitals-type"],
                    &value["minimum"],
                    &value["maximum"],
                ) {
                    (Value::String(text), ..) if text.contains(" to ") => {
                        text.split_once(", ").map(|(_, limits)| limits.to_owned())
                    }
                    (_, Value::Number(min), Value::Number(max)) => Some(format!("{min} to {max}")),
                    (_, Value::Number(min), _) => Some(format!("{min} or more")),
                    _ => None,
                };
                if let Some(limits) = limits {
                    let without_spaces = |text: &str| text.replace(' ', "");
                    let limits = without_spaces(&format!("Limits: {limits}"));
                    let about = without_spaces(about);
                    assert!(about.contains(&limits), "{name}.{key}: {about}: {limits}");
                }
            }
        }
    }

    #[test]
    fn descriptions_name_the_variables_of_their_keys() {
        let schema = json_schema();
        for variable in super::super::VARIABLES
            .iter()
            .filter(|variable| variable.key.is_some())
        {
            let name = format!("Environment: `{}`", variable.name);
            assert!(schema.to_string().contains(&name), "{}", variable.name);
        }
    }
}
