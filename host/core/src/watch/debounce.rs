//! Whether a scan waits for files to become stable.

/// How a scan treats recent changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Debounce {
    /// Files that may still be written or return shortly get time.
    On,
    /// The files are taken as they are now, because a caller waits.
    Off,
}
