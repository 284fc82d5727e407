//! The gate: from the bytes of a file to a plugin that can run, or the reason why not.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::admitted::Admitted;
use super::bindings::v0_1::PluginPre;
use super::capabilities::{Journal, Origin, PluginIdentity};
use super::compile::CompileError;
use super::describe::Description;
use super::egress::{Egress, Roots, RootsError};
use super::grants::Grants;
use super::load_error::LoadError;
use super::metrics::VersionMetrics;
use super::run::{RunLimits, bounded, leftovers};
use super::sandbox::Sandbox;
use super::schema::Schema;
use super::state::State;
use super::{bindings, imports, shape};
use crate::check::{CheckName, Digest, PluginName, Text};
use crate::config::{Limits, Root, Secrets};
use crate::regular_file;

/// A plugin that passed the gate: compiled, linked and described, ready to be run by any number of
/// checks.
pub struct Plugin {
    sandbox: Sandbox,
    identity: Arc<PluginIdentity>,
    admitted: Arc<Admitted>,
    /// What this version counts; those that run on another one count elsewhere.
    metrics: Option<Arc<dyn VersionMetrics>>,
}

impl Plugin {
    /// Lets `bytes` through the gate. They are dropped as soon as they are compiled.
    pub async fn admit(
        sandbox: &Sandbox,
        name: PluginName,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Arc<Self>, LoadError> {
        // Hashing takes a moment where there are many.
        let hash = move || {
            let digest = Digest::of(bytes.as_ref());
            Ok((bytes, digest))
        };
        let (bytes, digest) = aside(hash).await?;
        Self::admit_known(sandbox, name, bytes, digest).await
    }

    /// Like [`Plugin::admit`], of bytes whose digest is known.
    pub(crate) async fn admit_known(
        sandbox: &Sandbox,
        name: PluginName,
        bytes: impl AsRef<[u8]> + Send + 'static,
        digest: Digest,
    ) -> Result<Arc<Self>, LoadError> {
        kind(bytes.as_ref())?;
        let size = bytes.as_ref().len() as u64;
        let admitted = match prepare(sandbox, bytes, digest).await? {
            Prepared::InUse(admitted) => admitted,
            Prepared::New(compiled) => look_into(sandbox, compiled, size).await?,
        };
        let metrics = sandbox.metrics().cloned();
        let metrics = metrics.map(|metrics| metrics.version(&name));
        let identity = Arc::new(PluginIdentity {
            name,
            version: admitted.description.version.clone(),
            digest: admitted.digest,
        });
        Ok(Arc::new(Self {
            sandbox: sandbox.clone(),
            identity,
            admitted,
            metrics,
        }))
    }

    /// Reads a file that may be a plugin, refusing one that is too large before reading it.
    ///
    /// Blocks; not for the async runtime's own threads.
    pub fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
        Self::read_until(path, None)
    }

    /// Like [`Plugin::read`], but reads no further past a moment.
    pub(crate) fn read_until(path: &Path, until: Option<Instant>) -> Result<Vec<u8>, LoadError> {
        let file = regular_file::open_stored(path)?;
        Ok(regular_file::read_opened(file, MAX_BYTES, until)?)
    }

    /// The name: the stem of the file.
    pub fn name(&self) -> &PluginName {
        &self.identity.name
    }

    /// Which one it is, for whoever only has to say so.
    pub(super) fn identity(&self) -> &Arc<PluginIdentity> {
        &self.identity
    }

    /// The digest of the file.
    pub fn digest(&self) -> Digest {
        self.admitted.digest
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.admitted.size
    }

    /// What it says about itself.
    pub fn description(&self) -> &Description {
        &self.admitted.description
    }

    /// The contract that it was built against: `vitals:health@0.1.0`.
    pub fn contract(&self) -> String {
        format!("{}@{}", bindings::PACKAGE, bindings::VERSION)
    }

    /// What it imports.
    pub fn imports(&self) -> &[String] {
        &self.admitted.imports
    }

    /// How long it took to compile, or to load from the cache.
    pub fn compile_time(&self) -> Duration {
        self.admitted.compile_time
    }

    /// The roots that TLS connections of a check trust: its own where it has any, else the host's.
    pub(crate) fn roots(&self, own: Option<&[Root]>) -> Result<Roots, RootsError> {
        self.sandbox.roots(own)
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.admitted.schema
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(super) fn pre(&self) -> &PluginPre<State> {
        &self.admitted.pre
    }

    pub(super) fn metrics(&self) -> Option<&Arc<dyn VersionMetrics>> {
        self.metrics.as_ref()
    }

    /// It is the version that serves from here on.
    pub(crate) fn serve(&self) {
        if let Some(metrics) = self.metrics() {
            Arc::clone(metrics).serve();
        }
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plugin({} {})", self.name(), self.digest().short())
    }
}

/// What the first bytes say the file is.
fn kind(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(LoadError::TooLarge {
            size: bytes.len() as u64,
            limit: MAX_BYTES,
        });
    }
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(LoadError::Precompiled);
    }
    match bytes {
        [] => Err(LoadError::Empty),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadError::CoreModule),
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        _ => Err(LoadError::NotWasm),
    }
}

/// What is known of the bytes of a file.
enum Prepared {
    /// Another plugin is of the same.
    InUse(Arc<Admitted>),
    New(Compiled),
}

/// A component that can be linked.
struct Compiled {
    digest: Digest,
    component: Component,
    /// How long it took to compile and load it, or to load it from the cache.
    compile_time: Duration,
}

