//! `vitals:health/files`: granted files of the machine, read-only.
//!
//! Every call is decided on twice, by the path as the guest wrote it and by the place that it leads
//! to, and made on a small pool of threads, because a file system can hang. What a hard link leads to
//! can't be told from the file itself: whoever can write into a granted directory decides what is in it.

#[cfg(target_os = "linux")]
mod place;
#[cfg(target_os = "linux")]
mod reading;

use std::path::{Component, Path, PathBuf};

use super::bindings::v0_1::vitals::health::files::{self, FileError, Metadata};
use super::grants::{Grants, Refusal};
use super::state::State;
use crate::check::Text;

impl files::Host for State {
    async fn stat(&mut self, path: String) -> wasmtime::Result<Result<Metadata, FileError>> {
        Ok(self.on_file(&path, reading::stat).await)
    }

    async fn read(
        &mut self,
        path: String,
        offset: u64,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, FileError>> {
        let read = move |path: &Path, grants: &Grants| reading::read(path, grants, offset, max);
        Ok(self.on_file(&path, read).await)
    }

    async fn entries(&mut self, path: String) -> wasmtime::Result<Result<Vec<String>, FileError>> {
        Ok(self.on_file(&path, reading::entries).await)
    }
}

impl State {
    /// Does something with a file on the pool, if the path may be asked for at all.
    async fn on_file<T: Send + 'static>(
        &mut self,
        path: &str,
        work: impl FnOnce(&Path, &Grants) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, FileError> {
        let asked = plain(path).map_err(|why| FileError::Failed(why.to_owned()))?;
        if let Err(refusal) = self.grants.permit_file(&asked) {
            return Err(FileError::Denied(self.egress.refuse(refusal)));
        }
        let (grants, there) = (self.grants.clone(), asked.clone());
        let work = move || work(&there, &grants);
        let answer = self.files.run(self.journal.check().as_str(), work).await;
        let trouble = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(trouble)) => trouble,
            Err(error) => Trouble::Failed(error.to_string()),
        };
        Err(match trouble {
            Trouble::Denied(refusal) => FileError::Denied(self.led_away(&asked, refusal)),
            Trouble::NotFound => FileError::NotFound,
            Trouble::Failed(why) => FileError::Failed(why),
        })
    }

    /// Notes a refusal of where a path leads, for the operator. The guest is not told the place: what a
    /// symlink says is not in what was granted.
    fn led_away(&self, asked: &Path, refusal: Refusal) -> String {
        self.egress.refuse(refusal);
        let asked = Text::line(&asked.to_string_lossy(), SHOWN_BYTES);
        format!(
            "denied: file {asked}, which leads out of what is granted (the refusals of the check say \
             where to)"
        )
    }
}

/// Why there is no answer.
#[derive(Debug)]
enum Trouble {
    /// No grant covers the place that the path leads to.
    Denied(Refusal),
    /// The path is granted, and there is nothing.
    NotFound,
    /// Anything else, in words.
    Failed(String),
}

impl Trouble {
    fn failed(why: &str) -> Self {
        Self::Failed(why.to_owned())
    }
}

impl From<rustix::io::Errno> for Trouble {
    fn from(error: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        match error {
            Errno::NOENT | Errno::NOTDIR => Self::NotFound,
            other => Self::Failed(words(other)),
        }
    }
}

/// An error of the system, for a person who runs a check.
pub(super) fn words(error: rustix::io::Errno) -> String {
    use rustix::io::Errno;
    let words = match error {
        Errno::ACCESS | Errno::PERM => "the host has no permission",
        Errno::NAMETOOLONG => "the path is too long",
        Errno::LOOP => "it has too many symlinks",
        Errno::NOENT | Errno::NOTDIR => "there is no such file or directory",
        Errno::NOSYS => "the kernel is too old: this needs Linux 5.6",
        other => return std::io::Error::from(other).to_string(),
    };
    words.to_owned()
}

/// Reads a path as a grant is read, so that what is written in a configuration can be asked for as it
/// is: `/a//b/` is `/a/b`.
pub(super) fn plain(text: &str) -> Result<PathBuf, &'static str> {
    if text.len() > PATH_BYTES {
        return Err("the path is too long");
    }
    if text.contains('\0') {
        return Err("the path has a NUL in it");
    }
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err("the path is not absolute");
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("the path has `..` in it");
    }
    Ok(path.components().collect())
}

/// Elsewhere there is no way to open just what was looked at.
#[cfg(not(target_os = "linux"))]
mod reading {
    use super::{Grants, Metadata, Path, Trouble};

    pub(super) fn stat(_: &Path, _: &Grants) -> Result<Metadata, Trouble> {
        Err(Trouble::failed(ELSEWHERE))
    }

    pub(super) fn read(_: &Path, _: &Grants, _: u64, _: u32) -> Result<Vec<u8>, Trouble> {
        Err(Trouble::failed(ELSEWHERE))
    }

    pub(super) fn entries(_: &Path, _: &Grants) -> Result<Vec<String>, Trouble> {
        Err(Trouble::failed(ELSEWHERE))
    }

    const ELSEWHERE: &str = "the host reads files for plugins on Linux only";
}

/// How much of a path is repeated to the guest that wrote it.
const SHOWN_BYTES: usize = 512;
/// `PATH_MAX` of Linux.
const PATH_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_a_grant_is() {
        for (text, path) in [
            ("/", "/"),
            ("/a//b/./c/", "/a/b/c"),
            ("/..a/b..", "/..a/b.."),
        ] {
            assert_eq!(plain(text), Ok(PathBuf::from(path)), "{text}");
        }
        for text in ["", "a", "./a", "~/a", "/a/../b", "/..", "/a\0b"] {
            assert!(plain(text).is_err(), "{text:?}");
        }
        assert!(plain(&"/a".repeat(50_000)).is_err());
    }
}
