//! What tells one directory from another at the same path. Follows links: a link that leads elsewhere
//! is another directory.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Device and inode: a directory that was replaced is another one, mostly. An inode can come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

/// A directory at a moment: it is another version when an entry has come or gone, or its permissions
/// are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) identity: Identity,
    /// Seconds and nanoseconds of the inode's last change.
    changed: (i64, i64),
}

impl Identity {
    /// Looks at a directory; nothing where it is not there. Blocks.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        Version::of(dir).map(|version| version.identity)
    }
}

impl Version {
    /// Looks at a directory; nothing where it is not there. Blocks.
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
