//! One grant, and where the operator wrote it.

use std::fmt;

use super::target::Target;

/// One thing that a check may reach, and where the operator granted it. Displayed as the operator
/// would write it: `tcp db.internal:5432`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub(super) target: Target,
    pub(super) origin: Origin,
}

impl Grant {
    /// What the grant allows.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether this grant allows everything that `other` does.
    pub fn covers(&self, other: &Self) -> bool {
        self.target.covers(&other.target)
    }

    /// Where the operator wrote the grant.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.target.kind(), self.target)
    }
}

/// Where the operator wrote a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A value of the check's `config`, at this JSON pointer.
    Config(String),
    /// The check's `allow` table.
    Allow,
}
