//! The error of reading a value: what serde and the types say of it, before it is known where it
//! stands.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::diagnose::{nearest, quoted_list};
use crate::faults::Faults;
use crate::tree::{KeyPath, Node, Value};

/// Why reading stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The value in hand is not what was expected.
    Unexpected { expected: String },
    /// The word in hand is none of those that are known.
    UnknownWord { known: &'static [&'static str] },
    /// What a type says of the value in hand, in its own words.
    Refused(String),
    /// Noted with its place already.
    Noted,
}

impl Stop {
    /// Notes the fault at the value in hand, `node`.
    pub(super) fn locate(self, node: &Node, way: &KeyPath<'_>, faults: &Faults) -> Self {
        let shown = node.shown();
        let (message, remedy) = match self {
            Self::Noted => return Self::Noted,
            // What a type expects can say how to write it, after a colon.
            Self::Unexpected { expected } => match expected.split_once(": ") {
                Some((expected, example)) => (
                    format!("`{way}` is {shown}, which is not {expected}"),
                    example.to_owned(),
                ),
                None => (
                    format!("`{way}` is {shown}, which is not {expected}"),
                    String::new(),
                ),
            },
            Self::UnknownWord { known } => {
                let meant = match &node.value {
                    Value::Text(text) if !node.hidden => nearest(text, known),
                    _ => None,
                };
                let remedy = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("write {}", quoted_list(known).replace(" and ", " or ")),
                };
                (format!("`{way}` is {shown}, which is not known"), remedy)
            }
            Self::Refused(_) if node.hidden => (
                format!("`{way}` is a secret that cannot be used"),
                String::new(),
            ),
            Self::Refused(problem) => (format!("`{way}`: {problem}"), String::new()),
        };
        faults.report(node, way, message, remedy);
        Self::Noted
    }
}

impl serde::de::Error for Stop {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self::Refused(problem.to_string())
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
        Self::UnknownWord { known }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { expected } => write!(f, "not {expected}"),
            Self::UnknownWord { known } => write!(f, "none of {}", quoted_list(known)),
            Self::Refused(problem) => f.write_str(problem),
            Self::Noted => f.write_str("reported before"),
        }
    }
}

impl std::error::Error for Stop {}
