//! Why an operation on a file failed, before the guest learns about it.

use crate::grants::Denial;

/// Why an operation on a file failed.
#[derive(Debug)]
pub(super) enum AccessError {
    /// No grant covers the path that the symlinks lead to.
    Denied(Denial),
    /// The path is granted, but there is no such file.
    NotFound,
    /// Any other reason, for a person.
    Failed(String),
}

impl AccessError {
    pub(super) fn failed(reason: &str) -> Self {
        Self::Failed(reason.to_owned())
    }
}

impl From<rustix::io::Errno> for AccessError {
    fn from(error: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        match error {
            Errno::NOENT | Errno::NOTDIR => Self::NotFound,
            other => Self::Failed(error_text(other)),
        }
    }
}

/// The message for an error of the system.
pub(crate) fn error_text(error: rustix::io::Errno) -> String {
    use rustix::io::Errno;
    let text = match error {
        Errno::ACCESS | Errno::PERM => "the host has no permission",
        Errno::NAMETOOLONG => "the path is too long",
        Errno::LOOP => "it has too many symlinks",
        Errno::NOENT | Errno::NOTDIR => "there is no such file or directory",
        Errno::NOSYS => "the kernel is too old: this needs Linux 5.6",
        other => return std::io::Error::from(other).to_string(),
    };
    text.to_owned()
}
