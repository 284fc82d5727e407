//! The identity of a directory at a path. Links are followed: a link with another target is another
//! directory.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Device and inode. A replaced directory usually has another identity, but inodes are reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

/// The state of a directory. It changes when an entry is added or removed, or the permissions
/// change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) identity: Identity,
    /// Seconds and nanoseconds of the inode's last change.
    changed: (i64, i64),
}

impl Identity {
    /// Reads the identity of a directory, or `None` if it is missing. Blocks.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        Version::of(dir).map(|version| version.identity)
    }
}

impl Version {
    /// Reads the version of a directory, or `None` if it is missing. Blocks.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        let metadata = fs::metadata(dir).ok()?;
        Some(Self {
            identity: Identity {
                device: metadata.dev(),
                inode: metadata.ino(),
            },
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}
