//! Compiled code, and the one place where bytes become code that this process runs.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Native code as wasmtime serializes it.
///
/// Who has one can run it, so there are three ways to get one: from the pipe of this host's own
/// child, from its own compiling thread, and from the sealed cache.
pub(crate) struct Artifact(Vec<u8>);

impl Artifact {
    /// Takes bytes that one of the three sources vouches for.
    pub(crate) fn from_trusted_source(code: Vec<u8>) -> Self {
        Self(code)
    }

    /// The bytes, to be kept.
    pub(crate) fn code(&self) -> &[u8] {
        &self.0
    }

    /// Loads the code. Fails where another engine made it: wasmtime compares version, settings,
    /// features and processor.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(
            unsafe_code,
            reason = "the bytes come from this host's own compiler: over a pipe that nobody else \
                      holds, or out of a directory that nobody else may enter"
        )]
        // SAFETY: see the reason above. What a hostile process of the same user can do to those
        // bytes, it can do to this process as well.
        unsafe {
            Component::deserialize(engine, &self.0)
        }
    }
}
