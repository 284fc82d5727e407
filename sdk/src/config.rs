//! Settings of a check: how they are read, and the JSON Schema that describes them.
//!
//! The derive macro writes one table of fields from which both are made, so they cannot disagree.
//! This module knows nothing of the host, which interprets `x-vitals-grant`.

mod error;
pub(crate) mod object;
pub(crate) mod schema;
pub(crate) mod types;

use serde_json::Value;

pub use error::ConfigError;
pub use schema::{Definitions, Schema};
pub use types::{Grantable, Number};

/// Settings of a check, or a part of them. Implemented by `#[derive(Config)]`.
///
/// A struct is an object that rejects unknown keys. Doc comments become descriptions. A field is
///
/// - a `bool`, an integer of at most 64 bits, an `f64` or a `String`,
/// - a [`Duration`](std::time::Duration), written as [`parse_duration`](crate::parse_duration)
///   reads it,
/// - a [`Size`](crate::Size), written as `5GiB` or as a number of bytes,
/// - a [`Url`](crate::Url), an [`Address`](crate::Address), a [`PathBuf`](std::path::PathBuf) that
///   is absolute and has no `..`, or any JSON as a [`Value`],
/// - another type with `derive(Config)`, or one that implements the trait by hand,
/// - an `Option`, a `Vec` or a map from `String` of those.
///
/// An `Option` may be left out; every other field is required or has a default. An enum variant
/// without data is written as a string, `"primary"`; a variant with data is an object with one key,
/// `{ "token": { "value": "…" } }`. Variants are written in snake case.
///
/// | `#[config(…)]` | on | |
/// |---|---|---|
/// | `default = "2s"` | field | the value if the key is missing: any JSON (`5`, `[]`, `{ "a": 1 }`), as in the configuration file; shown in the schema |
/// | `default` | field | the same, with the `Default` of the type |
/// | `grant = "http"` | field | grants the check access to the value that the operator writes: `http`, `tcp`, `udp`, `tls`, `name`, `icmp`, `file` or `disk`; `identity` and `proxy` for the name of a table `tls.identities` or `proxies`. For an `Option` or `Vec` it applies to the contents. `["udp", "tcp"]` grants both. A default grants nothing |
/// | `secret` | field | never shown, neither by the host nor in errors |
/// | `range(1..=10)`, `min = 1`, `max = 10` | number | the accepted range |
/// | `rename = "…"` | field, variant | the name in the configuration |
/// | `flatten` | field | the keys of the field's type, another struct with `derive(Config)`, are keys of this object. Two keys that are written alike are an error at compile time |
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

    /// Returns the JSON Schema (2020-12) of the value. Types with a name of their own go into
    /// `definitions`.
    fn schema(definitions: &mut Definitions) -> Schema;

    /// Reads a value. The schema should express as much as it can: the host rejects by it at load
    /// what would otherwise fail here on every run.
    fn read(value: Value) -> Result<Self, ConfigError>;

    /// Returns the value that reads back as this one: `#[config(default)]` shows it in the schema.
    fn to_value(&self) -> Value;

    /// Returns the value for a missing key, or `None` if the key is required.
    fn absent() -> Option<Self> {
        None
    }

    /// Reads JSON text, as the host passes it and as a test writes it.
    fn from_json(text: &str) -> Result<Self, ConfigError> {
        let value = serde_json::from_str(text)
            .map_err(|error| ConfigError::new(format!("it is not JSON: {error}")))?;
        Self::read(value)
    }

    /// Returns the JSON Schema as a document of its own.
    ///
    /// # Panics
    ///
    /// Panics if a default is not valid for its field.
    fn json_schema() -> Value {
        Definitions::document::<Self>()
    }
}
