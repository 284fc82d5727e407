//! The gate: from the bytes of a file to a plugin that can run, or the reason why not.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::bindings::v0_1::PluginPre;
use super::capabilities::Journal;
use super::describe::Description;
use super::egress::{Egress, Roots, RootsError};
use super::engine::{MAX_MEMORIES, MAX_TABLES};
use super::grants::Grants;
use super::run::{RunLimits, bounded, leftovers};
use super::sandbox::Sandbox;
use super::schema::{BindingError, Schema};
use super::state::State;
use super::{bindings, imports};
use crate::check::{CheckName, Code, Digest, PluginName, RunError, Text};
use crate::config::{Limits, Root, Secrets};

/// A plugin that passed the gate: compiled, linked and described, ready to be run by any number of
/// checks.
pub struct Plugin {
    sandbox: Sandbox,
    name: PluginName,
    digest: Digest,
    size: u64,
    description: Description,
    schema: Schema,
    imports: Vec<String>,
    compile_time: Duration,
    pre: PluginPre<State>,
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
    /// The component is damaged or uses features that the host leaves out.
    #[error("it does not compile: {0}")]
    Compile(Text),
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
    /// The component has more memories or tables than one may have.
    #[error("it has {count} {what}, a plugin may have {limit}")]
    Shape {
        /// `memories` or `tables`.
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
         meant, restart the host"
    )]
    Widening {
        /// The check that would get more.
        check: CheckName,
        /// What it would get.
        grants: String,
    },
    /// The host's own code panicked over the file; that says nothing of the file.
    #[error("the host panicked while {0}; it tries again at the next look")]
    Panic(&'static str),
}

impl LoadError {
    /// Whether the same file may be loaded at another time: what failed was not in it.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Read(_) | Self::Panic(_) => true,
            Self::Describe(error) => matches!(error.code, Code::Timeout | Code::Host | Code::Full),
            _ => false,
        }
    }
}

impl Plugin {
    /// Lets `bytes` through the gate.
    pub async fn admit(
        sandbox: &Sandbox,
        name: PluginName,
        bytes: Vec<u8>,
    ) -> Result<Arc<Self>, LoadError> {
        kind(&bytes)?;
        let permit = sandbox.compilers().acquire().await;
        let _permit = permit.expect("the semaphore is never closed");
        let digest = Digest::of(&bytes);
        let size = bytes.len() as u64;
        let started = Instant::now();
        let component = compile(sandbox, digest, bytes).await?;
        let compile_time = started.elapsed();
        shape(&component)?;
        imports::check(&component, sandbox.engine())?;
        let types = |error: wasmtime::Error| LoadError::Types(error_text(&error));
        let pre = sandbox
            .linker()
            .instantiate_pre(&component)
            .map_err(types)?;
        let pre = PluginPre::new(pre).map_err(types)?;
        let (description, schema) = describe(sandbox, &pre).await?;
        Ok(Arc::new(Self {
            sandbox: sandbox.clone(),
            imports: imports::imports(&component, sandbox.engine()),
            name,
            digest,
            size,
            description,
            schema,
            compile_time,
            pre,
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
        &self.name
    }

    /// The digest of the file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What it says about itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The contract that it was built against: `vitals:health@0.1.0`.
    pub fn contract(&self) -> String {
        format!("{}@{}", bindings::PACKAGE, bindings::VERSION)
    }

    /// What it imports.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// How long it took to compile, or to load from the cache.
    pub fn compile_time(&self) -> Duration {
        self.compile_time
    }

    /// The roots that TLS connections of a check trust: its own where it has any, else the host's.
    pub(crate) fn roots(&self, own: Option<&[Root]>) -> Result<Roots, RootsError> {
        self.sandbox.roots(own)
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(super) fn pre(&self) -> &PluginPre<State> {
        &self.pre
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plugin({} {})", self.name, self.digest.short())
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

/// Compiles off the async runtime, or takes what the cache has.
async fn compile(
    sandbox: &Sandbox,
    digest: Digest,
    bytes: Vec<u8>,
) -> Result<Component, LoadError> {
    let here = sandbox.clone();
    let work = move || {
        if let Some(component) = here
            .cache()
            .and_then(|cache| cache.load(here.engine(), digest))
        {
            return Ok(component);
        }
        let component = Component::new(here.engine(), &bytes);
        let component = component.map_err(|error| LoadError::Compile(error_text(&error)))?;
        if let Some(cache) = here.cache() {
            cache.store(digest, &component);
        }
        Ok(component)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(compiled) => compiled,
        Err(_) => Err(LoadError::Panic("it was compiled")),
    }
}

fn shape(component: &Component) -> Result<(), LoadError> {
    let Some(needs) = component.resources_required() else {
        return Err(LoadError::Types(Text::line(
            "it imports core modules",
            TEXT_BYTES,
        )));
    };
    for (what, count, limit) in [
        ("memories", needs.num_memories, MAX_MEMORIES),
        ("tables", needs.num_tables, MAX_TABLES),
    ] {
        if count > limit {
            return Err(LoadError::Shape { what, count, limit });
        }
    }
    Ok(())
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
        let journal = Journal::new(nobody, Arc::new(Secrets::default()), None);
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
