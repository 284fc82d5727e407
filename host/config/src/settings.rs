//! From the `config` table of a check to JSON, as the plugin gets it.

use serde_json::{Map, Number, Value as Json};

use super::checks::Settings;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::tree::{KeyPath, Node, Value};

/// Converts the `config` table at `path` to JSON. `diagnostics` is what is already known to be
/// wrong with it.
///
/// # Errors
///
/// `diagnostics`, and every value that JSON cannot represent.
pub(super) fn to_settings(
    config: &Node,
    path: &KeyPath<'_>,
    diagnostics: Vec<Diagnostic>,
) -> Result<Settings, Diagnostics> {
    let mut reader = Reader {
        above: path,
        settings: Settings::default(),
        diagnostics,
    };
    let json = reader.json(config, &KeyPath::Top);
    if let Json::Object(values) = json {
        reader.settings.values = values;
    }
    Diagnostics::new(reader.diagnostics).map_or(Ok(reader.settings), Err)
}

struct Reader<'a> {
    /// The path of the table from the top of the file.
    above: &'a KeyPath<'a>,
    settings: Settings,
    diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Converts a node to JSON; `path` starts at the table.
    fn json(&mut self, node: &Node, path: &KeyPath<'_>) -> Json {
        let pointer = path.pointer();
        if node.secret {
            self.settings.secrets.insert(pointer.clone());
        }
        self.settings
            .locations
            .insert(pointer, node.location.clone());
        match &node.value {
            Value::Text(text) | Value::Datetime(text) => Json::from(text.as_str()),
            Value::Null => Json::Null,
            Value::Boolean(value) => Json::from(*value),
            Value::Integer(number) => self.number(node, path, Number::from_i128(*number)),
            Value::Float(number) => self.number(node, path, Number::from_f64(*number)),
            Value::List(items) => {
                let items = items.iter().enumerate();
                let json = items.map(|(at, item)| self.json(item, &KeyPath::Item(path, at)));
                json.collect()
            }
            Value::Table(table) => {
                let entry = |(key, node): (&String, &Node)| {
                    (key.clone(), self.json(node, &KeyPath::Key(path, key)))
                };
                Json::Object(table.iter().map(entry).collect::<Map<_, _>>())
            }
        }
    }

    fn number(&mut self, node: &Node, path: &KeyPath<'_>, number: Option<Number>) -> Json {
        if let Some(number) = number {
            return Json::Number(number);
        }
        let key = format!("{}{}", self.above, below(path));
        let shown = node.describe();
        self.diagnostics.push(Diagnostic {
            location: node.location.clone(),
            message: format!("`{key}` is {shown}, which JSON cannot represent"),
            key,
            remedy: "write a finite number of at most 64 bits, or a string".to_owned(),
        });
        Json::Null
    }
}

/// Writes a path as the continuation of another one.
fn below(path: &KeyPath<'_>) -> String {
    let text = path.to_string();
    if text.is_empty() || text.starts_with('[') {
        text
    } else {
        format!(".{text}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::Config;
    use vitals_model::CheckName;

    use super::*;

    fn read(config: &str) -> Result<Settings, String> {
        let text = format!("[checks.a]\nplugin = 'p'\n[checks.a.config]\n{config}");
        let file = text.parse::<Config>().expect("the file itself is fine");
        let check = &file.checks[&"a".parse::<CheckName>().expect("a name")];
        check.settings.clone().map_err(|found| found.to_string())
    }

    #[test]
    fn every_type_of_value_is_converted() {
        let settings = read(
            "t = 'x'\ni = -5\nbig = 18446744073709551615\nf = 1.5\nb = true\nl = [1, ['a'], {}]\n\
             when = 2026-01-27T10:30:00Z\nday = 2026-01-27\n[checks.a.config.nested]\nk = 1",
        );
        let expected = json!({
            "t": "x", "i": -5, "big": u64::MAX, "f": 1.5, "b": true, "l": [1, ["a"], {}],
            "when": "2026-01-27T10:30:00Z", "day": "2026-01-27", "nested": { "k": 1 },
        });
        assert_eq!(Json::Object(settings.expect("fine").values), expected);
    }

    #[test]
    fn values_know_their_lines() {
        let settings = read("l = [\n  1,\n  { k = 2 },\n]").expect("fine");
        let line = |pointer: &str| settings.location(pointer).map(ToString::to_string);
        assert_eq!(line("/l/1/k").as_deref(), Some("vitals.toml:6"));
        assert_eq!(line("/l/1/missing").as_deref(), Some("vitals.toml:6"));
        assert_eq!(line("/missing").as_deref(), Some("vitals.toml:3"));
    }

    #[test]
    fn numbers_that_json_lacks_are_errors_of_the_check_alone() {
        assert_eq!(
            read("a = inf\nb = [nan]\nc = 18446744073709551616").expect_err("three"),
            "vitals.toml:4: `checks.a.config.a` is inf, which JSON cannot represent: write a finite \
             number of at most 64 bits, or a string\n\
             vitals.toml:5: `checks.a.config.b[0]` is NaN, which JSON cannot represent: write a finite \
             number of at most 64 bits, or a string\n\
             vitals.toml:6: `checks.a.config.c` is 18446744073709551616, which JSON cannot represent: \
             write a finite number of at most 64 bits, or a string"
        );
    }
}
