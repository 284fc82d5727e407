//! Whether a scan waits for files to become stable.

/// How a scan treats recent changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Files that may still be written or return shortly get time.
    Patient,
    /// The files are taken as they are now, because a caller waits.
    Now,
}
