//! Describes what is wrong with a configuration. The texts are bounded while they are written,
//! because names, patterns and allowed values come from an untrusted schema.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use vitals_model::Text;

/// Describes a violation of the schema `document` with its location, but without the value, which
/// may be a secret.
pub(super) fn describe(error: &ValidationError<'_>, document: &Value) -> String {
    let pointer = error.instance_path().as_str();
    let in_parent = InParent(pointer);
    let shown = |text: fmt::Arguments<'_>| Text::display(text, ERROR_BYTES).into();
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            shown(format_args!("`{property}` is missing{in_parent}"))
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let keys = JoinedWords(unexpected, "`", ", ");
            shown(format_args!("the plugin knows no key {keys}{in_parent}"))
        }
        ValidationErrorKind::Pattern { .. } if let Some(name) = type_name(error, document) => {
            let example = example(name);
            shown(format_args!("`{pointer}` must be a {name}{example}"))
        }
        kind => {
            let text = ViolationText(pointer, kind, error);
            shown(format_args!("{text}"))
        }
    }
}

/// The type that the schema names for the value, which tells more than a pattern.
fn type_name<'a>(error: &ValidationError<'_>, document: &'a Value) -> Option<&'a str> {
    let (schema, _keyword) = error.schema_path().as_str().rsplit_once('/')?;
    document.pointer(schema)?.get("x-vitals-type")?.as_str()
}

/// An example for the types of the SDK.
fn example(type_name: &str) -> &'static str {
    match type_name {
        "duration" => ": write for example `30s` or `1m 30s`",
        "size" => ": write for example `64MiB` or a number of bytes",
        "`host:port`" => ": write for example `db.internal:5432` or `[::1]:5432`",
        _ => "",
    }
}

/// A value that violates a keyword.
struct ViolationText<'a>(&'a str, &'a ValidationErrorKind, &'a ValidationError<'a>);

impl fmt::Display for ViolationText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(pointer, kind, error) = self;
        match *pointer {
            "" => f.write_str("the table ")?,
            pointer => write!(f, "`{pointer}` ")?,
        }
        match kind {
            ValidationErrorKind::Enum { options } => write!(f, "must be one of {options}"),
            ValidationErrorKind::Type { kind } => match kind {
                TypeKind::Single(kind) => write!(f, "must be of type {kind}"),
                TypeKind::Multiple(kinds) => {
                    let kinds: Vec<_> = kinds.iter().map(|kind| kind.to_string()).collect();
                    write!(f, "must be of type {}", JoinedWords(&kinds, "", " or "))
                }
            },
            ValidationErrorKind::Minimum { limit } => write!(f, "must be at least {limit}"),
            ValidationErrorKind::Maximum { limit } => write!(f, "must be at most {limit}"),
            ValidationErrorKind::Pattern { pattern } => {
                write!(f, "must match the pattern {pattern}")
            }
            _ => write!(f, "{}", error.masked_with("the value")),
        }
    }
}

/// A list of words, with quotes and separators.
struct JoinedWords<'a>(&'a [String], &'static str, &'static str);

impl fmt::Display for JoinedWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(words, quote, between) = self;
        words.iter().enumerate().try_for_each(|(index, word)| {
            let between = if index > 0 { between } else { "" };
            write!(f, "{between}{quote}{word}{quote}")
        })
    }
}

/// The parent of a missing or unknown property; empty at the root.
struct InParent<'a>(&'a str);

impl fmt::Display for InParent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            pointer => write!(f, " in `{pointer}`"),
        }
    }
}

/// The size of an error of a schema or a configuration, which `Text::display` keeps.
pub(super) const ERROR_BYTES: usize = 512;
