//! Reads files whose paths come from outside: opened without blocking, checked by their descriptor,
//! and read from that same descriptor.
//!
//! A path can be made to point elsewhere between two system calls, and opening a FIFO, a terminal
//! or a tape has side effects. So a file is first found without opening it (`O_PATH`), and only a
//! regular file is opened. A file system that hangs still blocks: callers that can't wait use a
//! [`BlockingPool`](crate::blocking_pool::BlockingPool).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Instant;

#[cfg(target_os = "linux")]
use self::linux::open;
#[cfg(target_os = "linux")]
pub use self::linux::{pseudo_filesystem, reopen};

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system call failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is not regular. Other kinds may never end, or have side effects when opened.
    #[error("it is not a regular file")]
    NotRegular,
    /// The file is on a pseudo file system, where reading can block or have side effects.
    #[error("it is on a pseudo file system (such as /proc or /sys); copy it to a disk")]
    PseudoFile,
    /// The file is larger than the limit.
    #[error("it has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// The size in bytes, or a lower bound of it.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The deadline passed before the file was read.
    #[error("reading it takes too long")]
    TooSlow,
}

impl ReadError {
    /// Whether the cause lies with the host, and says nothing about the file.
    pub fn is_host_error(&self) -> bool {
        match self {
            Self::Io(error) => is_host_error(error),
            Self::TooSlow => true,
            Self::NotRegular | Self::PseudoFile | Self::TooLarge { .. } => false,
        }
    }
}

/// Whether a call failed because the host or its machine lacks a resource.
pub fn is_host_error(error: &io::Error) -> bool {
    use rustix::io::Errno;
    const RESOURCE_ERRORS: [Errno; 5] = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
        Errno::NOBUFS,
        Errno::TIMEDOUT,
    ];
    let is_errno = |errno: &Errno| error.raw_os_error() == Some(errno.raw_os_error());
    error.kind() == io::ErrorKind::OutOfMemory || RESOURCE_ERRORS.iter().any(is_errno)
}

/// Opens a regular file that is not on a pseudo file system. Blocks.
pub fn open_stored(path: &Path) -> Result<File, ReadError> {
    open(path, false)
}

/// Reads a regular file of up to `limit` bytes, on any file system. Blocks.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    read_open_file(open(path, true)?, limit, None)
}