/// Links and describes a component.
async fn look_into(
    sandbox: &Sandbox,
    compiled: Compiled,
    size: u64,
) -> Result<Arc<Admitted>, LoadError> {
    let Compiled {
        digest,
        component,
        compile_time,
    } = compiled;
    shape::check(&component)?;
    imports::check(&component, sandbox.engine())?;
    let types = |error: wasmtime::Error| LoadError::Types(error_text(&error));
    let pre = sandbox
        .linker()
        .instantiate_pre(&component)
        .map_err(types)?;
    let pre = PluginPre::new(pre).map_err(types)?;
    let permit = sandbox.describes().acquire().await;
    let permit = permit.expect("the semaphore is never closed");
    let (description, schema) = describe(sandbox, &pre, digest).await?;
    drop(permit);
    Ok(sandbox.admitted().share(Admitted {
        imports: imports::imports(&component, sandbox.engine()),
        digest,
        size,
        description,
        schema,
        compile_time,
        pre,
    }))
}

/// Takes code that is in use, or compiled code from the cache, or has it compiled. What is there
/// waits for no turn.
async fn prepare(
    sandbox: &Sandbox,
    bytes: impl AsRef<[u8]> + Send + 'static,
    digest: Digest,
) -> Result<Prepared, LoadError> {
    let here = sandbox.clone();
    let (bytes, there) = aside(move || {
        shape::check_instances(bytes.as_ref())?;
        if let Some(admitted) = here.admitted().get(digest) {
            return Ok((bytes, Some(Prepared::InUse(admitted))));
        }
        let started = Instant::now();
        let component = cached(&here, digest);
        let cached = component.map(|component| {
            Prepared::New(Compiled {
                digest,
                component,
                compile_time: started.elapsed(),
            })
        });
        Ok((bytes, cached))
    })
    .await?;
    if let Some(there) = there {
        return Ok(there);
    }
    let compilation = sandbox.compilation();
    let permit = compilation.permit().await?;
    let started = Instant::now();
    let artifact = compilation.compile(permit, sandbox.engine(), bytes);
    let artifact = artifact.await?;
    let here = sandbox.clone();
    let (component, compile_time) = aside(move || {
        let component = artifact.load(here.engine());
        let component = component.map_err(|error| CompileError::unfit(&error))?;
        let compile_time = started.elapsed();
        here.keep(digest, artifact);
        Ok((component, compile_time))
    })
    .await?;
    Ok(Prepared::New(Compiled {
        digest,
        component,
        compile_time,
    }))
}

fn cached(sandbox: &Sandbox, digest: Digest) -> Option<Component> {
    let cache = sandbox.cache()?;
    let loaded = cache.load(digest)?.load(sandbox.engine());
    loaded.inspect_err(|why| cache.refuse(digest, why)).ok()
}

/// Does what blocks off the async runtime's own threads.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(LoadError::Panic("it was compiled")))
}

/// Calls `describe` under limits and without grants.
async fn describe(
    sandbox: &Sandbox,
    pre: &PluginPre<State>,
    digest: Digest,
) -> Result<(Description, Schema), LoadError> {
    let (here, pre) = (sandbox.clone(), pre.clone());
    let work = async move {
        let started = Instant::now();
        let limits = RunLimits::new(&Limits::default(), DESCRIBE_TIME);
        let nobody: CheckName = "describe".parse().expect("it is a valid name");
        let nothing = Arc::new(Grants::default());
        let egress = Egress::new(
            Arc::clone(here.network()),
            Arc::clone(&nothing),
            nobody.clone(),
            started + DESCRIBE_TIME,
            0,
            0,
            Roots::default(),
        );
        let (origin, secrets) = (Origin::Describe(digest), Arc::new(Secrets::default()));
        let journal = Journal::new(nobody, origin, secrets, None, None);
        let deadline = started + DESCRIBE_TIME;
        let files = Arc::clone(here.files());
        let ticking = here.ticking();
        let state = State::new(&limits, deadline, egress, nothing, files, journal, ticking);
        let mut store = here.store(state, &limits);
        let answer = bounded(&mut store, &limits, async |store| {
            let instance = pre.instantiate_async(&mut *store).await?;
            instance
                .vitals_health_health_check()
                .call_describe(store)
                .await
        });
        let answer = answer.await;
        let State {
            journal, output, ..
        } = leftovers(store, &limits, started).state;
        journal.close(&output.lines());
        answer
    };
    let said = match sandbox.threads().run(work).await {
        Ok(Ok(said)) => said,
        Ok(Err(error)) => return Err(LoadError::Describe(Box::new(error))),
        Err(_) => return Err(LoadError::Panic("its `describe` ran")),
    };
    let description = Description::new(&said).map_err(LoadError::Description)?;
    let schema = Schema::parse(&said.config_schema).map_err(LoadError::Schema)?;
    Ok((description, schema))
}

fn error_text(error: &wasmtime::Error) -> Text {
    Text::line(&format!("{error:#}"), TEXT_BYTES)
}

/// The largest file that is looked at.
const MAX_BYTES: u64 = 64 << 20;
const DESCRIBE_TIME: Duration = Duration::from_secs(5);
const TEXT_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_refused_by_name() {
        assert_eq!(kind(b""), Err(LoadError::Empty));
        assert_eq!(kind(b"\0asm"), Err(LoadError::NotWasm));
        assert_eq!(kind(b"#!/bin/sh\n"), Err(LoadError::NotWasm));
        assert_eq!(kind(b"\0asm\x01\0\0\0"), Err(LoadError::CoreModule));
        assert_eq!(kind(b"\0asm\x0d\0\x01\0"), Ok(()));
    }
}
