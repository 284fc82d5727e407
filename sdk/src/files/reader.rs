//! A file as a `std::io` reader, over calls that each open the path anew.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{Error, Metadata, read_at, stat};

/// A file that is read in pieces, through [`Read`] and [`Seek`].
///
/// It keeps no handle: each call reads what is at the path at that time. If the file is replaced
/// meanwhile, reading continues in the new file.
///
/// ```no_run
/// use std::io::{BufRead, BufReader};
/// use vitals_sdk::prelude::*;
///
/// # fn example() -> Result<()> {
/// let log = BufReader::with_capacity(64 << 10, files::File::open("/var/log/app.log")?);
/// let errors = log.lines().take(1_000).filter(|line| matches!(line, Ok(line) if line.contains("ERROR")));
/// let count = errors.count();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct File {
    path: PathBuf,
    position: u64,
}

impl File {
    /// Checks that the path exists. The first read reports a directory or a missing permission.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        stat(&path)?;
        Ok(Self { path, position: 0 })
    }

    /// Returns the file's metadata.
    pub fn metadata(&self) -> Result<Metadata, Error> {
        stat(&self.path)
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let bytes = read_at(&self.path, self.position, buffer.len())?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.position = self.position.saturating_add(count as u64);
        Ok(count)
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.metadata()?.size_bytes.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_moved_and_never_before_the_beginning() {
        let mut file = File {
            path: "/a".into(),
            position: 0,
        };
        assert_eq!(file.seek(SeekFrom::Start(10)).unwrap(), 10);
        assert_eq!(file.seek(SeekFrom::Current(-4)).unwrap(), 6);
        let error = file.seek(SeekFrom::Current(-7)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(file.stream_position().unwrap(), 6);
        assert_eq!(file.read(&mut []).unwrap(), 0);
        let error = file.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
