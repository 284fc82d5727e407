//! The gate: from the bytes of a file to a plugin that can run, or the reason why not.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::admitted::Admitted;
use super::bindings::v0_1::PluginPre;
use super::capabilities::{Journal, PluginIdentity};
use super::compile::CompileError;
use super::describe::Description;
use super::egress::{Egress, Roots, RootsError};
use super::grants::Grants;
use super::metrics::VersionMetrics;
use super::run::{RunLimits, bounded, leftovers};
use super::sandbox::Sandbox;
use super::schema::{BindingError, Schema};
use super::state::State;
use super::{bindings, imports, shape};
use crate::check::{CheckName, Code, Conduct, Digest, PluginName, RunError, Text};
use crate::config::{Limits, Root, Secrets};

/// A plugin that passed the gate: compiled, linked and described, ready to be run by any number of
/// checks.
pub struct Plugin {
    sandbox: Sandbox,
    identity: Arc<PluginIdentity>,
    admitted: Arc<Admitted>,
    /// What this version counts; those that run on another one count elsewhere.
    metrics: Option<Arc<dyn VersionMetrics>>,
}

/// Why a file is no plugin that this host can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read it: {0}")]
    Read(String),
    /// The file has no bytes.
    #[error("the file is empty; if it is being written, it is read again when that is done")]
    Empty,
    /// The file is larger than a plugin may be.
    #[error("it has {size} bytes, a plugin may have {limit}")]
    TooLarge {
        /// The size of the file.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The file does not begin as WebAssembly does.
    #[error("it is no WebAssembly file: build it with `cargo build --target wasm32-wasip2`")]
    NotWasm,
    /// The file is a core module, not a component.
    #[error(
        "it is a core module, vitals runs components: build it for `wasm32-wasip2` instead of \
         `wasm32-wasip1` or `wasm32-unknown-unknown`"
    )]
    CoreModule,
    /// The file is native code that some wasmtime compiled before.
    #[error("it is a precompiled artifact; vitals compiles plugins itself: give it the .wasm file")]
    Precompiled,
    /// The digest is not the one that the configuration asks for.
    #[error("its SHA-256 is {found}, the configuration asks for {wanted}")]
    Digest {
        /// What the file has.
        found: Digest,
        /// What the configuration wants.
        wanted: Digest,
    },
    /// The component was not compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The component exports no health check.
    #[error(
        "it is a component of another world: it exports {exports}, a check exports `{contract}`"
    )]
    AnotherWorld {
        /// What it exports.
        exports: String,
        /// What it would have to.
        contract: String,
    },
    /// The component speaks another version of the contract.
    #[error(
        "it is built against vitals:health@{guest}, this host speaks {host}: build it with the SDK \
         of this host's version, or update the host"
    )]
    Contract {
        /// The guest's version.
        guest: String,
        /// The host's.
        host: &'static str,
    },
    /// The component imports something that the host does not have.
    #[error(
        "it imports {names}, which vitals does not offer: a plugin may import vitals:health and \
         WASI 0.2 (cli, clocks, filesystem, http, io, random, sockets)"
    )]
    Imports {
        /// What it imports beyond what there is.
        names: String,
    },
    /// The types of an import or export are not those of the contract.
    #[error("its interfaces do not fit this host: {0}")]
    Types(Text),
    /// The component has more memories, tables or core instances than one may have.
    #[error("it has {count} {what}, a plugin may have {limit}")]
    Shape {
        /// `memories`, `tables` or `core instances`.
        what: &'static str,
        /// How many it has.
        count: u32,
        /// How many are allowed.
        limit: u32,
    },
    /// `describe` did not answer.
    #[error("its `describe` failed: {}", .0.message)]
    Describe(Box<RunError>),
    /// `describe` answered with something that the contract does not allow.
    #[error("{0}")]
    Description(String),
    /// The plugin's schema can't be used.
    #[error("{0}")]
    Schema(BindingError),
    /// The file would widen what a check may reach, by the marks of its schema.
    #[error(
        "it would give check `{check}` more than the version before it did: {grants}; if that is \
         meant, change the check's configuration, or `vitals reload --accept-grants {check}`"
    )]
    Widening {
        /// The check that would get more.
        check: CheckName,
        /// What it would get.
        grants: String,
    },
    /// A check that runs on the version before would not run on this one.
    #[error("{why}")]
    Unfit {
        /// The check.
        check: CheckName,
        /// Why it would not.
        why: String,
        /// Whether that lies in something outside, which may come right by itself.
        may_pass: bool,
    },
    /// The trial run of a check was ended by a limit, or broke down.
    #[error(
        "the trial run of check `{check}` on it failed with `{}`: {}; `trial = false` in the check \
         takes a version without one", .error.code.as_str(), .error.message
    )]
    Trial {
        /// The check.
        check: CheckName,
        /// How the run ended.
        error: Box<RunError>,
    },
    /// The host's own code panicked over the file; that says nothing of the file.
    #[error("the host panicked while {0}; it tries again at the next look")]
    Panic(&'static str),
}

