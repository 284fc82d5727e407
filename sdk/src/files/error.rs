//! Why a file could not be read, in words for a person.

use std::fmt;
use std::path::{Path, PathBuf};

/// A file that could not be read: `cannot read /var/backups/last: there is no such file or directory`.
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

    /// What went wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether there is nothing at the path, which is granted.
    pub fn is_not_found(&self) -> bool {
        self.problem == Problem::NotFound
    }

    /// Whether the operator has not granted it.
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

/// As [`std::io`] has it, for [`File`](super::File) among other readers.
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
    /// Not granted; the text says what the operator would have to write.
    #[error("{0}")]
    Denied(String),
    /// It is granted, and there is nothing.
    #[error("there is no such file or directory")]
    NotFound,
    /// Neither a regular file nor a directory, no permission, an error of the file system.
    #[error("{0}")]
    Failed(String),
    /// It is longer than it was asked to be.
    #[error("it is longer than {limit} bytes")]
    TooLong {
        /// What was asked for.
        limit: usize,
    },
    /// It is not a text in UTF-8.
    #[error("it is not a text in UTF-8")]
    NotText,
    /// There is no host here.
    #[error("there are no granted files outside of the host")]
    NoHost,
}
