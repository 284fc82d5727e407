//! Reading files whose paths come from outside: opened without blocking, judged by what was opened, and
//! read from that same descriptor.
//!
//! What a path leads to can change between two looks at it, and to open a FIFO, a terminal or a tape is
//! to do something to it. So a file is found first without opening it, and only a regular one is opened.
//! A file system that hangs still blocks: who can't wait for that asks on a
//! [`BlockingPool`](crate::blocking_pool::BlockingPool).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Instant;

#[cfg(target_os = "linux")]
pub use self::linux::{pseudo_filesystem, reopen};

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused it.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no regular file: another kind may never end, or do something when it is opened.
    #[error("it is not a regular file")]
    NotRegular,
    /// It is regular by name alone: to read it can be to wait, or to do something.
    #[error("the kernel makes it up (as under /proc and /sys); copy it to a disk")]
    PseudoFile,
    /// It is larger than allowed.
    #[error("it has {size} bytes, {limit} are allowed")]
    TooLarge {
        /// The bytes that it has at least.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// It was not read in time.
    #[error("it is read too slowly")]
    TooSlow,
}

impl ReadError {
    /// Whether it says something of the host, and nothing of the file.
    pub fn is_host_error(&self) -> bool {
        match self {
            Self::Io(error) => is_host_error(error),
            Self::TooSlow => true,
            Self::NotRegular | Self::PseudoFile | Self::TooLarge { .. } => false,
        }
    }
}

/// Whether a call failed because the host or its machine lacks something, whatever it was about.
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

/// Opens a regular file that lies on a disk; the kernel makes up nothing of it. Blocks.
pub fn open_stored(path: &Path) -> Result<File, ReadError> {
    open(path, false)
}

/// Reads a regular file of up to `limit` bytes, wherever it is. Blocks.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    read_open_file(open(path, true)?, limit, None)
}

/// Reads what was opened, of up to `limit` bytes; past `deadline` it reads no further. Blocks.
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
    // A file can grow after it was looked at, and some do not say how long they are.
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

/// How much is read before the clock is looked at again.
const CHUNK_BYTES: u64 = 1 << 20;

#[cfg(target_os = "linux")]
fn open(path: &Path, allow_pseudo_files: bool) -> Result<File, ReadError> {
    linux::open(path, allow_pseudo_files)
}

#[cfg(not(target_os = "linux"))]
fn open(path: &Path, _: bool) -> Result<File, ReadError> {
    use rustix::fs::{Mode, OFlags};
    if !path.metadata()?.is_file() {
        return Err(ReadError::NotRegular);
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?);
    // It may have been replaced since.
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

    /// Opens for reading what was found without opening it: that very file, whatever its path leads to
    /// by now. A lease of somebody else is no reason to wait.
    pub fn reopen(found: &OwnedFd) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let path = format!("/proc/self/fd/{}", found.as_raw_fd());
        rustix::fs::open(path, flags, Mode::empty())
    }

    /// The kind of file system that a file is on, where the kernel makes it up.
    pub fn pseudo_filesystem(found: &OwnedFd) -> rustix::io::Result<Option<FsWord>> {
        let kind = rustix::fs::fstatfs(found)?.f_type;
        Ok(PSEUDO_FILESYSTEMS.contains(&kind).then_some(kind))
    }

    /// File systems that the kernel makes up, by their numbers in `linux/magic.h`. To read there can be to
    /// do something: some files are emptied by it, some wait for events.
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
    fn only_a_regular_file_of_a_disk_is_opened() {
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
    fn what_is_read_too_slowly_is_given_up() {
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
    fn what_the_host_lacks_says_nothing_of_a_file() {
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
