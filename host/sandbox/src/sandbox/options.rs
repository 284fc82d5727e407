//! The options of a sandbox, and the errors of its creation.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::compile::Compiler;
use vitals_io::trust::RootsError;
use vitals_model::{ErrorTracker, GuestMetrics, Root};

/// The options of a sandbox.
pub struct SandboxOptions {
    /// The number of parallel runs that the instance pool has room for.
    pub max_runs: usize,
    /// The number of guest threads; 0 means one per core.
    pub guest_threads: usize,
    /// The directory of the code cache; `None` disables it.
    pub cache_dir: Option<PathBuf>,
    /// Where plugins are compiled.
    pub compiler: Compiler,
    /// The roots that TLS connections of guests trust, unless their check has its own.
    pub roots: Vec<Root>,
    /// The receiver of guests' reports.
    pub tracker: Option<Arc<dyn ErrorTracker>>,
    /// The receiver of guests' metrics; without it metrics are accepted and ignored.
    pub metrics: Option<Arc<dyn GuestMetrics>>,
}

impl Default for SandboxOptions {
    /// 64 parallel runs, one guest thread per core, in-process compilation and no cache.
    fn default() -> Self {
        Self {
            max_runs: 64,
            guest_threads: 0,
            cache_dir: None,
            compiler: Compiler::default(),
            roots: Vec::new(),
            tracker: None,
            metrics: None,
        }
    }
}

/// The sandbox could not be created on this machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The engine rejected its settings.
    #[error("cannot set up the WebAssembly engine: {0}")]
    Engine(String),
    /// A thread could not be started.
    #[error("cannot start a thread for guests: {0}; raise the limit on processes (ulimit -u)")]
    Thread(#[source] io::Error),
    /// The TLS roots could not be read.
    #[error(transparent)]
    Roots(#[from] RootsError),
}
