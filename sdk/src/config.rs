//! Settings of a check: how they are read, and the JSON Schema that says so.
//!
//! One table of fields, written by the derive macro, makes both, so that they can't disagree. It knows
//! nothing of the host; what `x-vitals-grant` means is decided there.

mod error;
mod object;
mod schema;
mod types;

use serde_json::Value;

pub use error::ConfigError;
pub use schema::{Definitions, Schema};
pub use types::{Grantable, Number};

#[doc(hidden)]
pub use object::{Field, Object, object_of, read_variant, unknown_variant};
#[doc(hidden)]
pub use schema::{name, names, variant};
#[doc(hidden)]
pub use types::{grantable, numeric};

/// Settings, or a part of them. `#[derive(Config)]` writes it.
///
/// A struct is an object in which unknown keys are refused; doc comments become descriptions. A field is
///
/// - a `bool`, an integer of at most 64 bits, an `f64` or a `String`,
/// - a [`Duration`](std::time::Duration), written as [`parse_duration`](crate::parse_duration) reads it,
/// - a [`Size`](crate::Size), written as `5GiB` or as a number of bytes,
/// - a [`Url`](crate::Url), an [`Address`](crate::Address), a [`PathBuf`](std::path::PathBuf) that is absolute
///   and has no `..`, or any JSON as a [`Value`],
/// - another type with `derive(Config)`, or one that implements the trait by hand,
/// - an `Option`, a `Vec` or a map from `String` of those.
///
/// An `Option` may be left out, everything else has to be there or have a default. A variant of an enum is
/// a text, `"primary"`, where it has no data, and an object of one key, `{ "token": { "value": "…" } }`,
/// where it has; variants are written in snake case.
///
/// | `#[config(…)]` | on | |
/// |---|---|---|
/// | `default = "2s"` | field | what counts when the key is missing, any JSON (`5`, `[]`, `{ "a": 1 }`), as it would stand in the file; shown in the schema |
/// | `default` | field | the same with the `Default` of its type |
/// | `grant = "http"` | field | what the operator writes there, the check may reach: `http`, `tcp`, `udp`, `tls`, `name`, `file` or `disk`; of an `Option` or `Vec`, what is in it; `["udp", "tcp"]` is for both; a default grants nothing |
/// | `secret` | field | never shown: not by the host, not in errors |
/// | `range(1..=10)`, `min = 1`, `max = 10` | number | what is accepted |
/// | `rename = "…"` | field, variant | how it is written |
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// /// Where to look.
/// #[derive(Config)]
/// struct Settings {
///     /// The server.
///     #[config(grant = "tcp")]
///     address: Address,
///     #[config(secret)]
///     password: Option<String>,
///     #[config(default = 3, range(1..=10))]
///     tries: u8,
///     #[config(default = "any")]
///     role: Role,
/// }
///
/// #[derive(Config, Debug, PartialEq)]
/// enum Role {
///     Any,
///     Primary,
/// }
///
/// let settings = Settings::from_json(r#"{ "address": "db:5432", "role": "primary" }"#)?;
/// assert_eq!(settings.tries, 3);
/// assert_eq!(settings.role, Role::Primary);
/// assert_eq!(settings.address.host(), "db");
/// assert!(settings.password.is_none());
/// # Ok::<(), vitals_sdk::config::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be part of settings",
    label = "write `#[derive(Config)]` on it, or use a type that the trait's documentation names"
)]
pub trait Config: Sized {
    /// The doc comment of the type.
    const DOC: &'static str = "";

    /// The JSON Schema of the value, 2020-12. Types of their own name go into `definitions`.
    fn schema(definitions: &mut Definitions) -> Schema;

    /// Reads a value. What the schema can say of it, it should: the host refuses by it what would fail
    /// here on every run.
    fn read(value: Value) -> Result<Self, ConfigError>;

    /// The value that reads as this one: what `#[config(default)]` shows in the schema.
    fn to_value(&self) -> Value;

    /// What counts when the key is missing; nothing where it has to be there.
    fn absent() -> Option<Self> {
        None
    }

    /// Reads a JSON text, as the host hands it over and as a test writes it.
    fn from_json(text: &str) -> Result<Self, ConfigError> {
        let value = serde_json::from_str(text)
            .map_err(|error| ConfigError::new(format!("it is not JSON: {error}")))?;
        Self::read(value)
    }

    /// The JSON Schema of the whole, a document of its own.
    ///
    /// Panics when a default is not valid for its field.
    fn json_schema() -> Value {
        Definitions::document::<Self>()
    }
}
