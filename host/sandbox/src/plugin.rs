//! A plugin that was admitted: what it is, and what other modules may ask of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::admitted::Admitted;
use super::bindings;
use super::describe::Description;
use super::sandbox::Sandbox;
use super::schema::Schema;
use vitals_io::blocking_pool::PoolError;
use vitals_io::trust::{Roots, RootsError};
use vitals_model::{Digest, PluginIdentity, PluginName, Root, VersionMetrics};

/// An admitted plugin: compiled, linked and described, ready to be run by any number of checks.
pub struct Plugin {
    pub(super) sandbox: Sandbox,
    /// Name, version and digest.
    pub(super) identity: Arc<PluginIdentity>,
    pub(super) admitted: Arc<Admitted>,
    /// The metrics of this version. Each version counts separately.
    pub(super) metrics: Option<Arc<dyn VersionMetrics>>,
}

impl Plugin {
    /// Gives an admitted component the name of its file.
    pub(super) fn new(sandbox: &Sandbox, name: PluginName, admitted: Arc<Admitted>) -> Self {
        let metrics = sandbox.0.metrics.clone();
        let metrics = metrics.map(|metrics| metrics.version(&name));
        let identity = Arc::new(PluginIdentity::new(
            name,
            admitted.description.version.clone(),
            admitted.linked.digest,
        ));
        Self {
            sandbox: sandbox.clone(),
            identity,
            admitted,
            metrics,
        }
    }

    /// The name: the stem of the file's name.
    pub fn name(&self) -> &PluginName {
        &self.identity.name
    }

    /// The digest of the file.
    pub fn digest(&self) -> Digest {
        self.admitted.linked.digest
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.admitted.size
    }

    /// What the plugin's `describe` returned.
    pub fn description(&self) -> &Description {
        &self.admitted.description
    }

    /// The contract that the plugin was built against: `vitals:health@0.1.0`.
    pub fn contract(&self) -> String {
        let version = self.admitted.linked.pre.version();
        format!("{}@{}", bindings::PACKAGE, version.as_str())
    }

    /// The names of the interfaces that the component imports, sorted.
    pub fn imports(&self) -> &[String] {
        &self.admitted.linked.imports
    }

    /// How long it took to compile the component, or to load it from the cache.
    pub fn compile_time(&self) -> Duration {
        self.admitted.linked.compile_time
    }

    /// The roots that TLS connections of a check trust: its own if it has any, else the host's.
    ///
    /// # Errors
    ///
    /// A PEM file that can't be read or holds no usable certificates.
    pub fn roots(&self, own: Option<&[Root]>) -> Result<Roots, RootsError> {
        self.sandbox.0.network.roots(own)
    }

    /// The schema of a check's configuration.
    pub fn schema(&self) -> &Schema {
        &self.admitted.schema
    }

    /// Waits for a permit to bind the plugin's checks. Two plugins are bound at a time.
    pub async fn bind_permit(&self) -> OwnedSemaphorePermit {
        self.sandbox.bind_permit().await
    }

    /// Binds the plugin's checks on a thread that may be lost, because the trusted roots of a check
    /// are files. A panic inside `bind` resumes in the caller.
    ///
    /// # Errors
    ///
    /// No thread is available.
    pub async fn bind_on_pool<T: Send + 'static>(
        &self,
        bind: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let pool = &self.sandbox.0.bind_pool;
        pool.run(self.name().as_str(), bind).await
    }

    /// Makes this version's metrics the ones that are shown. Called when the version is promoted.
    pub fn serve(&self) {
        if let Some(metrics) = &self.metrics {
            Arc::clone(metrics).activate();
        }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plugin({} {})", self.name(), self.digest().short())
    }
}
