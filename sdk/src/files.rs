//! Read-only access to files on the host's machine.
//!
//! The operator's configuration grants paths: by a setting with `#[config(grant = "file")]`, or
//! by `allow.files` of the check. A directory grants everything below it. Symlinks are followed,
//! and their target must be granted too. FIFOs, sockets, devices and the kernel's files about
//! processes return an error at once. A mount whose server is gone blocks until the run's deadline
//! at most.
//!
//! ```no_run
//! use vitals_sdk::prelude::*;
//! use std::path::PathBuf;
//!
//! /// Whether the last backup is there and young.
//! #[derive(Config)]
//! struct Settings {
//!     /// The file that the backup ends with.
//!     #[config(grant = "file")]
//!     marker: PathBuf,
//!     #[config(default = "26h")]
//!     degraded_above: Duration,
//! }
//!
//! #[health_check(code = "backup")]
//! fn check(settings: Settings) -> Result<Outcome> {
//!     let age = files::stat(&settings.marker)?.age();
//!     let outcome = if age > settings.degraded_above {
//!         Outcome::degraded("the last backup is old")
//!     } else {
//!         Outcome::healthy("the last backup is young")
//!     };
//!     Ok(outcome.measure(seconds("backup_age", age).degraded_above(settings.degraded_above)))
//! }
//! ```
//!
//! Outside the host every call returns an error. In a [`World`](crate::testing::World) a test
//! defines the files.

mod error;
mod reader;

use std::path::Path;
use std::time::Duration;

use crate::{backend, clock};

pub use error::{Error, Problem};
pub use reader::File;

/// Metadata of a file or a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Whether it is a directory; otherwise it is a regular file.
    pub is_directory: bool,
    /// Length in bytes; meaningless for a directory.
    pub size_bytes: u64,
    /// Last modification of the content, in seconds since 1970-01-01T00:00:00Z, negative before.
    pub modified: i64,
}

impl Metadata {
    /// Returns the time since the last modification in whole seconds, or zero if that is in the
    /// future.
    pub fn age(&self) -> Duration {
        self.age_at(clock::unix_seconds())
    }

    fn age_at(&self, now: i64) -> Duration {
        let age = i128::from(now) - i128::from(self.modified);
        Duration::from_secs(u64::try_from(age.max(0)).unwrap_or(u64::MAX))
    }
}

/// Returns the metadata of a path.
///
/// ```
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # world.file("/var/backups/last", "done").age(Duration::from_hours(3));
/// # world.run(|| {
/// let last = files::stat("/var/backups/last")?;
/// assert_eq!(span_text(last.age()), "3 h");
/// assert!(last.size_bytes > 0 && !last.is_directory);
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub fn stat(path: impl AsRef<Path>) -> Result<Metadata, Error> {
    let path = path.as_ref();
    backend::stat(&text(path)).map_err(failed("stat", path))
}

/// Reads at most `most` bytes from `offset`, never more than 1 MiB. Returns fewer bytes only at the
/// end of the file, and none beyond it.
pub fn read_at(path: impl AsRef<Path>, offset: u64, most: usize) -> Result<Vec<u8>, Error> {
    let path = path.as_ref();
    chunk(path, offset, most).map_err(failed("read", path))
}

/// Reads a whole file. A file longer than `limit` bytes is an error.
pub fn read(path: impl AsRef<Path>, limit: usize) -> Result<Vec<u8>, Error> {
    let path = path.as_ref();
    whole(path, limit).map_err(failed("read", path))
}

/// Reads a whole file as UTF-8. A file longer than `limit` bytes, or one that is not UTF-8, is an
/// error.
///
/// ```no_run
/// use vitals_sdk::prelude::*;
///
/// # fn example() -> Result<()> {
/// let active = files::read_to_string("/proc/mdstat", 64 << 10)?.contains("active raid1");
/// # Ok(())
/// # }
/// ```
pub fn read_to_string(path: impl AsRef<Path>, limit: usize) -> Result<String, Error> {
    let path = path.as_ref();
    whole(path, limit)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| Problem::NotText))
        .map_err(failed("read", path))
}

