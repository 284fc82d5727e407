//! Reads an object by the table of its fields.

use serde_json::{Map, Value};

use super::schema::Properties;
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

/// A struct with named fields, which `#[config(flatten)]` can put into another one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be flattened",
    label = "only a struct with `#[derive(Config)]` has keys of its own"
)]
pub trait Fields: Config {
    /// The fields that are not flattened.
    const OWN: &'static [Field];
    /// All fields, in order.
    const ALL: &'static [Field] = Self::OWN;

    /// Adds all fields to the schema.
    fn add_to(properties: &mut Properties<'_>);

    /// Takes all fields.
    fn take_from(object: &mut Object) -> Result<Self, ConfigError>;
}

/// Reads a struct.
#[doc(hidden)]
pub fn read_struct<T: Fields>(value: Value) -> Result<T, ConfigError> {
    T::take_from(&mut Object::read(value, T::ALL)?)
}

/// Returns the number of fields in all parts.
#[doc(hidden)]
pub const fn count(parts: &[&[Field]]) -> usize {
    let (mut count, mut part) = (0, 0);
    while part < parts.len() {
        count += parts[part].len();
        part += 1;
    }
    count
}

/// Returns the fields of all parts.
///
/// # Panics
///
/// Panics if two of them are written alike, which is an error at compile time.
#[doc(hidden)]
pub const fn concatenated<const N: usize>(parts: &[&[Field]]) -> [Field; N] {
    let mut all = [NO_FIELD; N];
    let (mut count, mut part) = (0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            let field = parts[part][index];
            let mut other = 0;
            while other < count {
                assert!(
                    !is_same(all[other].key, field.key),
                    "two fields are written alike, at least one of them in a flattened struct"
                );
                other += 1;
            }
            all[count] = field;
            count += 1;
            index += 1;
        }
        part += 1;
    }
    all
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
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

/// Adds the entries of another object.
#[doc(hidden)]
pub fn joined(mut object: Value, other: Value) -> Value {
    if let (Value::Object(entries), Value::Object(others)) = (&mut object, other) {
        entries.extend(others);
    }
    object
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

const NO_FIELD: Field = Field {
    key: "",
    doc: "",
    default: None,
    grant: &[],
    secret: false,
    minimum: None,
    maximum: None,
};

#[cfg(test)]
mod tests {
    use super::*;

    const fn field(key: &'static str) -> Field {
        Field { key, ..NO_FIELD }
    }

    #[test]
    fn parts_are_concatenated_in_order() {
        const PARTS: &[&[Field]] = &[&[field("a")], &[], &[field("ab"), field("b")]];
        let all = concatenated::<{ count(PARTS) }>(PARTS);
        assert_eq!(all.map(|field| field.key), ["a", "ab", "b"]);
    }

    #[test]
    #[should_panic(expected = "two fields are written alike")]
    fn two_fields_that_are_written_alike_are_an_error() {
        concatenated::<2>(&[&[field("a")], &[field("a")]]);
    }
}
