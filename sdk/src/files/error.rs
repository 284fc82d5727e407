//! Errors of file access, worded for people.

use std::io::{self, ErrorKind};

use crate::operation_error::{NO_HOST, operation_error};

operation_error! {
    /// A file that could not be read:
    /// `cannot read /var/backups/last: no such file or directory`.
}

impl Error {
    /// Returns whether nothing exists at the path, which is granted.
    pub fn is_not_found(&self) -> bool {
        self.problem == Problem::NotFound
    }

    /// Returns whether the operator has not granted the path.
    pub fn is_denied(&self) -> bool {
        matches!(self.problem, Problem::Denied(_))
    }
}

/// Converts to the error kinds of [`std::io`], for readers such as [`File`](super::File).
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.problem {
            Problem::Denied(_) => ErrorKind::PermissionDenied,
            Problem::NotFound => ErrorKind::NotFound,
            Problem::NotText => ErrorKind::InvalidData,
            Problem::NoHost => ErrorKind::Unsupported,
            Problem::Failed(_) | Problem::TooLong { .. } => ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// What went wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The path is not granted; the text says what to grant.
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
    #[error("{}", NO_HOST)]
    NoHost,
}
