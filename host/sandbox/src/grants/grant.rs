//! One grant, and where the operator wrote it.

use std::fmt;

use super::target::Target;

/// One thing that a check may reach, and where the operator said so. Shown as the operator would
/// write it: `tcp db.internal:5432`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub(super) target: Target,
    pub(super) origin: Origin,
}

impl Grant {
    /// What it allows.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Whether all that `other` allows is allowed by this one too.
    pub fn covers(&self, other: &Self) -> bool {
        self.target.covers(&other.target)
    }

    /// Where it was written.
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
    /// As a value in the check's `config`, at this JSON pointer.
    Config(String),
    /// In the check's `allow`.
    Allow,
}
