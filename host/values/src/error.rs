//! Why a text is not a value.

use std::error::Error;
use std::fmt;

/// A text that is not a value of the kind that was expected.
///
/// Displayed, it says what was read, what is wrong with it and what would be right; a long text is
/// cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// The beginning of a long text.
    text: Box<str>,
    is_cut: bool,
    kind: &'static Kind,
    problem: &'static str,
}

/// What was expected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// With its article.
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

    /// What is wrong, as a clause: `its unit is missing`. Nothing of the text is in it.
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

/// How much of a text an error repeats.
const SHOWN_BYTES: usize = 60;
