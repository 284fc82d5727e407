//! What is told of a check that has turned. Who is told, and in which words, others know.

use crate::board::CheckFacts;
use crate::check::{CheckName, RunReport, Status};

/// The status of a check has turned, or it fails otherwise than before.
pub(crate) struct Turn<'t> {
    pub(crate) check: &'t CheckName,
    /// What is known of it, where it has not been taken off since.
    pub(crate) facts: Option<&'t CheckFacts>,
    /// Nothing for its first result.
    pub(crate) before: Option<Status>,
    pub(crate) status: Status,
    pub(crate) report: &'t RunReport,
    /// Failing runs in a row.
    pub(crate) failures: u32,
}
