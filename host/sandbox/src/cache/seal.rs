//! What binds compiled code to the file that it was made of and to the engine that made it.

use std::hash::{Hash as _, Hasher};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

use vitals_model::Digest;

/// An engine, as far as compiled code depends on it: the exact versions of wasmtime and of the host,
/// the settings, the WebAssembly features, the compiler's flags and those of the processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(engine: &Engine) -> Self {
        let mut hasher = Stable(Sha256::new());
        // Whatever wasmtime's own cache goes by; `ModuleVersionStrategy::Custom` with both versions
        // is part of it. Of the processor it has the features, by which code is chosen.
        #[cfg(feature = "compile-in-process")]
        let settings = engine.precompile_compatibility_hash();
        // Without a compiler wasmtime does not tell. The settings go with the versions, and code for
        // another processor is refused when it is loaded.
        #[cfg(not(feature = "compile-in-process"))]
        let settings = (crate::engine::CODE_VERSION, engine.is_pulley());
        settings.hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }

    /// Enough to tell two apart in the name of a file.
    pub(super) fn short(&self) -> [u8; 8] {
        std::array::from_fn(|index| self.0[index])
    }

    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self(Sha256::digest(name).into())
    }
}

/// A hasher that says the same in every process.
struct Stable(Sha256);

impl Hasher for Stable {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(std::array::from_fn(|index| digest[index]))
    }
}

/// The seal of an entry; stands before its code.
pub(super) fn seal(digest: Digest, engine: &Fingerprint, code: &[u8]) -> [u8; SEAL] {
    let mut hasher = Sha256::new();
    hasher.update(MARK);
    hasher.update(digest.as_bytes());
    hasher.update(engine.0);
    hasher.update(code);
    hasher.finalize().into()
}

/// The code of an entry, if its seal is right.
pub(super) fn open(mut entry: Vec<u8>, digest: Digest, engine: &Fingerprint) -> Option<Vec<u8>> {
    let (found, code) = entry.split_first_chunk::<SEAL>()?;
    if *found != seal(digest, engine, code) {
        return None;
    }
    entry.drain(..SEAL);
    Some(entry)
}

const SEAL: usize = 32;
/// Of this layout.
const MARK: &[u8] = b"vitals code 1\0";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;

    #[test]
    fn the_engine_of_a_compiling_child_is_that_of_the_host() {
        // Instances from a pool, where this machine has the address space, or on demand.
        let host = engine::build(4).unwrap();
        let child = engine::on_demand().unwrap();
        assert_eq!(Fingerprint::of(&host), Fingerprint::of(&child));
    }

    #[test]
    fn other_settings_are_another_engine() {
        let other = Engine::new(wasmtime::Config::new().consume_fuel(true)).unwrap();
        let ours = engine::on_demand().unwrap();
        assert_ne!(Fingerprint::of(&ours), Fingerprint::of(&other));
    }
}
