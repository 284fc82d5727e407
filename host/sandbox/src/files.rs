//! Granted files of the machine, read-only.
//!
//! Every call is decided twice, by the path that the guest wrote and by the path that its symlinks
//! lead to. It runs on a small pool of threads, because a file system can hang. Hard links can't be
//! detected: whoever can write into a granted directory decides what is in it.

mod access_error;
#[cfg(target_os = "linux")]
mod granted_file;
#[cfg(target_os = "linux")]
mod operations;

use std::path::{Component, Path, PathBuf};

use self::access_error::AccessError;
pub(super) use self::access_error::error_text;
use super::contract::{FileError, Metadata};
use super::grants::{Denial, Grants};
use super::state::State;
use vitals_model::Text;

impl State {
    pub(super) async fn stat_file(&mut self, path: &str) -> Result<Metadata, FileError> {
        self.on_file(path, operations::stat).await
    }

    /// Reads up to `max` bytes of a granted file at `offset`.
    pub(super) async fn read_file(
        &mut self,
        path: &str,
        offset: u64,
        max: u32,
    ) -> Result<Vec<u8>, FileError> {
        let read = move |path: &Path, grants: &Grants| operations::read(path, grants, offset, max);
        self.on_file(path, read).await
    }

    pub(super) async fn list_directory(&mut self, path: &str) -> Result<Vec<String>, FileError> {
        self.on_file(path, operations::list).await
    }

    /// Runs an operation on the pool if the grants cover the path as written.
    async fn on_file<T: Send + 'static>(
        &mut self,
        path: &str,
        work: impl FnOnce(&Path, &Grants) -> Result<T, AccessError> + Send + 'static,
    ) -> Result<T, FileError> {
        let asked = normalize(path).map_err(|reason| FileError::Failed(reason.to_owned()))?;
        if let Err(denial) = self.grants.permit_file(&asked) {
            return Err(FileError::Denied(self.egress.deny(denial)));
        }
        let (grants, there) = (self.grants.clone(), asked.clone());
        let work = move || work(&there, &grants);
        let answer = self.files.run(self.run_log.check.as_str(), work).await;
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(error) => AccessError::Failed(error.to_string()),
        };
        Err(match error {
            AccessError::Denied(denial) => {
                FileError::Denied(self.record_denied_target(&asked, denial))
            }
            AccessError::NotFound => FileError::NotFound,
            AccessError::Failed(reason) => FileError::Failed(reason),
        })
    }

    /// Records the denial of the resolved path for the operator. The guest does not learn the
    /// resolved path, because the content of a symlink is not granted.
    fn record_denied_target(&self, asked: &Path, denial: Denial) -> String {
        self.egress.deny(denial);
        let asked = Text::line(&asked.to_string_lossy(), SHOWN_BYTES);
        format!(
            "denied: file {asked}, which leads outside the check's grants (its denials say where \
             to)"
        )
    }
}

/// Normalizes a path as grants are normalized, so that the guest can use a path as the
/// configuration writes it: `/a//b/` is `/a/b`.
pub(super) fn normalize(text: &str) -> Result<PathBuf, &'static str> {
    if text.len() > PATH_BYTES {
        return Err("the path is too long");
    }
    if text.contains('\0') {
        return Err("the path contains a NUL");
    }
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err("the path is not absolute");
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("the path contains `..`");
    }
    Ok(path.components().collect())
}

/// Other systems have no way to open exactly the file that was checked.
#[cfg(not(target_os = "linux"))]
mod operations {
    use super::{AccessError, Grants, Metadata, Path};

    pub(super) fn stat(_: &Path, _: &Grants) -> Result<Metadata, AccessError> {
        Err(AccessError::failed(UNSUPPORTED))
    }

    pub(super) fn read(_: &Path, _: &Grants, _: u64, _: u32) -> Result<Vec<u8>, AccessError> {
        Err(AccessError::failed(UNSUPPORTED))
    }

    pub(super) fn list(_: &Path, _: &Grants) -> Result<Vec<String>, AccessError> {
        Err(AccessError::failed(UNSUPPORTED))
    }

    const UNSUPPORTED: &str = "the host reads files for plugins on Linux only";
}

/// How much of a path an error repeats.
const SHOWN_BYTES: usize = 512;
/// `PATH_MAX` of Linux.
const PATH_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized_like_grants() {
        for (text, path) in [
            ("/", "/"),
            ("/a//b/./c/", "/a/b/c"),
            ("/..a/b..", "/..a/b.."),
        ] {
            assert_eq!(normalize(text), Ok(PathBuf::from(path)), "{text}");
        }
        for text in ["", "a", "./a", "~/a", "/a/../b", "/..", "/a\0b"] {
            assert!(normalize(text).is_err(), "{text:?}");
        }
        assert!(normalize(&"/a".repeat(50_000)).is_err());
    }
}
