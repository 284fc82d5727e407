//! Compiled code on disk, so that a restart does not recompile plugins that have not changed.
//!
//! Compiled code is native code. It is loaded only from a directory that belongs to this user and
//! that nobody else can enter, and only if its bytes are those that were written for this file and
//! this engine. The seal of an entry is a plain SHA-256, not a signature: it detects damage and
//! mix-ups. A key would not help against an attacker who can write into the directory, because that
//! is this user, who can read the key or change this process.

mod directory;
mod seal;

use std::path::Path;

use wasmtime::Engine;

use self::directory::{Directory, EntryName};
use self::seal::Fingerprint;
use super::compile::Artifact;
use vitals_model::{Digest, shown_path};

/// A directory of plugins that one engine compiled. Every method blocks.
#[derive(Debug)]
pub(super) struct CodeCache {
    directory: Directory,
    engine: Fingerprint,
    limit: u64,
}

impl CodeCache {
    /// Opens the directory, creates it if it is missing, and evicts entries beyond the limit.
    /// Returns `None` and logs a warning if other users can enter the directory; then every start
    /// compiles.
    pub(super) fn open(dir: &Path, engine: &Engine) -> Option<Self> {
        Self::with_limit(dir, Fingerprint::of(engine), MAX_BYTES)
    }

    fn with_limit(dir: &Path, engine: Fingerprint, limit: u64) -> Option<Self> {
        let cache = Self {
            directory: Directory::new(dir),
            engine,
            limit,
        };
        match cache.directory.evict(limit, None) {
            Ok(()) => Some(cache),
            Err(reason) => {
                let path = shown_path(cache.directory.path());
                tracing::warn!(
                    path = path.as_str(),
                    error = reason,
                    "compiled code is not cached"
                );
                None
            }
        }
    }

    /// Returns the compiled code of a file. An entry that is damaged is removed.
    pub(super) fn load(&self, digest: Digest) -> Option<Artifact> {
        let name = self.name(digest);
        let entry = match self.directory.read(name, self.limit) {
            Ok(entry) => entry?,
            Err(reason) => {
                self.remove_entry(name, &reason);
                return None;
            }
        };
        let code = seal::open(entry, digest, &self.engine);
        if code.is_none() {
            self.remove_entry(name, "its bytes are not those that were written");
        }
        code.map(Artifact::from_trusted_source)
    }

    /// Whether there is an entry for a file, valid or not.
    pub(super) fn has(&self, digest: Digest) -> bool {
        self.directory.has(self.name(digest))
    }

    /// Removes an entry that the engine can't load.
    pub(super) fn reject(&self, digest: Digest, reason: &wasmtime::Error) {
        self.remove_entry(self.name(digest), &reason.to_string());
    }

    /// Stores compiled code, and removes what other engines made of the same file. A failure only
    /// costs a compilation at the next start.
    pub(super) fn store(&self, digest: Digest, artifact: &Artifact) {
        let code = artifact.code();
        let seal = seal::seal(digest, &self.engine, code);
        let size = (seal.len() + code.len()) as u64;
        if size > self.limit {
            return;
        }
        let name = self.name(digest);
        let written = self.directory.write(name, &[&seal, code]);
        let kept = written.and_then(|()| self.directory.evict(self.limit, Some(name)));
        if let Err(reason) = kept {
            let path = shown_path(self.directory.path());
            tracing::warn!(
                path = path.as_str(),
                error = reason,
                "compiled code cannot be cached"
            );
        }
    }

    fn remove_entry(&self, name: EntryName, reason: &str) {
        let path = self.directory.path().join(name.to_string());
        let path = shown_path(&path);
        tracing::warn!(
            path = path.as_str(),
            error = reason,
            "cached code is not valid; it is removed and compiled again"
        );
        self.directory.remove(name);
    }

    fn name(&self, digest: Digest) -> EntryName {
        EntryName {
            digest: *digest.as_bytes(),
            engine: self.engine.short(),
        }
    }
}

/// The maximum size of the cache: about a hundred plugins in Rust, or about twenty in languages
/// that bundle their interpreter. The least recently loaded entries are evicted first.
const MAX_BYTES: u64 = 1 << 30;

#[cfg(test)]
mod tests;
