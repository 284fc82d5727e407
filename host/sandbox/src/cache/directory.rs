//! A private directory of the host's user, and the entries in it.
//!
//! It is opened and checked for each use, and all operations are relative to its descriptor, so
//! that renaming a parent directory has no effect. Files that do not have the name of an entry are
//! never touched.

use std::cmp::Reverse;
use std::fmt;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

/// A directory of entries, which may not exist yet.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

/// The name of an entry: the file that was compiled, and the engine that compiled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryName {
    pub(super) digest: [u8; 32],
    pub(super) engine: [u8; 8],
}

/// An entry of the directory listing.
struct DirectoryEntry {
    name: EntryName,
    size: u64,
    /// When the entry was last loaded or written.
    last_used: SystemTime,
}

impl Directory {
    pub(super) fn new(path: &Path) -> Self {
        // Removes a trailing slash, which would make the system follow a symbolic link.
        Self(path.components().collect())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Reads an entry and marks it as used. Returns `None` if there is no entry, and an error if
    /// the entry must not be used.
    pub(super) fn read(&self, name: EntryName, max_bytes: u64) -> Result<Option<Vec<u8>>, String> {
        let Ok(directory) = self.open() else {
            return Ok(None);
        };
        // `O_NONBLOCK`, because the entry may have been replaced by a FIFO.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&directory, name.to_string(), flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err("it is a symbolic link".into()),
            Err(error) => return Err(error.to_string()),
        };
        let metadata = file.metadata().map_err(|error| error.to_string())?;
        let user = rustix::process::geteuid().as_raw();
        if !metadata.is_file() {
            return Err("it is not a regular file".into());
        }
        if metadata.uid() != user || metadata.mode() & 0o022 != 0 {
            return Err("others may write to it".into());
        }
        if metadata.len() > max_bytes {
            return Err(format!("it has {} bytes", metadata.len()));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        let mut reader = (&file).take(max_bytes);
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        // If this fails, the entry counts as used when it was written.
        let _ = file.set_modified(SystemTime::now());
        Ok(Some(bytes))
    }

    /// Whether there is a file with the name of the entry.
    pub(super) fn has(&self, name: EntryName) -> bool {
        let Ok(directory) = self.open() else {
            return false;
        };
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::statat(&directory, name.to_string(), flags).is_ok()
    }

    /// Writes an entry atomically: readers never see half of it.
    pub(super) fn write(&self, name: EntryName, parts: &[&[u8]]) -> Result<(), String> {
        let directory = self.open()?;
        let text = |error: io::Error| error.to_string();
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = nanos.unwrap_or_default().as_nanos();
        // Unique, because two hosts or two threads may write at the same time.
        let temp_name = format!("{TEMP_PREFIX}{}-{nanos}", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = rustix::fs::openat(&directory, &temp_name, flags, mode);
        let mut file = File::from(file.map_err(|error| text(error.into()))?);
        let written = parts
            .iter()
            .try_for_each(|part| file.write_all(part))
            .and_then(|()| {
                let to = name.to_string();
                Ok(rustix::fs::renameat(
                    &directory, &temp_name, &directory, to,
                )?)
            });
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&directory, &temp_name, AtFlags::empty());
        }
        written.map_err(text)
    }

    pub(super) fn remove(&self, name: EntryName) {
        if let Ok(directory) = self.open() {
            remove_file(&directory, name.to_string());
        }
    }

    /// Removes temporary files of crashed processes, what other engines made of the file of
    /// `newest`, and the least recently used entries until the rest has at most `limit` bytes.
    pub(super) fn evict(&self, limit: u64, newest: Option<EntryName>) -> Result<(), String> {
        let directory = self.open()?;
        let mut entries = list(&directory).map_err(|error| error.to_string())?;
        entries.sort_by_key(|entry| Reverse((Some(entry.name) == newest, entry.last_used)));
        let mut sum = 0;
        for entry in entries {
            let is_older = newest.is_some_and(|newest| {
                newest.digest == entry.name.digest && newest.engine != entry.name.engine
            });
            sum += if is_older { 0 } else { entry.size };
            if is_older || sum > limit {
                remove_file(&directory, entry.name.to_string());
            }
        }
        Ok(())
    }

    /// Opens the directory, and creates it if it is missing. Fails if other users can enter it.
    fn open(&self) -> Result<OwnedFd, String> {
        let path = self.0.as_path();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = match (rustix::fs::open(path, flags, Mode::empty()), made) {
            (Ok(directory), _) => directory,
            (Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP), _) => {
                return Err("it is not a directory, or a symbolic link".into());
            }
            (Err(_), Err(error)) => return Err(format!("cannot make it: {error}")),
            (Err(error), Ok(())) => return Err(format!("cannot open it: {error}")),
        };
        let found = rustix::fs::fstat(&directory);
        let found = found.map_err(|error| format!("cannot look at it: {error}"))?;
        let user = rustix::process::geteuid().as_raw();
        if found.st_uid != user {
            return Err(format!(
                "it belongs to user {}, not to {user}",
                found.st_uid
            ));
        }
        let mode = found.st_mode & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            return Err(format!(
                "others may enter it (mode {mode:o}): chmod 700 {path}"
            ));
        }
        Ok(directory)
    }
}

/// Lists the entries, and removes old temporary files.
fn list(directory: &OwnedFd) -> io::Result<Vec<DirectoryEntry>> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(directory)? {
        let file = entry?;
        let Ok(text) = file.file_name().to_str() else {
            continue;
        };
        let Ok(stat) = rustix::fs::statat(directory, file.file_name(), AtFlags::SYMLINK_NOFOLLOW)
        else {
            continue;
        };
        let last_used = modified(&stat);
        let is_old = || last_used.elapsed().is_ok_and(|age| age > MAX_WRITE_TIME);
        if text.starts_with(TEMP_PREFIX) && is_old() {
            remove_file(directory, file.file_name());
        } else if let Some(name) = EntryName::parse(text)
            && FileType::from_raw_mode(stat.st_mode) != FileType::Directory
        {
            entries.push(DirectoryEntry {
                name,
                size: u64::try_from(stat.st_size).unwrap_or_default(),
                last_used,
            });
        }
    }
    Ok(entries)
}

fn modified(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or_default();
    UNIX_EPOCH + Duration::new(seconds, nanos)
}

/// Ignores errors: another host may have removed the file first.
fn remove_file(directory: &OwnedFd, name: impl rustix::path::Arg) {
    let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
}

impl EntryName {
    fn parse(text: &str) -> Option<Self> {
        let (digest, engine) = text.split_once('-')?;
        let mut name = Self {
            digest: [0; 32],
            engine: [0; 8],
        };
        hex::decode_to_slice(digest, &mut name.digest).ok()?;
        hex::decode_to_slice(engine, &mut name.engine).ok()?;
        Some(name)
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{}",
            hex::encode(self.digest),
            hex::encode(self.engine)
        )
    }
}

const TEMP_PREFIX: &str = ".new-";
/// A temporary file that is older was left behind by a crash.
const MAX_WRITE_TIME: Duration = Duration::from_mins(10);
