//! Loads one file: read, digest, admission. A file that fails while it is still being written gets
//! time to be completed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_lite::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::directory::DEBOUNCE;
use crate::catalog::{LastSeen, LoadOutcome, LoadRequest, Stamp};
use vitals_io::blocking_pool::{BlockingPool, PoolError, Work};
use vitals_model::{Digest, PluginName};
use vitals_sandbox::{LoadError, Plugin, Sandbox};

/// The state that loads share. Cheap to clone.
#[derive(Clone)]
pub(super) struct Loader {
    sandbox: Sandbox,
    /// Reads the files of plugins that checks name.
    named: Reader,
    /// Reads the other files. Anyone who can add those must not delay the named ones.
    dropped_in: Reader,
    /// Limits the files in memory.
    files: Arc<Semaphore>,
    /// Limits those of them that have to be compiled, so that files with cached code always find a
    /// place.
    to_compile: Arc<Semaphore>,
}

/// Threads for files that may hang. Cheap to clone.
#[derive(Clone)]
struct Reader {
    pool: Arc<BlockingPool>,
    read_permits: Arc<Semaphore>,
}

/// The outcome of loading a file.
pub(super) struct Load {
    pub(super) request: LoadRequest,
    pub(super) outcome: LoadOutcome,
    /// The stamp of the file, if it was settled when it was read.
    pub(super) stamp: Option<Stamp>,
}

impl Loader {
    pub(super) fn new(sandbox: Sandbox) -> Self {
        let at_once = sandbox.max_compilations();
        Self {
            named: Reader::new(),
            dropped_in: Reader::new(),
            files: Arc::new(Semaphore::new(at_once + FILES_WAITING)),
            to_compile: Arc::new(Semaphore::new(at_once + 1)),
            sandbox,
        }
    }

    /// Reads and admits a file, unless it is the one that was last `seen`. Never panics.
    pub(super) async fn load(self, request: LoadRequest, seen: LastSeen) -> Load {
        let load = AssertUnwindSafe(self.load_with_retries(&request, seen)).catch_unwind();
        let (outcome, stamp) = load.await.unwrap_or_else(|_| {
            let error = LoadError::Panic("it was read and admitted");
            (LoadOutcome::Failed(None, error), None)
        });
        Load {
            request,
            outcome,
            stamp,
        }
    }

    async fn load_with_retries(
        &self,
        request: &LoadRequest,
        seen: LastSeen,
    ) -> (LoadOutcome, Option<Stamp>) {
        let deadline = Instant::now() + MAX_COPY_TIME;
        loop {
            let before = match self.stamp(request).await {
                Ok(stamp) => stamp,
                Err(error) => return (LoadOutcome::Failed(None, error), None),
            };
            let settled = before.filter(|stamp| stamp.is_settled(SystemTime::now()));
            if settled.is_some() && settled == seen.stamp {
                return (LoadOutcome::Unchanged, settled);
            }
            let is_recent = before.is_some_and(|stamp| stamp.age(SystemTime::now()) < RECENT);
            let outcome = self.admit(request, seen.digest).await;
            let failed = matches!(outcome, LoadOutcome::Failed(..));
            if failed && is_recent && Instant::now() < deadline {
                tokio::time::sleep(DEBOUNCE).await;
                if self.stamp(request).await != Ok(before) {
                    continue;
                }
            }
            return (outcome, settled);
        }
    }

    async fn admit(&self, request: &LoadRequest, seen: Option<Digest>) -> LoadOutcome {
        match self.admit_bytes(request, seen).await {
            Ok(Some(plugin)) => LoadOutcome::Loaded(plugin),
            Ok(None) => LoadOutcome::Unchanged,
            Err((digest, error)) => LoadOutcome::Failed(digest, error),
        }
    }

