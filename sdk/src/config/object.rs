//! Reads an object by the table of its fields.

use serde_json::{Map, Value};

use super::{Config, ConfigError};

/// One field of a settings struct, as the derive macro writes it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub key: &'static str,
    pub doc: &'static str,
    pub default: Option<fn() -> Value>,
    pub grant: &'static [&'static str],
    pub secret: bool,
    pub minimum: Option<fn() -> Value>,
    pub maximum: Option<fn() -> Value>,
}

/// An object whose fields are taken one by one.
#[doc(hidden)]
#[derive(Debug)]
pub struct Object(Map<String, Value>);

impl Object {
    /// Reads an object and rejects unknown keys.
    pub fn read(value: Value, fields: &[Field]) -> Result<Self, ConfigError> {
        let Value::Object(map) = value else {
            return Err(ConfigError::expected("an object", &value));
        };
        let known = |key: &str| fields.iter().any(|field| field.key == key);
        if let Some(unknown) = map.keys().find(|key| !known(key)) {
            return Err(ConfigError::new(format_args!(
                "unknown key `{unknown}`, expected {}",
                alternatives(fields.iter().map(|field| field.key))
            )));
        }
        Ok(Self(map))
    }

    /// Makes an object with one key.
    pub(super) fn with(key: &str, value: Value) -> Self {
        Self(Map::from_iter([(key.to_owned(), value)]))
    }

    /// Takes one field, or its default if the key is missing.
    pub fn take<T: Config>(&mut self, field: &Field) -> Result<T, ConfigError> {
        let Some(value) = self
            .0
            .remove(field.key)
            .or_else(|| field.default.map(|make| make()))
        else {
            return T::absent().ok_or_else(|| {
                ConfigError::new(format_args!("the key `{}` is missing", field.key))
            });
        };
        in_bounds(&value, field)
            .and_then(|()| T::read(value))
            .map_err(|error| if field.secret { error.hidden() } else { error })
            .map_err(|error| error.inside(field.key))
    }
}

/// Makes an object of these entries; entries that are null are left out.
#[doc(hidden)]
pub fn object_of<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(
        entries
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

/// Returns the only key of an object that stands for a variant, and the value below it.
#[doc(hidden)]
pub fn read_variant(value: Value) -> Result<(String, Option<Value>), ConfigError> {
    match value {
        Value::String(name) => Ok((name, None)),
        Value::Object(map) if map.len() == 1 => {
            let (name, inner) = map.into_iter().next().unwrap_or_default();
            Ok((name, Some(inner)))
        }
        other => Err(ConfigError::expected(
            "the name of a variant or an object with one key",
            &other,
        )),
    }
}

/// Makes the error for an unknown variant.
#[doc(hidden)]
pub fn unknown_variant(name: &str, known: &[&str]) -> ConfigError {
    ConfigError::new(format_args!(
        "unknown value `{name}`, expected {}",
        alternatives(known.iter().copied())
    ))
}

fn alternatives<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "no keys".to_owned()
    } else {
        format!("one of {}", names.join(", "))
    }
}

fn in_bounds(value: &Value, field: &Field) -> Result<(), ConfigError> {
    let Some(number) = value.as_f64() else {
        return Ok(());
    };
    let bound = |bound: Option<fn() -> Value>| bound.map(|make| make());
    if let Some(minimum) = bound(field.minimum)
        && minimum.as_f64().is_some_and(|minimum| number < minimum)
    {
        return Err(ConfigError::new(format_args!(
            "{value} is less than {minimum}"
        )));
    }
    if let Some(maximum) = bound(field.maximum)
        && maximum.as_f64().is_some_and(|maximum| number > maximum)
    {
        return Err(ConfigError::new(format_args!(
            "{value} is more than {maximum}"
        )));
    }
    Ok(())
}