/// Reads up to `limit` bytes of an open file, and fails at `deadline`. Blocks.
pub fn read_open_file(
    mut file: File,
    limit: u64,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, ReadError> {
    let size = file.metadata()?.len();
    if size > limit {
        return Err(ReadError::TooLarge { size, limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    // A file can grow after `fstat`, and some files do not report their length.
    while bytes.len() as u64 <= limit {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(ReadError::TooSlow);
        }
        let chunk = CHUNK_BYTES.min(limit + 1 - bytes.len() as u64);
        if file.by_ref().take(chunk).read_to_end(&mut bytes)? == 0 {
            return Ok(bytes);
        }
    }
    let size = bytes.len() as u64;
    Err(ReadError::TooLarge { size, limit })
}

/// Bytes that are read between two checks of the deadline.
const CHUNK_BYTES: u64 = 1 << 20;

#[cfg(not(target_os = "linux"))]
fn open(path: &Path, _: bool) -> Result<File, ReadError> {
    use rustix::fs::{Mode, OFlags};
    if !path.metadata()?.is_file() {
        return Err(ReadError::NotRegular);
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?);
    // The file may have been replaced since.
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(ReadError::NotRegular)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsRawFd as _, OwnedFd};
    use std::path::Path;

    use rustix::fs::{FileType, FsWord, Mode, OFlags, PROC_SUPER_MAGIC};
    use rustix::io::Errno;

    use super::ReadError;

    pub(super) fn open(path: &Path, allow_pseudo_files: bool) -> Result<File, ReadError> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let found = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?;
        let stat = rustix::fs::fstat(&found).map_err(io::Error::from)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(ReadError::NotRegular);
        }
        if !allow_pseudo_files
            && pseudo_filesystem(&found)
                .map_err(io::Error::from)?
                .is_some()
        {
            return Err(ReadError::PseudoFile);
        }
        let opened = reopen(&found).map_err(|error| match error {
            Errno::NOENT => io::Error::other("/proc is not mounted where the host runs"),
            error => error.into(),
        })?;
        Ok(opened.into())
    }

    /// Opens for reading the file that an `O_PATH` descriptor refers to, whatever its path points
    /// to by now. `O_NONBLOCK` keeps the call from waiting for the lease of another process.
    pub fn reopen(found: &OwnedFd) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let path = format!("/proc/self/fd/{}", found.as_raw_fd());
        rustix::fs::open(path, flags, Mode::empty())
    }

    /// The type of a file's file system, if it is a pseudo file system.
    pub fn pseudo_filesystem(found: &OwnedFd) -> rustix::io::Result<Option<FsWord>> {
        let kind = rustix::fs::fstatfs(found)?.f_type;
        Ok(PSEUDO_FILESYSTEMS.contains(&kind).then_some(kind))
    }

    /// Pseudo file systems, by their numbers in `linux/magic.h`. Reading there can have side
    /// effects: some files are emptied by it, some wait for events.
    const PSEUDO_FILESYSTEMS: [FsWord; 24] = [
        PROC_SUPER_MAGIC,
        0x5a3c_69f0, // apparmorfs
        0x6e66_7364, // nfsd
        0xabba_1974, // xenfs
        0x23c9_b64e, // spufs
        0x0a64_7361, // functionfs
        0x6265_6572, // sysfs
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x7363_6673, // securityfs
        0x6265_6570, // configfs
        0x6165_676c, // pstore
        0xde5e_81e4, // efivarfs
        0x0027_e0eb, // cgroup
        0x6367_7270, // cgroup2
        0x0765_5821, // resctrl
        0x1980_0202, // mqueue
        0x4249_4e4d, // binfmt_misc
        0x6e73_6673, // nsfs
        0xcafe_4a11, // bpf
        0xf97c_ff8c, // selinuxfs
        0x4341_5d53, // smackfs
        0x0000_1cd1, // devpts
        0x0000_9fa2, // usbfs
    ];
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_regular_files_outside_pseudo_file_systems_are_opened() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let fifo = rustix::fs::FileType::Fifo;
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), fifo, mode, 0).unwrap();
        symlink(at("fifo"), at("to-fifo")).unwrap();
        symlink("/dev/tty", at("to-terminal")).unwrap();
        for name in ["fifo", "to-fifo", "to-terminal", "."] {
            let error = open_stored(&at(name)).unwrap_err();
            assert!(matches!(error, ReadError::NotRegular), "{name}: {error}");
        }
        symlink("/proc/self/status", at("to-kernel")).unwrap();
        let error = open_stored(&at("to-kernel")).unwrap_err();
        assert!(matches!(error, ReadError::PseudoFile), "{error}");
        assert!(read(&at("to-kernel"), 1 << 20).is_ok(), "an operator may");
        symlink(at("file"), at("to-file")).unwrap();
        fs::write(at("file"), "it").unwrap();
        assert_eq!(read(&at("to-file"), 2).unwrap(), b"it");
        let error = read(&at("to-file"), 1).unwrap_err();
        assert!(
            matches!(error, ReadError::TooLarge { size: 2, limit: 1 }),
            "{error}"
        );
    }

    #[test]
    fn reading_stops_at_the_deadline() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        fs::write(&path, "it").unwrap();
        let file = || open_stored(&path).unwrap();
        let past = Instant::now();
        let late = read_open_file(file(), 2, Some(past)).unwrap_err();
        assert!(matches!(late, ReadError::TooSlow) && late.is_host_error());
        let ahead = Instant::now() + Duration::from_mins(1);
        assert_eq!(read_open_file(file(), 2, Some(ahead)).unwrap(), b"it");
    }

    #[test]
    fn missing_resources_are_host_errors() {
        use rustix::io::Errno;
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            assert!(
                ReadError::from(io::Error::from(errno)).is_host_error(),
                "{errno}"
            );
        }
        for own in [Errno::NOENT, Errno::ACCESS, Errno::IO, Errno::ISDIR] {
            assert!(
                !ReadError::from(io::Error::from(own)).is_host_error(),
                "{own}"
            );
        }
    }
}
