//! The types that settings are made of.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::hash::BuildHasher;
use std::path::{Component, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value};
use vitals_values::{
    DURATION_PATTERN, MAX_CHARS, SIZE_PATTERN, Size, duration_text, parse_duration,
};

use super::{Config, ConfigError, Definitions, Schema};
use crate::{Address, Url};

/// Types that can carry a grant: one string, or an `Option` or `Vec` of strings.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't have a grant",
    label = "a grant is read from one string: `String`, `Url`, `Address`, `PathBuf`, or an `Option` or `Vec` of those"
)]
pub trait Grantable {}

impl Grantable for String {}
impl Grantable for Url {}
impl Grantable for Address {}
impl Grantable for PathBuf {}
impl<T: Grantable> Grantable for Option<T> {}
impl<T: Grantable> Grantable for Vec<T> {}

/// Types that can have a range: a number, or an `Option` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't have a range",
    label = "this is not a number"
)]
pub trait Number {}

impl<T: Number> Number for Option<T> {}

/// Fails to compile if a type with a grant cannot carry one.
#[doc(hidden)]
pub const fn grantable<T: Grantable>() {}

/// Fails to compile if a type with a range cannot have one.
#[doc(hidden)]
pub const fn numeric<T: Number>() {}

impl Config for bool {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("boolean")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        value
            .as_bool()
            .ok_or_else(|| ConfigError::expected("true or false", &value))
    }

    fn to_value(&self) -> Value {
        (*self).into()
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {
        $(
            impl Number for $integer {}

            impl Config for $integer {
                fn schema(_: &mut Definitions) -> Schema {
                    Schema::of_type("integer").with("minimum", <$integer>::MIN).with("maximum", <$integer>::MAX)
                }

                fn read(value: Value) -> Result<Self, ConfigError> {
                    let number = whole(&value).ok_or_else(|| ConfigError::expected("a whole number", &value))?;
                    Self::try_from(number).map_err(|_| {
                        ConfigError::new(format_args!("{number} is not from {} to {}", Self::MIN, Self::MAX))
                    })
                }

                fn to_value(&self) -> Value {
                    (*self).into()
                }
            }
        )*
    };
}

integers!(u8, u16, u32, u64, usize, i8, i16, i32, i64);

/// Reads a whole number in any notation: in JSON Schema `1.0` is an integer.
fn whole(value: &Value) -> Option<i128> {
    if let Some(number) = value.as_i64() {
        return Some(number.into());
    }
    if let Some(number) = value.as_u64() {
        return Some(number.into());
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a number beyond i128 is outside of every integer type"
    )]
    Some(number as i128)
}

impl Number for f64 {}

impl Config for f64 {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("number")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        value
            .as_f64()
            .ok_or_else(|| ConfigError::expected("a number", &value))
    }

    fn to_value(&self) -> Value {
        (*self).into()
    }
}

impl Config for String {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("string")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(ConfigError::expected("a string", &other)),
        }
    }

    fn to_value(&self) -> Value {
        self.as_str().into()
    }
}

/// `2s`, `500ms`, `1m 30s`: see [`parse_duration`].
impl Config for Duration {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("string")
            .with("pattern", DURATION_PATTERN)
            .with("maxLength", MAX_CHARS)
            .called("duration")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        parse_duration(&String::read(value)?).map_err(ConfigError::new)
    }

    fn to_value(&self) -> Value {
        duration_text(*self).into()
    }
}

/// `5GiB`, or a number of bytes: see [`Size`].
impl Config for Size {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::anything()
            .with("type", vec!["string", "integer"])
            .with("minimum", 0)
            .with("pattern", SIZE_PATTERN)
            .with("maxLength", MAX_CHARS)
            .called("size")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        if value.is_string() {
            return parsed(value);
        }
        // In JSON Schema `1.0` is an integer.
        let of_integral = |number: f64| {
            let is_count = number >= 0.0 && number.fract() == 0.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the number is whole and not negative; casting saturates at the largest size"
            )]
            is_count.then_some(number as u64)
        };
        value
            .as_u64()
            .or_else(|| value.as_f64().and_then(of_integral))
            .map(Self::of_bytes)
            .ok_or_else(|| ConfigError::expected("a size", &value))
    }

    fn to_value(&self) -> Value {
        self.to_string().into()
    }
}