impl LoadError {
    /// The word for it in reports.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too-large",
            Self::NotWasm => "not-wasm",
            Self::CoreModule => "core-module",
            Self::Precompiled => "precompiled",
            Self::Digest { .. } => "digest",
            Self::Compile(_) => "compile",
            Self::AnotherWorld { .. } => "another-world",
            Self::Contract { .. } => "contract",
            Self::Imports { .. } => "imports",
            Self::Types(_) => "types",
            Self::Shape { .. } => "shape",
            Self::Describe(_) => "describe",
            Self::Description(_) => "description",
            Self::Schema(_) => "schema",
            Self::Widening { .. } => "widening",
            Self::Unfit { .. } => "unfit",
            Self::Trial { .. } => "trial",
            Self::Panic(_) => "panic",
        }
    }

    /// How the run of the guest ended that speaks against the file, if it is one that does.
    pub(crate) fn run_error(&self) -> Option<&RunError> {
        match self {
            Self::Describe(error) | Self::Trial { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the same file may be loaded at another time: what failed was not in it.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Read(_) | Self::Panic(_) => true,
            Self::Compile(error) => error.may_pass(),
            Self::Describe(error) => matches!(error.code, Code::Timeout | Code::Host | Code::Full),
            Self::Unfit { may_pass, .. } => *may_pass,
            // Who waits for somebody else may be answered the next time.
            Self::Trial { error, .. } => error.conduct() != Conduct::Foul,
            _ => false,
        }
    }

    /// Whether the same file may be taken under another configuration.
    pub(crate) fn depends_on_configuration(&self) -> bool {
        matches!(
            self,
            Self::Digest { .. } | Self::Widening { .. } | Self::Unfit { .. } | Self::Trial { .. }
        )
    }
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
            version: admitted.description.version.to_string(),
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
        let read = |error: std::io::Error| LoadError::Read(error.to_string());
        let metadata = std::fs::metadata(path).map_err(read)?;
        if !metadata.is_file() {
            return Err(LoadError::Read("it is not a regular file".into()));
        }
        if metadata.len() > MAX_BYTES {
            return Err(LoadError::TooLarge {
                size: metadata.len(),
                limit: MAX_BYTES,
            });
        }
        let expected = usize::try_from(metadata.len()).unwrap_or_default();
        let mut bytes = Vec::with_capacity(expected + 1);
        // A file can grow after it was looked at.
        let mut file = File::open(path).map_err(read)?.take(MAX_BYTES + 1);
        file.read_to_end(&mut bytes).map_err(read)?;
        Ok(bytes)
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
    let (description, schema) = describe(sandbox, &pre).await?;
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
        let journal = Journal::new(nobody, None, Arc::new(Secrets::default()), None, None);
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
        drop(leftovers(store, &limits, started));
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
