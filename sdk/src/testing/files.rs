//! The files of a world.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::{World, lock};
use crate::files::{Metadata, Problem};

/// Files and directories by path.
#[derive(Default)]
pub(super) struct Files(BTreeMap<PathBuf, Entry>);

#[derive(Clone, Debug)]
struct Entry {
    /// `None` for a directory.
    contents: Option<Vec<u8>>,
    /// Set where the reported length exceeds the contents.
    size: u64,
    modified: i64,
    fault: Option<Fault>,
    after: Duration,
}

#[derive(Clone, Debug)]
enum Fault {
    Denied,
    /// The file exists but cannot be opened.
    Unreadable,
    Failing(String),
}

impl World {
    /// Adds a file, modified now, with the directories above it. Replaces what was at the path
    /// before.
    ///
    /// # Panics
    ///
    /// Panics if the path is not absolute or contains `..`, as in the host.
    ///
    /// ```
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let world = World::new();
    /// world.file("/proc/mdstat", "md0 : active raid1 sdb1[1] sda1[0]\n");
    /// let text = world.run(|| files::read_to_string("/proc/mdstat", 4096))?;
    /// assert!(text.contains("active raid1"));
    /// assert_eq!(world.run(|| files::entries("/proc"))?, ["mdstat"]);
    /// # Ok::<(), files::Error>(())
    /// ```
    pub fn file(&self, path: impl AsRef<Path>, contents: impl Into<Vec<u8>>) -> FakeFile<'_> {
        let contents = contents.into();
        self.place(path.as_ref(), contents.len() as u64, Some(contents))
    }

    /// Adds an empty directory. A directory that contains files exists by itself; use this to set
    /// its age or to deny it.
    ///
    /// ```
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let world = World::new();
    /// world.directory("/var/spool/mail");
    /// assert!(world.run(|| files::entries("/var/spool/mail"))?.is_empty());
    /// # Ok::<(), files::Error>(())
    /// ```
    pub fn directory(&self, path: impl AsRef<Path>) -> FakeFile<'_> {
        self.place(path.as_ref(), DIRECTORY_BYTES, None)
    }

    fn place(&self, path: &Path, size: u64, contents: Option<Vec<u8>>) -> FakeFile<'_> {
        let path = plain(&path.to_string_lossy())
            .unwrap_or_else(|why| panic!("cannot put a file at {}: {why}", path.display()));
        let entry = Entry {
            contents,
            size,
            modified: self.unix_seconds_before(Duration::ZERO),
            fault: None,
            after: Duration::ZERO,
        };
        lock(&self.0.files).0.insert(path.clone(), entry);
        FakeFile { world: self, path }
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Metadata, Problem> {
        let entry = self.entry(path)?;
        Ok(Metadata {
            is_directory: entry.contents.is_none(),
            size_bytes: entry.size,
            modified: entry.modified,
        })
    }

    pub(crate) fn read(&self, path: &str, offset: u64, max: u32) -> Result<Vec<u8>, Problem> {
        let entry = self.opened(path)?;
        let contents = entry
            .contents
            .ok_or_else(|| Problem::Failed("it is a directory".to_owned()))?;
        let end = offset
            .saturating_add(u64::from(max).min(READ_BYTES))
            .min(entry.size);
        let known = |at: u64| {
            let at = usize::try_from(at).ok()?;
            contents.get(at).copied()
        };
        Ok((offset..end).map(|at| known(at).unwrap_or(0)).collect())
    }

    pub(crate) fn entries(&self, path: &str) -> Result<Vec<String>, Problem> {
        if self.opened(path)?.contents.is_some() {
            return Err(Problem::Failed("it is not a directory".to_owned()));
        }
        let path = plain(path).map_err(Problem::Failed)?;
        let files = lock(&self.0.files);
        let mut names: Vec<String> = files
            .0
            .keys()
            .filter_map(|other| other.strip_prefix(&path).ok()?.components().next())
            .map(|name| name.as_os_str().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names.dedup();
        names.truncate(NAMES);
        Ok(names)
    }

    /// Returns what is at a path if it can be opened.
    fn opened(&self, path: &str) -> Result<Entry, Problem> {
        let entry = self.entry(path)?;
        match entry.fault {
            Some(Fault::Unreadable) => {
                Err(Problem::Failed("the host has no permission".to_owned()))
            }
            _ => Ok(entry),
        }
    }

    /// Returns what is at a path, after its delay.
    fn entry(&self, path: &str) -> Result<Entry, Problem> {
        let path = plain(path).map_err(Problem::Failed)?;
        let entry = lock(&self.0.files).find(&path)?;
        self.advance(entry.after);
        match entry.fault {
            Some(Fault::Failing(why)) => Err(Problem::Failed(why)),
            _ => Ok(entry),
        }
    }
}

