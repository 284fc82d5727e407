//! The gate: from the bytes of a file to a plugin that can run, or the reason why not.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::admitted::Admitted;
use super::bindings::{self, PluginPre};
use super::call::{bounded, leftovers};
use super::compile::{Artifact, CompileError, LoadedBytes};
use super::describe::Description;
use super::egress::Egress;
use super::grants::Grants;
use super::journal::{Journal, Origin};
use super::load_error::LoadError;
use super::run_limits::RunLimits;
use super::sandbox::Sandbox;
use super::schema::{BindingError, Schema};
use super::state::State;
use super::{imports, shape};
use vitals_io::blocking_pool::PoolError;
use vitals_io::regular_file;
use vitals_io::trust::{Roots, RootsError};
use vitals_model::{CheckName, Digest, PluginIdentity, PluginName, Text, VersionMetrics};
use vitals_model::{Limits, Root, Secrets};

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
    pub async fn admit_known(
        sandbox: &Sandbox,
        name: PluginName,
        bytes: impl AsRef<[u8]> + Send + 'static,
        digest: Digest,
    ) -> Result<Arc<Self>, LoadError> {
        kind(bytes.as_ref())?;
        let size = bytes.as_ref().len() as u64;
        let admitted = match prepare(sandbox, bytes, digest).await? {
            Prepared::InUse(admitted) => admitted,
            Prepared::New(linked) => look_into(sandbox, linked, size).await?,
        };
        let metrics = sandbox.metrics().cloned();
        let metrics = metrics.map(|metrics| metrics.version(&name));
        let version = admitted.description.version.clone();
        let identity = Arc::new(PluginIdentity::new(name, version, admitted.digest));
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
    pub fn read_until(path: &Path, until: Option<Instant>) -> Result<Vec<u8>, LoadError> {
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
        let version = self.admitted.pre.version();
        format!("{}@{}", bindings::PACKAGE, version.as_str())
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
    pub fn roots(&self, own: Option<&[Root]>) -> Result<Roots, RootsError> {
        self.sandbox.roots(own)
    }

    /// What the configuration of a check has to look like.
    pub fn schema(&self) -> &Schema {
        &self.admitted.schema
    }

    /// Waits until it may be held against its checks: what that takes, few do at once.
    pub async fn binding_permit(&self) -> OwnedSemaphorePermit {
        acquire(self.sandbox.bindings()).await
    }

    /// Holds it against its checks, on a thread that may be lost: the trusted roots of a check lie in
    /// files. A panic inside goes on here.
    pub async fn bind_aside<T: Send + 'static>(
        &self,
        bind: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let pool = self.sandbox.binding();
        pool.run(self.name().as_str(), bind).await
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(super) fn pre(&self) -> &PluginPre {
        &self.admitted.pre
    }

    pub(super) fn metrics(&self) -> Option<&Arc<dyn VersionMetrics>> {
        self.metrics.as_ref()
    }

    /// It is the version that serves from here on.
    pub fn serve(&self) {
        if let Some(metrics) = self.metrics() {
            Arc::clone(metrics).activate();
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
    New(Linked),
}

/// A component that is linked to the host.
struct Linked {
    digest: Digest,
    pre: PluginPre,
    imports: Vec<String>,
    code: LoadedBytes,
    /// How long it took to compile and load it, or to load it from the cache.
    compile_time: Duration,
}

/// Holds a component to what a plugin may have, and links it. Blocks, because a component can have many
/// types.
fn link(
    sandbox: &Sandbox,
    digest: Digest,
    component: &Component,
    code: LoadedBytes,
    compile_time: Duration,
) -> Result<Linked, LoadError> {
    shape::check(component)?;
    let version = imports::contract(component, sandbox.engine())?;
    imports::check(component, sandbox.engine(), version)?;
    let types = |error: wasmtime::Error| LoadError::Types(error_text(&error));
    let pre = sandbox.linker().instantiate_pre(component).map_err(types)?;
    Ok(Linked {
        digest,
        pre: version.prepare(pre).map_err(types)?,
        imports: imports::imports(component, sandbox.engine()),
        code,
        compile_time,
    })
}

/// Describes a component.
async fn look_into(
    sandbox: &Sandbox,
    linked: Linked,
    size: u64,
) -> Result<Arc<Admitted>, LoadError> {
    let permit = acquire(sandbox.describes()).await;
    let (description, schema) = describe(sandbox, &linked.pre, linked.digest).await?;
    let schema = read_schema(schema, permit).await?;
    let Linked {
        digest,
        pre,
        imports,
        code,
        compile_time,
    } = linked;
    Ok(sandbox.admitted().share(Admitted {
        imports,
        digest,
        size,
        description,
        schema,
        compile_time,
        pre,
        _code: code,
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
        let Some((component, code)) = cached(&here, digest)? else {
            return Ok((bytes, None));
        };
        let linked = link(&here, digest, &component, code, started.elapsed())?;
        Ok((bytes, Some(Prepared::New(linked))))
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
    let linked = aside(move || {
        let (component, code) = load(&here, &artifact)?;
        let component = component.map_err(|error| CompileError::unfit(&error))?;
        let compile_time = started.elapsed();
        here.keep(digest, artifact);
        link(&here, digest, &component, code, compile_time)
    });
    Ok(Prepared::New(linked.await?))
}

/// The component of compiled code that is in the cache, with the place of its code among what is loaded.
fn cached(
    sandbox: &Sandbox,
    digest: Digest,
) -> Result<Option<(Component, LoadedBytes)>, LoadError> {
    let Some(cache) = sandbox.cache() else {
        return Ok(None);
    };
    let Some(artifact) = cache.load(digest) else {
        return Ok(None);
    };
    let (component, code) = load(sandbox, &artifact)?;
    let component = component.inspect_err(|why| cache.refuse(digest, why));
    Ok(component.ok().map(|component| (component, code)))
}

/// Loads compiled code where there is room for it.
fn load(
    sandbox: &Sandbox,
    artifact: &Artifact,
) -> Result<(wasmtime::Result<Component>, LoadedBytes), CompileError> {
    let code = sandbox.loaded().reserve(artifact.code().len())?;
    Ok((artifact.load(sandbox.engine()), code))
}

/// Does what blocks off the async runtime's own threads.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(LoadError::Panic("it was compiled")))
}

/// Reads a schema off the async runtime's own threads, and gives up after a while.
async fn read_schema(text: String, permit: OwnedSemaphorePermit) -> Result<Schema, LoadError> {
    read_within(SCHEMA_TIME, permit, move || Schema::parse(&text)).await
}

/// Waits so long for a schema to be read. The permit is kept until the thread is done with it.
async fn read_within(
    time: Duration,
    permit: OwnedSemaphorePermit,
    read: impl FnOnce() -> Result<Schema, BindingError> + Send + 'static,
) -> Result<Schema, LoadError> {
    let read = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        read()
    });
    match tokio::time::timeout(time, read).await {
        Ok(Ok(schema)) => schema.map_err(LoadError::Schema),
        Ok(Err(_)) => Err(LoadError::Panic("its schema was read")),
        Err(_) => Err(LoadError::Schema(BindingError::Time(time))),
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.expect("the semaphore is never closed")
}

/// Calls `describe` under limits and without grants; with the description comes the text of the
/// schema.
async fn describe(
    sandbox: &Sandbox,
    pre: &PluginPre,
    digest: Digest,
) -> Result<(Description, String), LoadError> {
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
        let answer = bounded(&mut store, &limits, async |store| pre.describe(store).await);
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
    Ok((description, said.config_schema))
}

fn error_text(error: &wasmtime::Error) -> Text {
    Text::display(format_args!("{error:#}"), TEXT_BYTES)
}

/// The largest file that is looked at.
const MAX_BYTES: u64 = 64 << 20;
const DESCRIBE_TIME: Duration = Duration::from_secs(5);
/// Far more than any schema within its bounds takes.
const SCHEMA_TIME: Duration = Duration::from_secs(10);
const TEXT_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::sandbox::SandboxOptions;

    #[tokio::test]
    async fn schemas_that_take_too_long_are_given_up_and_no_more_than_two_are_read() {
        let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
        let turns = sandbox.describes();
        let brief = Duration::from_millis(10);
        let mut held = Vec::new();
        while let Ok(turn) = Arc::clone(turns).try_acquire_owned() {
            let (release, released) = mpsc::channel::<()>();
            held.push(release);
            let read = move || {
                // It comes by the end of the sender.
                let _ = released.recv();
                Schema::parse("{}")
            };
            let schema = read_within(brief, turn, read).await;
            let error = LoadError::Schema(BindingError::Time(brief));
            assert_eq!(schema.err(), Some(error));
            assert!(held.len() <= 2, "no turn is free before a thread is");
        }
        held.pop();
        let turn = acquire(turns).await;
        let patiently = Duration::from_mins(1);
        let schema = read_within(patiently, turn, || Schema::parse("{}")).await;
        assert!(schema.is_ok(), "{schema:?}");
    }

    #[test]
    fn files_of_other_kinds_are_refused_by_name() {
        assert_eq!(kind(b""), Err(LoadError::Empty));
        assert_eq!(kind(b"\0asm"), Err(LoadError::NotWasm));
        assert_eq!(kind(b"#!/bin/sh\n"), Err(LoadError::NotWasm));
        assert_eq!(kind(b"\0asm\x01\0\0\0"), Err(LoadError::CoreModule));
        assert_eq!(kind(b"\0asm\x0d\0\x01\0"), Ok(()));
    }
}
