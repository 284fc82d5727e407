//! The limit on the compiled code that is loaded, over all plugins.
//!
//! It must not know which plugin the code belongs to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::CompileError;

/// The bytes of compiled code that a sandbox has loaded.
#[derive(Debug, Default)]
pub(crate) struct LoadedCode(Arc<AtomicU64>);

/// One plugin's share of the loaded code, until it is dropped.
#[derive(Debug)]
pub(crate) struct LoadedBytes {
    bytes: u64,
    sum: Arc<AtomicU64>,
}

impl LoadedCode {
    /// Reserves `bytes` for a plugin.
    ///
    /// # Errors
    ///
    /// The sum would exceed [`MAX_LOADED`].
    pub(crate) fn reserve(&self, bytes: usize) -> Result<LoadedBytes, CompileError> {
        let bytes = bytes as u64;
        let add = |sum: u64| sum.checked_add(bytes).filter(|sum| *sum <= MAX_LOADED);
        let reserved = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        match reserved {
            Ok(_) => Ok(LoadedBytes {
                bytes,
                sum: Arc::clone(&self.0),
            }),
            Err(loaded) => Err(CompileError::NoRoom {
                size: bytes,
                loaded,
                limit: MAX_LOADED,
            }),
        }
    }
}

impl Drop for LoadedBytes {
    fn drop(&mut self) {
        self.sum.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The maximum of compiled code of all plugins: twice the size of the cache.
const MAX_LOADED: u64 = 2 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_all_plugins_has_one_limit() {
        let loaded = LoadedCode::default();
        let large = loaded.reserve(2 << 30).unwrap();
        let full = loaded.reserve(1).unwrap_err();
        assert!(matches!(full, CompileError::NoRoom { size: 1, .. }));
        assert!(full.is_host_error());
        drop(large);
        let _first = loaded.reserve(1 << 30).unwrap();
        let _second = loaded.reserve(1 << 30).unwrap();
        assert!(loaded.reserve(1).is_err());
    }
}