    /// Returns the plugin in the file, or `None` if its content is the one last `seen`. Cached
    /// plugins load first: a file that has to be compiled is dropped from memory while it waits,
    /// and read again.
    async fn admit_bytes(
        &self,
        request: &LoadRequest,
        seen: Option<Digest>,
    ) -> Result<Option<Arc<Plugin>>, (Option<Digest>, LoadError)> {
        let mut compile_permit = None;
        loop {
            let (digest, bytes) = self.read(request).await.map_err(|error| (None, error))?;
            if seen == Some(digest) {
                return Ok(None);
            }
            let failed = |error| (Some(digest), error);
            request.accept(digest).map_err(failed)?;
            if compile_permit.is_none() && !self.has_code(digest).await {
                compile_permit = Arc::clone(&self.to_compile).try_acquire_owned().ok();
                if compile_permit.is_none() {
                    drop(bytes);
                    compile_permit = Some(acquire(&self.to_compile).await);
                    // The file may have changed by now.
                    continue;
                }
            }
            let name = request.name.clone();
            let admitted = Plugin::admit_with_digest(&self.sandbox, name, bytes, digest).await;
            return admitted.map(Some).map_err(failed);
        }
    }

    async fn read(&self, request: &LoadRequest) -> Result<(Digest, InMemory), LoadError> {
        let read_permit = acquire(&self.reader(request).read_permits).await;
        // Held outside the thread, because a hanging thread is lost with all that it holds.
        let permit = acquire(&self.files).await;
        let path = request.path.clone();
        let until = Instant::now() + READ_TIMEOUT;
        let read = move || {
            let bytes = Plugin::read_until(&path, Some(until))?;
            Ok::<_, LoadError>((Digest::of(&bytes), bytes))
        };
        let reader = self.reader(request);
        let read = reader.call(&read_permit, &request.name, READ_TIMEOUT, read);
        let (digest, bytes) = read.await??;
        let in_memory = InMemory {
            bytes,
            _permit: permit,
        };
        Ok((digest, in_memory))
    }

    /// Reads the stamp of a file, or `None` if it is missing.
    async fn stamp(&self, request: &LoadRequest) -> Result<Option<Stamp>, LoadError> {
        let read_permit = acquire(&self.reader(request).read_permits).await;
        let path = request.path.clone();
        let stamp = move || Stamp::of(&path).ok();
        let reader = self.reader(request);
        reader
            .call(&read_permit, &request.name, STAT_TIMEOUT, stamp)
            .await
    }

    fn reader(&self, request: &LoadRequest) -> &Reader {
        if request.is_named {
            &self.named
        } else {
            &self.dropped_in
        }
    }

    async fn has_code(&self, digest: Digest) -> bool {
        let sandbox = self.sandbox.clone();
        let has_code = tokio::task::spawn_blocking(move || sandbox.has_code(digest));
        has_code.await.unwrap_or(false)
    }
}

impl Reader {
    fn new() -> Self {
        Self {
            pool: Arc::new(BlockingPool::with_max_threads(Work::Files, MAX_THREADS)),
            read_permits: Arc::new(Semaphore::new(MAX_CONCURRENT_READS)),
        }
    }

    /// Runs `work` on a plugin's file. A hanging file system keeps the thread, but the permit is
    /// released after `time`.
    async fn call<T: Send + 'static>(
        &self,
        _read_permit: &OwnedSemaphorePermit,
        plugin: &PluginName,
        time: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let call = self.pool.run(plugin.as_str(), work);
        match tokio::time::timeout(time, call).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(PoolError::Stuck(_))) | Err(_) => Err(LoadError::Unread(HANGS.into())),
            Ok(Err(error)) => Err(LoadError::Unread(error.to_string())),
        }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.expect("the semaphore is never closed")
}

