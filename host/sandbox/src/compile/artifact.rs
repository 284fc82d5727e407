//! Compiled code, and the one place where bytes become code that this process runs.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Native code as wasmtime serializes it.
///
/// Whoever has an artifact can run it, so there are only three sources: the pipe of the host's own
/// child, the host's own compiler thread, and the sealed cache.
pub(crate) struct Artifact(Vec<u8>);

impl Artifact {
    /// Wraps bytes that come from one of the three sources.
    pub(crate) fn from_trusted_source(code: Vec<u8>) -> Self {
        Self(code)
    }

    pub(crate) fn code(&self) -> &[u8] {
        &self.0
    }

    /// Loads the code. Fails if another engine made it: wasmtime compares version, settings,
    /// features and processor.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(
            unsafe_code,
            reason = "the bytes come from this host's own compiler: over a pipe that nobody else \
                      holds, or out of a directory that nobody else may enter"
        )]
        // SAFETY: see the reason above. A hostile process of the same user that can change those
        // bytes can change this process as well.
        unsafe {
            Component::deserialize(engine, &self.0)
        }
    }
}
