//! How a sandbox is set up, and why that can fail.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::compile::Compiler;
use vitals_io::trust::RootsError;
use vitals_model::{ErrorTracker, GuestMetrics, Root};

/// How a sandbox is set up.
pub struct SandboxOptions {
    /// Runs at once that the instance pool has room for.
    pub max_runs: usize,
    /// Threads for guests; 0 is one per core.
    pub guest_threads: usize,
    /// Where compiled code is kept, if anywhere.
    pub cache_dir: Option<PathBuf>,
    /// Where plugins are compiled.
    pub compiler: Compiler,
    /// The roots that TLS connections of guests trust unless their check has its own.
    pub roots: Vec<Root>,
    /// Where reports of guests go.
    pub tracker: Option<Arc<dyn ErrorTracker>>,
    /// Where metrics of guests go; without it their calls are accepted and ignored.
    pub metrics: Option<Arc<dyn GuestMetrics>>,
}

impl Default for SandboxOptions {
    /// 64 runs at once, a thread for each core, plugins compiled in this process, and nothing kept.
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

/// The sandbox could not be set up on this machine.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine refused its settings.
    #[error("cannot set up the WebAssembly engine: {0}")]
    Engine(String),
    /// A thread could not be started.
    #[error("cannot start a thread for guests: {0}; raise the limit on processes (ulimit -u)")]
    Thread(#[source] io::Error),
    /// The TLS roots could not be read.
    #[error(transparent)]
    Roots(#[from] RootsError),
}
