//! The error of every parser: why a text is not a value.

use std::error::Error;
use std::fmt;

/// The error for a text that is not a value of the expected kind.
///
/// Its message states the text, the problem and examples of valid texts. A long text is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// The beginning of a long text.
    text: Box<str>,
    is_cut: bool,
    kind: &'static Kind,
    problem: &'static str,
}

/// The expected kind of value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The name with its article.
    pub(crate) name: &'static str,
    pub(crate) examples: &'static str,
}

impl ValueError {
    pub(crate) fn new(kind: &'static Kind, text: &str, problem: &'static str) -> Self {
        let end = text.floor_char_boundary(SHOWN_BYTES);
        Self {
            text: text[..end].into(),
            is_cut: end < text.len(),
            kind,
            problem,
        }
    }

    /// The problem as a clause, such as `its unit is missing`. It contains nothing of the text.
    pub fn problem(&self) -> &'static str {
        self.problem
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, problem, .. } = self;
        let Kind { name, examples } = self.kind;
        let dots = if self.is_cut { "…" } else { "" };
        write!(
            f,
            "`{text}{dots}` is not {name}: {problem}; write it like {examples}"
        )
    }
}

impl Error for ValueError {}

/// The number of bytes of the text that an error repeats.
const SHOWN_BYTES: usize = 60;
