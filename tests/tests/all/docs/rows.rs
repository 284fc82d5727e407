//! Rows of a table from a JSON Schema: one for each key of the configuration.

use serde_json::Value;

/// What the reference says about one key.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: String,
    /// The type.
    pub(crate) kind: String,
    /// The limits of its values. Empty if there are none.
    pub(crate) limits: String,
    /// The default. Empty if there is none.
    pub(crate) default: String,
    pub(crate) about: String,
}

/// The rows of the keys of a table, in the order of the schema, without those that are tables with keys
/// of their own.
pub(crate) fn rows(root: &Value, table: &Value) -> Vec<Row> {
    let properties = table["properties"].as_object().into_iter().flatten();
    let plain = properties.filter(|(_, property)| !is_table(root, property));
    plain
        .map(|(key, property)| row(root, table, key, property))
        .collect()
}

/// The row of one property of a table.
fn row(root: &Value, table: &Value, key: &str, property: &Value) -> Row {
    let required = table["required"].as_array().into_iter().flatten();
    let is_required = required.into_iter().any(|name| name == key);
    let mut about = property["description"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let stated = take_sentence(&mut about, "Default: ");
    // The reference has columns for these.
    take_sentence(&mut about, "Environment: ");
    let limits = take_sentence(&mut about, "Limits: ").unwrap_or_default();
    let default = match (property.get("default"), stated) {
        (Some(default), _) => format!("`{default}`"),
        (None, Some(stated)) => stated,
        (None, None) if is_required => "required".to_owned(),
        (None, None) => String::new(),
    };
    let mut kind = kind(root, property);
    if property["writeOnly"] == true {
        kind.push_str(", secret");
    }
    Row {
        key: key.to_owned(),
        kind,
        limits,
        default,
        about,
    }
}

/// The schema that a reference leads to, or the schema itself.
pub(crate) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str();
    reference.map_or(schema, |reference| {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        root.pointer(pointer).expect("a definition")
    })
}

/// Whether it is a table with keys of its own.
pub(crate) fn is_table(root: &Value, schema: &Value) -> bool {
    resolved(root, schema)["properties"].is_object()
}

/// A table in Markdown, without the columns that are empty.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let filled = |column: &usize| rows.iter().any(|row| !row[*column].is_empty());
    let columns: Vec<_> = (0..head.len()).filter(filled).collect();
    let line = |cells: &dyn Fn(usize) -> String| {
        let cells: Vec<_> = columns.iter().map(|&column| cells(column)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&|column| head[column].to_owned());
    text.extend(["|", &"---|".repeat(columns.len()), "\n"]);
    for row in rows {
        text.push_str(&line(&|column| row[column].replace('|', "\\|")));
    }
    text
}

/// The type of a value in words, without its limits.
fn kind(root: &Value, schema: &Value) -> String {
    let schema = resolved(root, schema);
    if let Some(stated) = schema["x-vitals-type"].as_str() {
        let name = stated.split(", ").next().unwrap_or_default();
        return name.to_owned();
    }
    let choices = |name: &str| schema[name].as_array().map(Vec::as_slice);
    let alternatives = choices("oneOf").unwrap_or_default().iter();
    let constants: Vec<_> = alternatives.filter_map(|one| one.get("const")).collect();
    let constants = match choices("enum") {
        Some(values) => values.iter().collect(),
        None => constants,
    };
    if !constants.is_empty() {
        let written = constants.iter().map(|value| format!("`{value}`"));
        return written.collect::<Vec<_>>().join(" or ");
    }
    let names = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().map_or_else(Vec::new, |name| vec![name]),
    };
    let words = names.into_iter().map(|name| match name {
        "array" => match kind(root, &schema["items"]).as_str() {
            "string" => "list of strings".to_owned(),
            items => format!("list of {items}"),
        },
        "object" => "table".to_owned(),
        "string" if schema["format"] == "uri" => "URL".to_owned(),
        name => name.to_owned(),
    });
    words.collect::<Vec<_>>().join(" or ")
}

/// Removes the sentence that begins so from a text, and returns the rest of it without its full stop.
fn take_sentence(text: &mut String, beginning: &str) -> Option<String> {
    let at = text.find(beginning)?;
    let rest = &text[at + beginning.len()..];
    let (sentence, after) = rest.split_once(". ").unwrap_or((rest, ""));
    let taken = sentence.trim_end_matches('.').to_owned();
    let after = after.to_owned();
    text.truncate(at);
    text.push_str(&after);
    text.truncate(text.trim_end().len());
    Some(taken)
}