impl Files {
    fn find(&self, path: &Path) -> Result<Entry, Problem> {
        let above = path.ancestors().filter_map(|path| self.0.get(path));
        if above
            .into_iter()
            .any(|entry| matches!(entry.fault, Some(Fault::Denied)))
        {
            let path = path.display();
            return Err(Problem::Denied(format!(
                "denied: file {path} (add it to `allow.files` of the check)"
            )));
        }
        if let Some(entry) = self.0.get(path) {
            return Ok(entry.clone());
        }
        let below = self.0.iter().filter(|(other, _)| other.starts_with(path));
        // A directory is as old as its youngest entry.
        let modified = below.map(|(_, entry)| entry.modified).max();
        modified
            .map(|modified| Entry {
                contents: None,
                size: DIRECTORY_BYTES,
                modified,
                fault: None,
                after: Duration::ZERO,
            })
            .ok_or(Problem::NotFound)
    }
}

/// A file or directory of a [`World`], to set its properties.
#[derive(Debug)]
pub struct FakeFile<'a> {
    world: &'a World,
    path: PathBuf,
}

impl FakeFile<'_> {
    /// Sets how long ago its content was last modified.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let world = World::new();
    /// world.file("/var/backups/last", "").age(Duration::from_hours(3));
    /// let age = world.run(|| files::stat("/var/backups/last").map(|found| found.age()))?;
    /// assert_eq!(age, Duration::from_hours(3));
    /// # Ok::<(), files::Error>(())
    /// ```
    pub fn age(&self, age: Duration) -> &Self {
        let modified = self.world.unix_seconds_before(age);
        self.modified(modified)
    }

    /// Sets the time of its last modification, in seconds since 1970-01-01T00:00:00Z. It may be in
    /// the future.
    ///
    /// ```
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let world = World::new();
    /// world.file("/a", "").modified(-1);
    /// assert_eq!(world.run(|| files::stat("/a"))?.modified, -1);
    /// # Ok::<(), files::Error>(())
    /// ```
    pub fn modified(&self, unix_seconds: i64) -> &Self {
        self.change(|entry| entry.modified = unix_seconds)
    }

    /// Sets its length. The contents are the beginning; zeros follow, without using memory.
    ///
    /// ```
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let world = World::new();
    /// world.file("/var/log/app.log", "").size(5 << 30);
    /// let error = world.run(|| files::read("/var/log/app.log", 1 << 20)).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot read /var/log/app.log: it is longer than 1048576 bytes");
    /// ```
    pub fn size(&self, bytes: u64) -> &Self {
        self.change(|entry| entry.size = bytes)
    }

    /// Denies access to it and everything below it, as if the operator had not granted it.
    ///
    /// ```
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let world = World::new();
    /// world.directory("/etc").denied();
    /// assert!(world.run(|| files::stat("/etc/shadow")).unwrap_err().is_denied());
    /// ```
    pub fn denied(&self) -> &Self {
        self.change(|entry| entry.fault = Some(Fault::Denied))
    }

    /// Makes it unreadable: `stat` works, but the host has no permission to read it.
    ///
    /// ```
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let world = World::new();
    /// world.file("/root/key", "…").unreadable();
    /// world.run(|| {
    ///     assert!(files::stat("/root/key").is_ok());
    ///     let error = files::read("/root/key", 100).unwrap_err();
    ///     assert_eq!(error.to_string(), "cannot read /root/key: the host has no permission");
    /// });
    /// ```
    pub fn unreadable(&self) -> &Self {
        self.change(|entry| entry.fault = Some(Fault::Unreadable))
    }

    /// Makes every call fail with this reason.
    ///
    /// ```
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let world = World::new();
    /// world.file("/mnt/nfs/a", "").fails("Stale file handle (os error 116)");
    /// let error = world.run(|| files::stat("/mnt/nfs/a")).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot stat /mnt/nfs/a: Stale file handle (os error 116)");
    /// ```
    pub fn fails(&self, why: impl Into<String>) -> &Self {
        let why = why.into();
        self.change(|entry| entry.fault = Some(Fault::Failing(why)))
    }

    /// Delays every call.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vitals_sdk::{files, testing::World};
    ///
    /// let world = World::new();
    /// world.file("/mnt/nfs/a", "").after(Duration::from_secs(2));
    /// world.run(|| files::stat("/mnt/nfs/a"))?;
    /// assert_eq!(world.elapsed(), Duration::from_secs(2));
    /// # Ok::<(), files::Error>(())
    /// ```
    pub fn after(&self, delay: Duration) -> &Self {
        self.change(|entry| entry.after = delay)
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) -> &Self {
        if let Some(entry) = lock(&self.world.0.files).0.get_mut(&self.path) {
            change(entry);
        }
        self
    }
}

