//! Errors of file access, worded for people.

use std::fmt;
use std::path::{Path, PathBuf};

/// A file that could not be read:
/// `cannot read /var/backups/last: no such file or directory`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    action: &'static str,
    path: PathBuf,
    problem: Problem,
}

impl Error {
    pub(super) fn new(action: &'static str, path: &Path, problem: Problem) -> Self {
        Self {
            action,
            path: path.to_owned(),
            problem,
        }
    }

    /// Returns what went wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Returns whether nothing exists at the path, which is granted.
    pub fn is_not_found(&self) -> bool {
        self.problem == Problem::NotFound
    }

    /// Returns whether the operator has not granted the path.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            action,
            path,
            problem,
        } = self;
        write!(f, "cannot {action} {}: {problem}", path.display())
    }
}

impl std::error::Error for Error {}

/// Converts to the error kinds of [`std::io`], for readers such as [`File`](super::File).
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.problem {
            Problem::Denied(_) => std::io::ErrorKind::PermissionDenied,
            Problem::NotFound => std::io::ErrorKind::NotFound,
            Problem::NotText => std::io::ErrorKind::InvalidData,
            Problem::NoHost => std::io::ErrorKind::Unsupported,
            Problem::Failed(_) | Problem::TooLong { .. } => std::io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// What went wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The path is not granted; the text says what the operator would have to write.
    #[error("{0}")]
    Denied(String),
    /// The path is granted, but nothing exists there.
    #[error("no such file or directory")]
    NotFound,
    /// It is neither a regular file nor a directory, the host lacks permission, or the file system
    /// failed.
    #[error("{0}")]
    Failed(String),
    /// The file is longer than the requested limit.
    #[error("it is longer than {limit} bytes")]
    TooLong {
        /// The requested limit in bytes.
        limit: usize,
    },
    /// The file is not UTF-8.
    #[error("it is not valid UTF-8")]
    NotText,
    /// The check does not run in a host.
    #[error("files are readable only in the vitals host")]
    NoHost,
}
