//! Derives the options of the sandbox from a configuration.

use std::sync::Arc;

use vitals_config::Config;
use vitals_model::ErrorTracker;
use vitals_sandbox::{Compiler, SandboxOptions};

/// Returns the sandbox options of a configuration. Plugins are compiled in this process, and their
/// metrics are ignored.
pub fn sandbox_options(config: &Config, tracker: Option<Arc<dyn ErrorTracker>>) -> SandboxOptions {
    SandboxOptions {
        max_runs: config.engine.max_runs as usize,
        guest_threads: config.engine.guest_threads as usize,
        cache_dir: config.plugins.cache_dir.clone(),
        compiler: Compiler::default(),
        roots: config.tls.roots.clone(),
        tracker,
        metrics: None,
    }
}
