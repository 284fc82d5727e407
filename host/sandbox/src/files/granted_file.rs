//! Finds the file that a guest may read: resolves symlinks itself, asks the grants, and opens
//! exactly what the grants were asked about.
//!
//! A file is opened for reading only once it is known to be regular or a directory, because opening
//! a FIFO, a terminal or a tape has side effects.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, FsWord, Mode, OFlags, PROC_SUPER_MAGIC, ResolveFlags, Stat};
use rustix::io::Errno;

use super::access_error::AccessError;
use crate::grants::Grants;
use vitals_io::regular_file::{pseudo_filesystem, reopen};

/// A regular file or a directory that the grants cover, not yet open for reading.
pub(super) struct GrantedFile {
    path: OwnedFd,
    pub(super) stat: Stat,
    kind: FileType,
}

impl GrantedFile {
    /// Finds the file of `asked`, which must be absolute, without `..`, and permitted as written.
    pub(super) fn find(asked: &Path, grants: &Grants) -> Result<Self, AccessError> {
        for _ in 0..MAX_ATTEMPTS {
            let target = resolve_symlinks(asked)?;
            let resolve = |granted: &Path| resolve_symlinks(granted).ok();
            let denied = AccessError::Denied;
            grants
                .permit_resolved_path(asked, &target, resolve)
                .map_err(denied)?;
            let found = path_only(&target);
            // If the file does not exist, its closest existing ancestor tells the file system.
            let filesystem = match &found {
                Ok(path) => pseudo_filesystem(path)?,
                Err(_) => match target
                    .ancestors()
                    .skip(1)
                    .find_map(|ancestor| path_only(ancestor).ok())
                {
                    Some(ancestor) => pseudo_filesystem(&ancestor)?,
                    None => None,
                },
            };
            if let Some(filesystem) = filesystem {
                permit_pseudo_file(asked, &target, filesystem, grants)?;
            }
            match found {
                Ok(path) => return Self::of(path),
                // The file was replaced in the meantime: try again.
                Err(_) if resolve_symlinks(asked)? != target => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AccessError::failed(
            "it changes faster than it can be opened",
        ))
    }

    fn of(path: OwnedFd) -> Result<Self, AccessError> {
        let stat = rustix::fs::fstat(&path)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let what = match kind {
            FileType::RegularFile | FileType::Directory => return Ok(Self { path, stat, kind }),
            FileType::Fifo => "a FIFO",
            FileType::Socket => "a socket",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            _ => "something else",
        };
        Err(AccessError::Failed(format!(
            "it is {what}: only regular files and directories can be read"
        )))
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind == FileType::Directory
    }

    /// Opens the same file for reading, whatever its path leads to by now.
    pub(super) fn open(&self) -> Result<OwnedFd, AccessError> {
        match reopen(&self.path) {
            Ok(file) => Ok(file),
            Err(Errno::NOENT) => Err(AccessError::failed(
                "/proc is not mounted where the host runs",
            )),
            Err(error) => Err(error.into()),
        }
    }
}

/// Resolves every symlink of an absolute path. Components that do not exist stay as they are.
pub(super) fn resolve_symlinks(path: &Path) -> Result<PathBuf, AccessError> {
    let mut resolved = PathBuf::from("/");
    let mut steps = 0;
    // The components that remain, the next one last.
    let mut pending: Vec<_> = components_reversed(path);
    while let Some(part) = pending.pop() {
        steps += 1;
        if steps > MAX_STEPS {
            return Err(too_long());
        }
        if part == ".." {
            resolved.pop();
            continue;
        }
        resolved.push(&part);
        if let Ok(link) = rustix::fs::readlinkat(CWD, &resolved, Vec::new()) {
            let link = Path::new(OsStr::from_bytes(link.as_bytes()));
            resolved.pop();
            if link.is_absolute() {
                resolved = PathBuf::from("/");
            }
            pending.extend(components_reversed(link));
            if steps + pending.len() > MAX_STEPS {
                return Err(too_long());
            }
        }
    }
    Ok(resolved)
}

fn too_long() -> AccessError {
    AccessError::failed("it has too many parts or symlinks")
}

fn components_reversed(path: &Path) -> Vec<std::ffi::OsString> {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    names.collect()
}

/// Opens a path without symlinks with `O_PATH`.
fn path_only(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
}

/// Decides on a file of a pseudo file system. A grant for a directory above its mount point does
/// not cover it; the grant must be inside the file system.
fn permit_pseudo_file(
    asked: &Path,
    target: &Path,
    kind: FsWord,
    grants: &Grants,
) -> Result<(), AccessError> {
    if kind == PROC_SUPER_MAGIC && exposes_memory(target) {
        return Err(AccessError::failed(
            "it shows the memory or the environment of a process or the kernel, which no plugin \
             may read",
        ));
    }
    let inside = |granted: &PathBuf| {
        path_only(granted).and_then(|granted| pseudo_filesystem(&granted)) == Ok(Some(kind))
    };
    let resolve = |granted: &Path| resolve_symlinks(granted).ok().filter(inside);
    grants
        .permit_resolved_path(asked, target, resolve)
        .map_err(AccessError::Denied)
}

/// Whether a path on `/proc` belongs to a process or a thread, or to the memory of the machine,
/// which hold all secrets of the host.
fn exposes_memory(path: &Path) -> bool {
    let is_process = |part: &OsStr| part.as_bytes().iter().all(u8::is_ascii_digit);
    path.iter()
        .any(|part| is_process(part) || part == "kcore" || part == "vmcore")
}

/// The maximum number of attempts if the file is replaced meanwhile.
const MAX_ATTEMPTS: usize = 8;
/// The maximum number of components and symlinks that a path resolves to, because resolving can't
/// be interrupted.
const MAX_STEPS: usize = 512;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_symlink_created_after_the_decision_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = resolve_symlinks(dir.path()).unwrap();
        std::fs::create_dir(root.join("out")).unwrap();
        std::fs::write(root.join("out/secret"), "").unwrap();
        symlink("out", root.join("directory")).unwrap();
        symlink("out/secret", root.join("file")).unwrap();
        for path in ["directory/secret", "file"] {
            let opened = path_only(&root.join(path));
            assert_eq!(opened.unwrap_err(), Errno::LOOP, "{path}");
        }
        assert!(path_only(&root.join("out/secret")).is_ok());
    }

    #[test]
    fn symlinks_are_resolved_even_if_the_target_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let root = resolve_symlinks(dir.path()).unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        symlink("../..", root.join("a/b/up")).unwrap();
        symlink(root.join("a/b"), root.join("short")).unwrap();
        symlink("nowhere/at/../all", root.join("dangling")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        for (path, target) in [
            ("a/b/up/a/b", "a/b"),
            ("short/up/short", "a/b"),
            ("short/nothing", "a/b/nothing"),
            ("dangling/x", "nowhere/all/x"),
        ] {
            let found = resolve_symlinks(&root.join(path)).unwrap();
            assert_eq!(found, root.join(target), "{path}");
        }
        assert!(resolve_symlinks(&root.join("loop")).is_err());
        assert_eq!(
            resolve_symlinks(Path::new("/../../..")).unwrap(),
            Path::new("/")
        );
    }

    #[test]
    fn the_number_of_components_and_links_is_limited() {
        let dir = tempfile::tempdir().unwrap();
        // Each link leads through itself and adds a thousand components.
        let link = dir.path().join("l");
        std::os::unix::fs::symlink(format!("l/{}", "a/".repeat(1000)), &link).unwrap();
        assert!(resolve_symlinks(&link).is_err());
        assert!(resolve_symlinks(&dir.path().join("b/".repeat(MAX_STEPS - 20))).is_ok());
    }

    #[test]
    fn the_memory_of_processes_and_of_the_machine_is_known_by_its_path() {
        for path in ["/proc/1/environ", "/host/proc/7/task/8/mem", "/proc/kcore"] {
            assert!(exposes_memory(Path::new(path)), "{path}");
        }
        for path in ["/proc/mdstat", "/proc/sys/fs/file-nr", "/"] {
            assert!(!exposes_memory(Path::new(path)), "{path}");
        }
    }
}