/// Reads at most the last `most` bytes of a file, such as the end of a log. The first line may be
/// incomplete and may begin within a character.
///
/// ```
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # world.file("/var/log/backup.log", "began\nended well\n");
/// # world.run(|| {
/// let end = files::read_tail("/var/log/backup.log", 4096)?;
/// let end = String::from_utf8_lossy(&end);
/// assert_eq!(end.lines().last(), Some("ended well"));
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub fn read_tail(path: impl AsRef<Path>, most: usize) -> Result<Vec<u8>, Error> {
    let path = path.as_ref();
    tail(path, most).map_err(failed("read", path))
}

/// Returns the sorted names in a directory, at most 10,000. A name that is not UTF-8 contains a
/// replacement character and cannot be opened.
///
/// ```
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # world.file("/var/spool/mail/1", "");
/// # world.run(|| {
/// let waiting = files::entries("/var/spool/mail")?;
/// let outcome = Outcome::healthy("").measure(count("mails_waiting", waiting.len() as u64));
/// # assert_eq!(outcome.measurements()[0].value(), 1.0);
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub fn entries(path: impl AsRef<Path>) -> Result<Vec<String>, Error> {
    let path = path.as_ref();
    backend::entries(&text(path)).map_err(failed("list", path))
}

fn whole(path: &Path, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    // One byte beyond the limit distinguishes a file that is too long from one that just fits.
    while bytes.len() <= limit {
        let most = (limit - bytes.len()).saturating_add(1);
        let more = chunk(path, bytes.len() as u64, most)?;
        if more.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(more);
    }
    Err(Problem::TooLong { limit })
}

fn tail(path: &Path, most: usize) -> Result<Vec<u8>, Problem> {
    let size = backend::stat(&text(path))?.size_bytes;
    let mut at = size.saturating_sub(most as u64);
    let mut bytes = Vec::new();
    while bytes.len() < most {
        let more = chunk(path, at, most - bytes.len())?;
        if more.is_empty() {
            break;
        }
        at += more.len() as u64;
        bytes.extend(more);
    }
    Ok(bytes)
}

fn chunk(path: &Path, offset: u64, most: usize) -> Result<Vec<u8>, Problem> {
    backend::read(&text(path), offset, u32::try_from(most).unwrap_or(u32::MAX))
}

/// Makes the error of an operation on a path.
fn failed(operation: &str, path: &Path) -> impl FnOnce(Problem) -> Error {
    move |problem| Error::new(format!("{operation} {}", path.display()), problem)
}

/// Returns the path as the contract passes it.
fn text(path: &Path) -> std::borrow::Cow<'_, str> {
    path.to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation_error::NO_HOST;

    #[test]
    fn an_age_is_never_negative_and_never_too_large() {
        let modified = |modified| Metadata {
            is_directory: false,
            size_bytes: 0,
            modified,
        };
        let now = 1_000;
        assert_eq!(modified(400).age_at(now), Duration::from_mins(10));
        assert_eq!(modified(-400).age_at(now), Duration::from_secs(1400));
        assert_eq!(modified(2_000).age_at(now), Duration::ZERO);
        assert_eq!(modified(i64::MAX).age_at(now), Duration::ZERO);
        assert!(modified(i64::MIN).age_at(now) > Duration::from_hours(24));
        assert!(modified(0).age() > Duration::from_hours(24 * 365));
    }

    #[test]
    fn without_a_host_every_call_says_so() {
        let error = stat("/etc/hostname").unwrap_err();
        assert_eq!(error.problem(), &Problem::NoHost);
        assert_eq!(
            error.to_string(),
            format!("cannot stat /etc/hostname: {NO_HOST}")
        );
        assert!(read("/etc/hostname", 10).is_err());
        assert!(read_tail("/etc/hostname", 10).is_err());
        assert!(read_at("/etc/hostname", 0, 10).is_err());
        assert!(
            entries("/etc")
                .unwrap_err()
                .to_string()
                .starts_with("cannot list /etc: ")
        );
    }
}
