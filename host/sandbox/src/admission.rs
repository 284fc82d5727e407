//! Admission: from the bytes of a file to a plugin that can run, or the reason why it is rejected.

mod describe;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Component;

use self::describe::describe;
use super::admitted::{Admitted, Linked};
use super::compile::{Artifact, CompileError, LoadedBytes};
use super::load_error::LoadError;
use super::plugin::Plugin;
use super::sandbox::Sandbox;
use super::{imports, shape};
use vitals_io::regular_file;
use vitals_model::{Digest, PluginName, Text};

impl Plugin {
    /// Admits `bytes`, which are dropped as soon as they are compiled.
    ///
    /// # Errors
    ///
    /// Why the plugin is rejected.
    pub async fn admit(
        sandbox: &Sandbox,
        name: PluginName,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Arc<Self>, LoadError> {
        // Hashing a large file takes a moment.
        let hash = move || {
            let digest = Digest::of(bytes.as_ref());
            Ok((bytes, digest))
        };
        let (bytes, digest) = run_blocking(hash).await?;
        Self::admit_with_digest(sandbox, name, bytes, digest).await
    }

    /// Like [`Plugin::admit`], for bytes whose digest is already known.
    ///
    /// # Errors
    ///
    /// Why the plugin is rejected.
    pub async fn admit_with_digest(
        sandbox: &Sandbox,
        name: PluginName,
        bytes: impl AsRef<[u8]> + Send + 'static,
        digest: Digest,
    ) -> Result<Arc<Self>, LoadError> {
        check_file_kind(bytes.as_ref())?;
        let size = bytes.as_ref().len() as u64;
        let admitted = match prepare(sandbox, bytes, digest).await? {
            Prepared::InUse(admitted) => admitted,
            Prepared::New(linked) => {
                let (description, schema) = describe(sandbox, &linked.pre, digest).await?;
                sandbox.0.admitted.insert(Admitted {
                    linked,
                    size,
                    description,
                    schema,
                })
            }
        };
        Ok(Arc::new(Self::new(sandbox, name, admitted)))
    }

    /// Reads a file that may be a plugin. Blocks.
    ///
    /// # Errors
    ///
    /// The file is larger than 64 MiB (checked before it is read), not regular, or can't be read.
    pub fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
        Self::read_until(path, None)
    }

    /// Like [`Plugin::read`], but gives up at `deadline`.
    ///
    /// # Errors
    ///
    /// Those of [`Plugin::read`], and a deadline that has passed.
    pub fn read_until(path: &Path, deadline: Option<Instant>) -> Result<Vec<u8>, LoadError> {
        let file = regular_file::open_stored(path)?;
        Ok(regular_file::read_open_file(file, MAX_BYTES, deadline)?)
    }
}

/// Checks what kind of file the first bytes announce.
fn check_file_kind(bytes: &[u8]) -> Result<(), LoadError> {
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

/// What is known about the bytes of a file.
enum Prepared {
    /// A loaded plugin has the same digest.
    InUse(Arc<Admitted>),
    New(Linked),
}

/// Checks the shape and the imports of a component, and links it. Blocks, because a component can
/// have many types.
fn link(
    sandbox: &Sandbox,
    digest: Digest,
    component: &Component,
    code: LoadedBytes,
    compile_time: Duration,
) -> Result<Linked, LoadError> {
    shape::check(component)?;
    let engine = &sandbox.0.engine;
    let imports = imports::imports(component, engine);
    let version = imports::contract(component, engine, &imports)?;
    let types = |error: wasmtime::Error| LoadError::Types(error_text(&error));
    let pre = sandbox.0.linker.instantiate_pre(component);
    Ok(Linked {
        digest,
        pre: pre.and_then(|pre| version.prepare(pre)).map_err(types)?,
        imports,
        compile_time,
        _code: code,
    })
}

/// Returns the admitted component if its digest is in use, loads it from the cache, or compiles it.
/// Only compiling needs a permit.
async fn prepare(
    sandbox: &Sandbox,
    bytes: impl AsRef<[u8]> + Send + 'static,
    digest: Digest,
) -> Result<Prepared, LoadError> {
    let handle = sandbox.clone();
    let (bytes, known) = run_blocking(move || {
        shape::check_instances(bytes.as_ref())?;
        if let Some(admitted) = handle.0.admitted.get(digest) {
            return Ok((bytes, Some(Prepared::InUse(admitted))));
        }
        let started = Instant::now();
        let Some((component, code)) = cached(&handle, digest)? else {
            return Ok((bytes, None));
        };
        let linked = link(&handle, digest, &component, code, started.elapsed())?;
        Ok((bytes, Some(Prepared::New(linked))))
    })
    .await?;
    if let Some(known) = known {
        return Ok(known);
    }
    let compilation = &sandbox.0.compilation;
    let permit = compilation.permit().await?;
    let started = Instant::now();
    let artifact = compilation.compile(permit, &sandbox.0.engine, bytes);
    let artifact = artifact.await?;
    let handle = sandbox.clone();
    let linked = run_blocking(move || {
        let (component, code) = load(&handle, &artifact)?;
        let component = component.map_err(|error| CompileError::unfit(&error))?;
        let compile_time = started.elapsed();
        handle.store_in_cache(digest, artifact);
        link(&handle, digest, &component, code, compile_time)
    });
    Ok(Prepared::New(linked.await?))
}

/// Loads a component from the cache, and reserves its bytes among the loaded code.
fn cached(
    sandbox: &Sandbox,
    digest: Digest,
) -> Result<Option<(Component, LoadedBytes)>, LoadError> {
    let cache = sandbox.0.cache.as_ref();
    let found = cache.and_then(|cache| Some((cache, cache.load(digest)?)));
    let Some((cache, artifact)) = found else {
        return Ok(None);
    };
    let (component, code) = load(sandbox, &artifact)?;
    let component = component.inspect_err(|why| cache.reject(digest, why));
    Ok(component.ok().map(|component| (component, code)))
}

/// Loads compiled code if the limit on loaded code leaves room for it.
fn load(
    sandbox: &Sandbox,
    artifact: &Artifact,
) -> Result<(wasmtime::Result<Component>, LoadedBytes), CompileError> {
    let code = sandbox.0.loaded.reserve(artifact.code().len())?;
    Ok((artifact.load(&sandbox.0.engine), code))
}

async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(LoadError::Panic("compiling it")))
}

fn error_text(error: &wasmtime::Error) -> Text {
    Text::display(format_args!("{error:#}"), TEXT_BYTES)
}

/// The largest file that is read.
const MAX_BYTES: u64 = 64 << 20;
const TEXT_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_refused_by_name() {
        assert_eq!(check_file_kind(b""), Err(LoadError::Empty));
        assert_eq!(check_file_kind(b"\0asm"), Err(LoadError::NotWasm));
        assert_eq!(check_file_kind(b"#!/bin/sh\n"), Err(LoadError::NotWasm));
        assert_eq!(
            check_file_kind(b"\0asm\x01\0\0\0"),
            Err(LoadError::CoreModule)
        );
        assert_eq!(check_file_kind(b"\0asm\x0d\0\x01\0"), Ok(()));
    }
}