/// Types that are written as one string: the name of the type, a keyword of the schema, and the
/// function that writes the value.
macro_rules! strings {
    ($($text:ty: $name:literal, $keyword:literal = $value:expr, $write:path;)*) => {
        $(
            impl Config for $text {
                fn schema(_: &mut Definitions) -> Schema {
                    Schema::of_type("string").with($keyword, $value).called($name)
                }

                fn read(value: Value) -> Result<Self, ConfigError> {
                    parsed(value)
                }

                fn to_value(&self) -> Value {
                    $write(self).into()
                }
            }
        )*
    };
}

strings! {
    Url: "URL", "format" = "uri", Url::expose;
    Address: "`host:port`", "pattern" = ADDRESS, ToString::to_string;
}

/// A path on the host's machine, in the form of a grant: absolute, without `..`.
impl Config for PathBuf {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("string")
            .with("pattern", PATH)
            .called("path")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        let text = String::read(value)?;
        let path = Self::from(&text);
        // `is_absolute` would require a drive letter on some systems.
        if !text.starts_with('/') || text.contains('\0') {
            return Err(ConfigError::new(format_args!(
                "`{text}` is not an absolute path"
            )));
        }
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(ConfigError::new(format_args!("`{text}` contains `..`")));
        }
        Ok(path)
    }

    fn to_value(&self) -> Value {
        self.to_string_lossy().into_owned().into()
    }
}

fn parsed<T: FromStr<Err: Display>>(value: Value) -> Result<T, ConfigError> {
    String::read(value)?.parse().map_err(ConfigError::new)
}

/// Any JSON.
impl Config for Value {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::anything()
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        Ok(value)
    }

    fn to_value(&self) -> Value {
        self.clone()
    }
}

/// An optional setting.
impl<T: Config> Config for Option<T> {
    fn schema(definitions: &mut Definitions) -> Schema {
        T::schema(definitions)
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        if value.is_null() {
            Ok(None)
        } else {
            T::read(value).map(Some)
        }
    }

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Config::to_value)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Config> Config for Vec<T> {
    fn schema(definitions: &mut Definitions) -> Schema {
        Schema::of_type("array").with("items", T::schema(definitions))
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        let Value::Array(items) = value else {
            return Err(ConfigError::expected("an array", &value));
        };
        items
            .into_iter()
            .enumerate()
            .map(|(index, item)| T::read(item).map_err(|error| error.inside_item(index)))
            .collect()
    }

    fn to_value(&self) -> Value {
        self.iter().map(Config::to_value).collect()
    }
}

impl<T: Config> Config for BTreeMap<String, T> {
    fn schema(definitions: &mut Definitions) -> Schema {
        map_schema::<T>(definitions)
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        read_map(value)
    }

    fn to_value(&self) -> Value {
        map_value(self)
    }
}

impl<T: Config, S: BuildHasher + Default> Config for HashMap<String, T, S> {
    fn schema(definitions: &mut Definitions) -> Schema {
        map_schema::<T>(definitions)
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        read_map(value)
    }

    fn to_value(&self) -> Value {
        map_value(self)
    }
}

fn map_schema<T: Config>(definitions: &mut Definitions) -> Schema {
    Schema::of_type("object").with("additionalProperties", T::schema(definitions))
}

fn read_map<T: Config, M: FromIterator<(String, T)>>(value: Value) -> Result<M, ConfigError> {
    let Value::Object(map) = value else {
        return Err(ConfigError::expected("an object", &value));
    };
    map.into_iter()
        .map(|(key, value)| match T::read(value) {
            Ok(value) => Ok((key, value)),
            Err(error) => Err(error.inside(&key)),
        })
        .collect()
}

fn map_value<'a, T: Config + 'a>(map: impl IntoIterator<Item = (&'a String, &'a T)>) -> Value {
    map.into_iter()
        .map(|(key, value)| (key.clone(), value.to_value()))
        .collect::<Map<_, _>>()
        .into()
}

/// An approximation: reading reports what the pattern lets through.
const ADDRESS: &str = r"^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+):[0-9]{1,5}$";
/// An approximation, too.
const PATH: &str = "^/";
