//! Whether somebody waits for what a look finds.

/// How a look takes what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// What somebody may still be writing, or has moved away for a moment, gets its time.
    Patient,
    /// Somebody waits for what comes of the files as they are now.
    Now,
}