/// Returns the path as the host reads it.
fn plain(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    if text.contains('\0') {
        return Err("the path contains a NUL".to_owned());
    }
    if !path.is_absolute() {
        return Err("the path is not absolute".to_owned());
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("the path contains `..`".to_owned());
    }
    Ok(path.components().collect())
}

/// The size that most file systems report for a small directory.
const DIRECTORY_BYTES: u64 = 4096;
/// The host's limit on bytes per call.
const READ_BYTES: u64 = 1 << 20;
/// The host's limit on names per call.
const NAMES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn files_are_read_at_any_offset_as_in_the_host() {
        let world = World::new();
        world.file("/log", "0123456789");
        world.file("/long", "begin").size(3 << 20);
        world.run(|| {
            assert_eq!(files::read_at("//log/", 8, 10).unwrap(), b"89");
            assert_eq!(files::read_at("/log", 10, 10).unwrap(), b"");
            assert_eq!(files::read_tail("/log", 3).unwrap(), b"789");
            assert_eq!(files::read_at("/long", 3, 4).unwrap(), b"in\0\0");
            assert_eq!(files::read("/long", 3 << 20).unwrap().len(), 3 << 20);
            let error = files::read("../log", 10).unwrap_err().to_string();
            assert!(error.ends_with("the path is not absolute"), "{error}");
            let error = files::read("/a/../log", 10).unwrap_err().to_string();
            assert!(error.ends_with("the path contains `..`"), "{error}");
        });
    }

    #[test]
    fn directories_exist_through_their_files() {
        let world = World::new();
        world.file("/srv/b/x", "").age(Duration::from_secs(9));
        world.file("/srv/b/y", "").age(Duration::from_secs(5));
        world.file("/srv/a", "");
        world.run(|| {
            assert_eq!(files::entries("/srv").unwrap(), ["a", "b"]);
            assert_eq!(files::entries("/").unwrap(), ["srv"]);
            let found = files::stat("/srv/b").unwrap();
            assert!(found.is_directory);
            assert_eq!(found.age(), Duration::from_secs(5));
            assert!(files::entries("/srv/c").unwrap_err().is_not_found());
            let error = files::entries("/srv/a").unwrap_err().to_string();
            assert!(error.ends_with("it is not a directory"), "{error}");
            let error = files::read("/srv", 1).unwrap_err().to_string();
            assert!(error.ends_with("it is a directory"), "{error}");
        });
    }
}