/// The bytes of a file, with the permit for keeping them in memory.
struct InMemory {
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for InMemory {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The place of panics while settings are validated against a schema.
pub(super) const SETTINGS: &str = "while validating settings against a schema";
/// The error of a file whose file system hangs, the same for the first load and for later ones.
const HANGS: &str = "its file system does not answer";
/// The time limit for reading a file's metadata, where a hanging mount hangs first.
const STAT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit for reading a file.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of files that one [`Reader`] reads concurrently.
const MAX_CONCURRENT_READS: usize = 4;
/// The limit on threads of one [`Reader`], including threads lost to hanging file systems.
const MAX_THREADS: usize = 32;
/// The number of files in memory besides those being compiled; each may have 64 MiB.
const FILES_WAITING: usize = 6;
/// A file that was modified so recently may still be incomplete, although it was stable before the
/// scan: a copy can pause.
const RECENT: Duration = Duration::from_secs(1);
/// How long a file that fails to load may count as incomplete.
const MAX_COPY_TIME: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::catalog::Source;
    use crate::host_core::sandbox_options;
    use vitals_config::Config;

    async fn loaded(loader: &Loader, request: &LoadRequest, seen: LastSeen) -> Load {
        loader.clone().load(request.clone(), seen).await
    }

    #[tokio::test]
    async fn files_that_hang_delay_no_other_and_are_tried_once() {
        let reader = Reader::new();
        let soon = Duration::from_millis(50);
        let mut hung = Vec::new();
        for number in 0..2 * MAX_CONCURRENT_READS {
            let read_permit = acquire(&reader.read_permits).await;
            let name = format!("hangs-{number}").parse().unwrap();
            // On a busy machine a thread may not have started when its time is over.
            let mut begins = false;
            while !begins {
                let (release, held) = std::sync::mpsc::channel::<()>();
                let (begun, beginning) = std::sync::mpsc::channel();
                let hang = move || {
                    begun.send(()).unwrap();
                    held.recv().unwrap_or_default();
                };
                let asked = reader.call(&read_permit, &name, soon, hang).await;
                assert_eq!(asked, Err(LoadError::Unread(HANGS.into())));
                begins = beginning.try_recv().is_ok();
                hung.push(release);
            }
            let again = reader.call(&read_permit, &name, soon, || ()).await;
            let says = Err(LoadError::Unread(HANGS.into()));
            assert_eq!(again, says, "the same text, so that it is logged once");
        }
        let read_permit = acquire(&reader.read_permits).await;
        let (name, patiently) = ("good".parse().unwrap(), Duration::from_mins(1));
        let active = reader.call(&read_permit, &name, patiently, || 7).await;
        assert_eq!(active, Ok(7));
    }

    #[tokio::test]
    async fn a_file_that_has_not_changed_is_not_read_again() {
        let config = "[plugins]\ncache_dir = ''".parse::<Config>().unwrap();
        let options = sandbox_options(&config, None);
        let loader = Loader::new(Sandbox::new(options).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let request = LoadRequest {
            name: "thing".parse().unwrap(),
            path: dir.path().join("thing.wasm"),
            source: Source::Dir,
            stamp: None,
            is_named: false,
            pinned: None,
        };
        fs::write(&request.path, "garbage").unwrap();
        let load = loaded(&loader, &request, LastSeen::default()).await;
        let digest = Some(Digest::of(b"garbage"));
        assert!(
            matches!(load.outcome, LoadOutcome::Failed(found, LoadError::NotWasm) if found == digest)
        );
        assert_eq!(load.stamp, None, "it is too young to say that");
        let load = loaded(
            &loader,
            &request,
            LastSeen {
                digest,
                stamp: None,
            },
        )
        .await;
        assert!(
            matches!(load.outcome, LoadOutcome::Unchanged),
            "its content is the same"
        );

        let stamp = loop {
            let load = loaded(&loader, &request, LastSeen::default()).await;
            if load.stamp.is_some() {
                break load.stamp;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        // Without a digest only the stamp shows that the file is the same.
        let seen = LastSeen {
            digest: None,
            stamp,
        };
        let load = loaded(&loader, &request, seen).await;
        assert!(matches!(load.outcome, LoadOutcome::Unchanged));
        fs::write(&request.path, "other garbage").unwrap();
        let load = loaded(&loader, &request, seen).await;
        assert!(matches!(load.outcome, LoadOutcome::Failed(..)));
    }
}
