//! The seal that binds compiled code to the file it was made of and to the engine that made it.

use std::hash::{Hash as _, Hasher};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

use vitals_model::Digest;

/// Identifies an engine as far as compiled code depends on it: the exact versions of wasmtime and
/// of the host, the settings, the WebAssembly features, the compiler's flags and the processor's
/// features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(engine: &Engine) -> Self {
        let mut hasher = Sha256Hasher(Sha256::new());
        // The inputs of wasmtime's own cache key, which include both versions through
        // `ModuleVersionStrategy::Custom` and the features of the processor.
        #[cfg(feature = "compile-in-process")]
        let settings = engine.precompile_compatibility_hash();
        // Without a compiler wasmtime has no such key. The settings depend on the versions alone, and
        // code for another processor is rejected when it is loaded.
        #[cfg(not(feature = "compile-in-process"))]
        let settings = (crate::engine::CODE_VERSION, engine.is_pulley());
        settings.hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }

    /// A short form for file names.
    pub(super) fn short(&self) -> [u8; 8] {
        std::array::from_fn(|index| self.0[index])
    }

    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self(Sha256::digest(name).into())
    }
}

/// A hasher with the same result in every process.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(std::array::from_fn(|index| digest[index]))
    }
}

/// Computes the seal of an entry, which precedes its code.
pub(super) fn seal(digest: Digest, engine: &Fingerprint, code: &[u8]) -> [u8; SEAL_BYTES] {
    let mut hasher = Sha256::new();
    hasher.update(MAGIC);
    hasher.update(digest.as_bytes());
    hasher.update(engine.0);
    hasher.update(code);
    hasher.finalize().into()
}

/// Returns the code of an entry if its seal is right.
pub(super) fn open(mut entry: Vec<u8>, digest: Digest, engine: &Fingerprint) -> Option<Vec<u8>> {
    let (found, code) = entry.split_first_chunk::<SEAL_BYTES>()?;
    if *found != seal(digest, engine, code) {
        return None;
    }
    entry.drain(..SEAL_BYTES);
    Some(entry)
}

const SEAL_BYTES: usize = 32;
const MAGIC: &[u8] = b"vitals code 1\0";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;

    #[test]
    fn the_child_compiles_for_the_engine_of_the_host() {
        // The pooling allocator if this machine has the address space, or on-demand allocation.
        let host = engine::build(4).unwrap();
        let child = engine::build_without_pool().unwrap();
        assert_eq!(Fingerprint::of(&host), Fingerprint::of(&child));
    }

    #[test]
    fn other_settings_have_another_fingerprint() {
        let other = Engine::new(wasmtime::Config::new().consume_fuel(true)).unwrap();
        let ours = engine::build_without_pool().unwrap();
        assert_ne!(Fingerprint::of(&ours), Fingerprint::of(&other));
    }
}
