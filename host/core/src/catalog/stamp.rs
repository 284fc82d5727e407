//! The metadata that tells whether a file has changed, and whether somebody may still be writing
//! it. The module does not read contents.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// File metadata. Two files with equal stamps have the same content, if the first stamp was
/// [settled](Stamp::is_settled).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds. A copy can carry the modification time of its original, but never
    /// its inode change time.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Reads the stamp of a file. Blocks.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|metadata| Self::new(&metadata))
    }

    /// Takes the stamp from metadata.
    pub(super) fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns how long ago the file last changed, or zero if its clock is ahead. A modification
    /// time in the future is ignored, because anybody can set it.
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        let [modified, changed] = [self.modified, self.changed].map(|(seconds, nanoseconds)| {
            let whole = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
            let rest = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
            now.duration_since(SystemTime::UNIX_EPOCH + whole + rest)
        });
        let changed = changed.unwrap_or(Duration::ZERO);
        modified.map_or(changed, |modified| modified.min(changed))
    }

    /// Returns whether the file has been unchanged for so long that any later change shows in the
    /// stamp. The clocks of some file systems advance every two seconds.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        self.age(now) > MAX_CLOCK_STEP
    }
}

const MAX_CLOCK_STEP: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_rewritten_file_has_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wasm");
        fs::write(&path, "one").unwrap();
        let first = Stamp::of(&path).unwrap();
        assert_eq!(Stamp::of(&path).unwrap(), first);
        fs::write(dir.path().join("b"), "two").unwrap();
        fs::rename(dir.path().join("b"), &path).unwrap();
        assert_ne!(Stamp::of(&path).unwrap(), first);
        fs::remove_file(&path).unwrap();
        assert!(Stamp::of(&path).is_err());
    }

    #[test]
    fn a_stamp_is_settled_only_after_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wasm");
        fs::write(&path, "").unwrap();
        let stamp = Stamp::of(&path).unwrap();
        let now = SystemTime::now();
        assert!(!stamp.is_settled(now));
        assert!(stamp.is_settled(now + Duration::from_secs(3)));
        let past = now - Duration::from_hours(1);
        assert_eq!(stamp.age(past), Duration::ZERO, "a clock that is ahead");
    }

    #[test]
    fn a_future_modification_time_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wasm");
        let file = fs::File::create(&path).unwrap();
        let now = SystemTime::now();
        file.set_modified(now + Duration::from_hours(24 * 365))
            .unwrap();
        let stamp = Stamp::of(&path).unwrap();
        assert!(!stamp.is_settled(now));
        assert!(stamp.is_settled(now + Duration::from_secs(3)));
    }
}
