//! The error of deserializing a value: what serde and the types report, before its location is
//! known.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::diagnostic::{nearest, quoted_list};
use crate::diagnostics_collector::DiagnosticsCollector;
use crate::tree::{KeyPath, Node, Value};

/// Why deserialization stopped.
#[derive(Debug)]
pub(crate) enum DecodeError {
    /// The current value is not what is expected.
    Unexpected { expected: String },
    /// The current text is none of the known ones.
    UnknownVariant { known: &'static [&'static str] },
    /// What a type reports about the current value, in its own words.
    Invalid(String),
    /// The error has been reported with its location.
    Reported,
}

impl DecodeError {
    /// Reports the error at the current value, `node`.
    pub(super) fn report(
        self,
        node: &Node,
        path: &KeyPath<'_>,
        collector: &DiagnosticsCollector,
    ) -> Self {
        let shown = node.describe();
        let (message, remedy) = match self {
            Self::Reported => return Self::Reported,
            // A type can say after a colon how to write what it expects.
            Self::Unexpected { expected } => {
                let (expected, example) = expected.split_once(": ").unwrap_or((&expected, ""));
                let message = format!("`{path}` is {shown}, which is not {expected}");
                (message, example.to_owned())
            }
            Self::UnknownVariant { known } => {
                let meant = match &node.value {
                    Value::Text(text) if !node.secret => nearest(text, known),
                    _ => None,
                };
                let remedy = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("write {}", quoted_list(known).replace(" and ", " or ")),
                };
                let message = format!("`{path}` is {shown}, which is not a known value");
                (message, remedy)
            }
            Self::Invalid(_) if node.secret => {
                let message = format!("`{path}` is a secret that cannot be used");
                (message, String::new())
            }
            Self::Invalid(problem) => (format!("`{path}`: {problem}"), String::new()),
        };
        collector.report(node, path, message, remedy);
        Self::Reported
    }
}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self::Invalid(problem.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Unexpected {
            expected: expected.to_string(),
        }
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownVariant { known }
    }
}

/// Serde demands it. [`DecodeError::report`] writes what people see.
impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for DecodeError {}
