//! Describes what is wrong with a configuration. The texts are bounded while they are written,
//! because names, patterns and allowed values come from an untrusted schema.

use std::fmt::{self, Write as _};

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use vitals_model::Text;

/// Describes a violation of the schema `document` with its location, but without the value, which
/// may be a secret.
pub(super) fn describe(error: &ValidationError<'_>, document: &Value) -> String {
    let pointer = error.instance_path().as_str();
    let in_parent = InParent(pointer);
    let text = match error.kind() {
        ValidationErrorKind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            bounded_text(&format_args!("`{property}` is missing{in_parent}"))
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let keys = JoinedWords(unexpected, "`", ", ");
            bounded_text(&format_args!("the plugin knows no key {keys}{in_parent}"))
        }
        ValidationErrorKind::Pattern { .. } if let Some(name) = type_name(error, document) => {
            bounded_text(&format_args!(
                "`{pointer}` must be a {name}{}",
                example(name)
            ))
        }
        kind => bounded_text(&ViolationText(pointer, kind, error)),
    };
    text.into()
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

/// An untrusted text as one clean line. Formatting stops at the bound.
pub(super) fn bounded_text(text: &dyn fmt::Display) -> Text {
    let mut line = BoundedWriter(String::new());
    // An error means that the bound was reached.
    let _ = write!(line, "{text}");
    Text::line(&line.0, ERROR_BYTES)
}

/// A writer that fails at its bound.
struct BoundedWriter(String);

impl fmt::Write for BoundedWriter {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = MAX_WRITTEN_BYTES - self.0.len();
        let taken = piece.floor_char_boundary(room);
        self.0.push_str(&piece[..taken]);
        if taken < piece.len() {
            return Err(fmt::Error);
        }
        Ok(())
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

const ERROR_BYTES: usize = 512;
/// More than is shown, because cleaning makes the text shorter.
const MAX_WRITTEN_BYTES: usize = 4 * ERROR_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    /// A text without end, which counts its writes.
    struct Endless<'a>(&'a std::cell::Cell<usize>);

    impl fmt::Display for Endless<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                self.0.set(self.0.get() + 1);
                f.write_str("endless ")?;
            }
        }
    }

    #[test]
    fn formatting_stops_at_the_bound() {
        let written = std::cell::Cell::new(0);
        let text = bounded_text(&Endless(&written));
        assert!(text.as_str().ends_with('…'), "{text}");
        assert!(text.as_str().len() <= ERROR_BYTES);
        assert!(
            written.get() <= MAX_WRITTEN_BYTES,
            "{} pieces",
            written.get()
        );
    }
}
