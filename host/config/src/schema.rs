//! The JSON Schema of the file, for editors.

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, schema_for};
use serde_json::{Value, json};

use super::raw::RawFile;

/// The JSON Schema (2020-12) of `vitals.toml`, as it stands in `vitals.schema.json`.
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

/// TOML has no null, a table's defaults stand at its keys, and the lines of a description break
/// where its reader breaks them.
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
    fn keys_say_what_they_are_and_what_holds_without_them() {
        let server = at("/properties/server");
        let listen = &server["properties"]["listen"];
        assert_eq!(listen["default"], "127.0.0.1:8000");
        assert_eq!(
            listen["description"],
            "IP address and port to listen on. Environment: `VITALS_LISTEN`."
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
    fn no_table_takes_unknown_keys() {
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
    fn every_variable_is_named_where_its_key_is_described() {
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
