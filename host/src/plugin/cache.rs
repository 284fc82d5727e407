//! Compiled code on disk, so that a restart does not compile again what has not changed.
//!
//! Compiled code is native code: it is loaded only from a directory that belongs to this user and
//! that nobody else may enter, and only if its bytes are those that were written.

use std::fs::{self, DirBuilder};
use std::hash::{Hash as _, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::check::Digest;

/// A directory of compiled plugins, of one engine.
#[derive(Debug)]
pub(super) struct CodeCache {
    dir: PathBuf,
    engine: u64,
}

impl CodeCache {
    /// Opens the directory, making it where it is missing. Nothing, and a line in the log, where it
    /// is not ours alone: then every start compiles.
    pub(super) fn open(dir: PathBuf, engine: &Engine) -> Option<Self> {
        match ours_alone(&dir) {
            Ok(()) => {
                let mut hasher = Fingerprint(Sha256::new());
                engine.precompile_compatibility_hash().hash(&mut hasher);
                Some(Self {
                    dir,
                    engine: hasher.finish(),
                })
            }
            Err(why) => {
                tracing::warn!(dir = %dir.display(), %why, "compiled code is not cached");
                None
            }
        }
    }

    /// The compiled code of a file, if it is there and whole.
    pub(super) fn load(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let path = self.path(digest);
        let bytes = fs::read(&path).ok()?;
        let (seal, code) = bytes.split_at_checked(SEAL_BYTES)?;
        if seal != self.seal(digest, code).as_slice() {
            tracing::warn!(path = %path.display(), "a cached plugin is damaged and is compiled again");
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "the bytes are those that this user's host wrote into a directory that nobody \
                      else may enter, and wasmtime checks that its own settings made them"
        )]
        // SAFETY: see the reason above; a hostile process of the same user could as well attach to
        // this one.
        let component = unsafe { Component::deserialize(engine, code) };
        component
            .inspect_err(|error| tracing::debug!(%error, "a cached plugin is of another host"))
            .ok()
    }

    /// Keeps compiled code. A failure costs the next start a compilation, and nothing else.
    pub(super) fn store(&self, digest: Digest, component: &Component) {
        let written = component
            .serialize()
            .map_err(io::Error::other)
            .and_then(|code| {
                // Of this process and thread: two hosts may compile the same file at once.
                let (process, thread) = (std::process::id(), std::thread::current().id());
                let temporary = self.dir.join(format!(".{digest}.{process}.{thread:?}"));
                let mut file = fs::File::create(&temporary)?;
                file.write_all(&self.seal(digest, &code))?;
                file.write_all(&code)?;
                fs::rename(&temporary, self.path(digest))
            });
        if let Err(error) = written {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot keep compiled code");
        }
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("{digest}-{:016x}", self.engine))
    }

    /// Binds the code to the file that it was made of and to the engine that made it.
    fn seal(&self, digest: Digest, code: &[u8]) -> [u8; SEAL_BYTES] {
        let mut hasher = Sha256::new();
        hasher.update(digest.as_bytes());
        hasher.update(self.engine.to_le_bytes());
        hasher.update(code);
        hasher.finalize().into()
    }
}

/// Whether `dir` is a directory of this user that nobody else may enter; makes it where missing.
fn ours_alone(dir: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| format!("cannot make it: {error}"))?;
    let found = fs::symlink_metadata(dir).map_err(|error| format!("cannot look at it: {error}"))?;
    if !found.is_dir() {
        return Err("it is not a directory".into());
    }
    let user = rustix::process::geteuid().as_raw();
    if found.uid() != user {
        return Err(format!("it belongs to user {}, not to {user}", found.uid()));
    }
    if found.mode() & 0o077 != 0 {
        let mode = found.mode() & 0o777;
        return Err(format!(
            "others may enter it (mode {mode:o}): chmod 700 {}",
            dir.display()
        ));
    }
    Ok(())
}

/// A hasher whose answer is the same in every process.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(std::array::from_fn(|index| digest[index]))
    }
}

const SEAL_BYTES: usize = 32;
