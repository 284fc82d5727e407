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
            Self::Unexpected { expected } => match expected.split_once(": ") {
                Some((expected, example)) => (
                    format!("`{path}` is {shown}, which is not {expected}"),
                    example.to_owned(),
                ),
                None => (
                    format!("`{path}` is {shown}, which is not {expected}"),
                    String::new(),
                ),
            },
            Self::UnknownVariant { known } => {
                let meant = match &node.value {
                    Value::Text(text) if !node.secret => nearest(text, known),
                    _ => None,
                };
                let remedy = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("write {}", quoted_list(known).replace(" and ", " or ")),
                };
                (
                    format!("`{path}` is {shown}, which is not a known value"),
                    remedy,
                )
            }
            Self::Invalid(_) if node.secret => (
                format!("`{path}` is a secret that cannot be used"),
                String::new(),
            ),
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

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Unexpected {
            expected: expected.to_string(),
        }
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownVariant { known }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { expected } => write!(f, "not {expected}"),
            Self::UnknownVariant { known } => write!(f, "none of {}", quoted_list(known)),
            Self::Invalid(problem) => f.write_str(problem),
            Self::Reported => f.write_str("reported before"),
        }
    }
}

impl std::error::Error for DecodeError {}
