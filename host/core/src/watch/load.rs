//! Loading one file: read, digest, gate. A file that fails while it is being written is given the
//! time to be finished.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_lite::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::directory::DEBOUNCE;
use super::services::Services;
use crate::catalog::{LoadOutcome, Recorded, Seen, Stamp, Wanted};
use crate::events::{Event, PluginLoaded, PluginRejected};
use vitals_io::blocking_pool::{BlockingPool, PoolError, Work};
use vitals_model::{Digest, PluginName};
use vitals_sandbox::{LoadError, Plugin, Sandbox};

/// What loads have in common. Cheap to clone.
#[derive(Clone)]
pub(super) struct Loader {
    sandbox: Sandbox,
    /// Reads the files of plugins that checks name.
    named: Reader,
    /// Reads the others: whoever can put them there must not keep the named ones waiting.
    dropped_in: Reader,
    /// Bounds how many files are in memory at once.
    files: Arc<Semaphore>,
    /// Bounds how many of them are there to be compiled, so that there is always room for those
    /// whose code is there already.
    to_compile: Arc<Semaphore>,
}

/// Threads for files that may hang. Cheap to clone.
#[derive(Clone)]
struct Reader {
    pool: Arc<BlockingPool>,
    turns: Arc<Semaphore>,
}

/// What became of a file.
pub(super) struct Load {
    pub(super) wanted: Wanted,
    pub(super) outcome: LoadOutcome,
    /// The stamp of the file, if it was settled when it was read.
    pub(super) stamp: Option<Stamp>,
}

/// What log and metrics say of a load.
pub(super) struct Facts {
    digest: Option<Digest>,
    version: String,
    compile_time: Duration,
    error: Option<LoadError>,
}

impl Facts {
    /// Those of a version that was loaded and then refused.
    pub(super) fn of(self, plugin: &Plugin) -> Self {
        let version = plugin.description().version.clone();
        Self { version, ..self }
    }
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

    /// Reads a file and lets it through the gate, unless it is the one that was `seen` before. Never
    /// panics.
    pub(super) async fn load(self, wanted: Wanted, seen: Seen) -> Load {
        let load = AssertUnwindSafe(self.load_patiently(&wanted, seen)).catch_unwind();
        let (outcome, stamp) = load.await.unwrap_or_else(|_| {
            let error = LoadError::Panic("it was read and judged");
            (LoadOutcome::Failed(None, error), None)
        });
        Load {
            wanted,
            outcome,
            stamp,
        }
    }

    async fn load_patiently(&self, wanted: &Wanted, seen: Seen) -> (LoadOutcome, Option<Stamp>) {
        let told = Instant::now() + LONGEST_COPY;
        loop {
            let before = match self.stamp(wanted).await {
                Ok(stamp) => stamp,
                Err(error) => return (LoadOutcome::Failed(None, error), None),
            };
            let settled = before.filter(|stamp| stamp.is_settled(SystemTime::now()));
            if settled.is_some() && settled == seen.stamp {
                return (LoadOutcome::Unchanged, settled);
            }
            let is_young = before.is_some_and(|stamp| stamp.age(SystemTime::now()) < YOUNG);
            let outcome = self.admit(wanted, seen.digest).await;
            let failed = matches!(outcome, LoadOutcome::Failed(..));
            if failed && is_young && Instant::now() < told {
                tokio::time::sleep(DEBOUNCE).await;
                if self.stamp(wanted).await != Ok(before) {
                    continue;
                }
            }
            return (outcome, settled);
        }
    }

    async fn admit(&self, wanted: &Wanted, seen: Option<Digest>) -> LoadOutcome {
        match self.admit_bytes(wanted, seen).await {
            Ok(Some(plugin)) => LoadOutcome::Loaded(plugin),
            Ok(None) => LoadOutcome::Unchanged,
            Err((digest, error)) => LoadOutcome::Failed(digest, error),
        }
    }

    /// The plugin in the file; nothing where its content is what was `seen`. Code that is there
    /// already comes in first: who has to be compiled waits for that without the bytes.
    async fn admit_bytes(
        &self,
        wanted: &Wanted,
        seen: Option<Digest>,
    ) -> Result<Option<Arc<Plugin>>, (Option<Digest>, LoadError)> {
        let mut turn = None;
        loop {
            let (digest, bytes) = self.read(wanted).await.map_err(|error| (None, error))?;
            if seen == Some(digest) {
                return Ok(None);
            }
            let failed = |error| (Some(digest), error);
            wanted.accept(digest).map_err(failed)?;
            if turn.is_none() && !self.has_code(digest).await {
                turn = Arc::clone(&self.to_compile).try_acquire_owned().ok();
                if turn.is_none() {
                    drop(bytes);
                    turn = Some(acquire(&self.to_compile).await);
                    // It may be another file by now.
                    continue;
                }
            }
            let name = wanted.name.clone();
            let admitted = Plugin::admit_with_digest(&self.sandbox, name, bytes, digest).await;
            return admitted.map(Some).map_err(failed);
        }
    }

    async fn read(&self, wanted: &Wanted) -> Result<(Digest, InMemory), LoadError> {
        let turn = acquire(&self.reader(wanted).turns).await;
        // Not on the thread, which may be lost with all that it has.
        let permit = acquire(&self.files).await;
        let path = wanted.path.clone();
        let until = Instant::now() + READ_TIME;
        let read = move || {
            let bytes = Plugin::read_until(&path, Some(until))?;
            Ok::<_, LoadError>((Digest::of(&bytes), bytes))
        };
        let reader = self.reader(wanted);
        let read = reader.call(&turn, &wanted.name, READ_TIME, read);
        let (digest, bytes) = read.await??;
        let in_memory = InMemory {
            bytes,
            _permit: permit,
        };
        Ok((digest, in_memory))
    }

    /// The stamp of a file that is there.
    async fn stamp(&self, wanted: &Wanted) -> Result<Option<Stamp>, LoadError> {
        let turn = acquire(&self.reader(wanted).turns).await;
        let path = wanted.path.clone();
        let stamp = move || Stamp::of(&path).ok();
        let reader = self.reader(wanted);
        reader.call(&turn, &wanted.name, STAT_TIME, stamp).await
    }

    fn reader(&self, wanted: &Wanted) -> &Reader {
        if wanted.is_named {
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
            pool: Arc::new(BlockingPool::with_max_threads(Work::Files, MOST_THREADS)),
            turns: Arc::new(Semaphore::new(TURNS)),
        }
    }

    /// Does something with the file of a plugin. A file system that hangs keeps the thread, and nothing
    /// else: the turn is free again when the time is over.
    async fn call<T: Send + 'static>(
        &self,
        _turn: &OwnedSemaphorePermit,
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

/// The bytes of a file; its place is free again when they are let go of.
struct InMemory {
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for InMemory {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What there is to say of a load.
pub(super) fn facts(outcome: &LoadOutcome) -> Facts {
    let nothing = Facts {
        digest: None,
        version: String::new(),
        compile_time: Duration::ZERO,
        error: None,
    };
    match outcome {
        LoadOutcome::Loaded(plugin) => Facts {
            digest: Some(plugin.digest()),
            version: plugin.description().version.clone(),
            compile_time: plugin.compile_time(),
            error: None,
        },
        LoadOutcome::Failed(digest, error) => Facts {
            digest: *digest,
            error: Some(error.clone()),
            ..nothing
        },
        LoadOutcome::Unchanged => nothing,
    }
}

/// Emits it, once for each change; `active` is the version that is from here on.
pub(super) fn report(
    wanted: &Wanted,
    recorded: Recorded,
    facts: &Facts,
    active: Option<Digest>,
    services: &Services,
) {
    let (plugin, path) = (&wanted.name, wanted.path.as_path());
    if matches!(facts.error, Some(LoadError::Panic(_))) {
        services.panicked("while it loaded a plugin");
    }
    match (recorded, facts.digest, &facts.error) {
        (Recorded::Loaded(generation), Some(digest), _) => {
            services.emit(&Event::PluginLoaded(&PluginLoaded {
                plugin,
                version: &facts.version,
                digest,
                generation,
                compile_time: facts.compile_time,
                path,
            }));
        }
        (Recorded::Failed, digest, Some(error)) => {
            services.emit(&Event::PluginRejected(&PluginRejected {
                plugin,
                version: Some(facts.version.as_str()).filter(|version| !version.is_empty()),
                digest,
                active,
                error,
                path,
            }));
        }
        _ => {}
    }
}

/// Where the host can panic over the schema of a stranger.
pub(super) const SETTINGS: &str = "while it held settings against a schema";
/// What is said of a file whose file system does not answer, the first time and each time after.
const HANGS: &str = "its file system does not answer";
/// How long it may take to be told of a file: this is where a mount that hangs hangs first.
const STAT_TIME: Duration = Duration::from_secs(3);
/// How long a file may take to be read.
const READ_TIME: Duration = Duration::from_secs(10);
/// Files that are read at the same time by one [`Reader`].
const TURNS: usize = 4;
/// Threads of one [`Reader`], with those that are lost to file systems that hang.
const MOST_THREADS: usize = 32;
/// Files in memory beside those that are compiled; each may have 64 MiB.
const FILES_WAITING: usize = 6;
/// A file that was written so lately may still be in the making, although it rested before it was
/// looked at: a copy can falter.
const YOUNG: Duration = Duration::from_secs(1);
/// How long a file that can't be loaded may be said to be still in the making.
const LONGEST_COPY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::catalog::Source;
    use crate::sandbox_options::sandbox_options;
    use vitals_config::Config;

    async fn loaded(loader: &Loader, wanted: &Wanted, seen: Seen) -> Load {
        loader.clone().load(wanted.clone(), seen).await
    }

    #[tokio::test]
    async fn files_that_hang_hold_up_no_other_and_are_asked_once() {
        let reader = Reader::new();
        let soon = Duration::from_millis(50);
        let mut hung = Vec::new();
        for number in 0..2 * TURNS {
            let turn = acquire(&reader.turns).await;
            let name = format!("hangs-{number}").parse().unwrap();
            // On a busy machine a thread may not have begun when its time is over.
            let mut begins = false;
            while !begins {
                let (release, held) = std::sync::mpsc::channel::<()>();
                let (begun, beginning) = std::sync::mpsc::channel();
                let hang = move || {
                    begun.send(()).unwrap();
                    held.recv().unwrap_or_default();
                };
                let asked = reader.call(&turn, &name, soon, hang).await;
                assert_eq!(asked, Err(LoadError::Unread(HANGS.into())));
                begins = beginning.try_recv().is_ok();
                hung.push(release);
            }
            let again = reader.call(&turn, &name, soon, || ()).await;
            let says = Err(LoadError::Unread(HANGS.into()));
            assert_eq!(again, says, "the same, so that it is said once");
        }
        let turn = acquire(&reader.turns).await;
        let (name, patiently) = ("good".parse().unwrap(), Duration::from_mins(1));
        let good = reader.call(&turn, &name, patiently, || 7).await;
        assert_eq!(good, Ok(7));
    }

    #[tokio::test]
    async fn a_file_that_has_not_changed_is_not_read_again() {
        let config = "[plugins]\ncache_dir = ''".parse::<Config>().unwrap();
        let options = sandbox_options(&config, None);
        let loader = Loader::new(Sandbox::new(options).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let wanted = Wanted {
            name: "thing".parse().unwrap(),
            path: dir.path().join("thing.wasm"),
            source: Source::Dir,
            stamp: None,
            is_named: false,
            pinned: None,
        };
        fs::write(&wanted.path, "garbage").unwrap();
        let load = loaded(&loader, &wanted, Seen::default()).await;
        let digest = Some(Digest::of(b"garbage"));
        assert!(
            matches!(load.outcome, LoadOutcome::Failed(found, LoadError::NotWasm) if found == digest)
        );
        assert_eq!(load.stamp, None, "it is too young to say that");
        let load = loaded(
            &loader,
            &wanted,
            Seen {
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
            let load = loaded(&loader, &wanted, Seen::default()).await;
            if load.stamp.is_some() {
                break load.stamp;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        // Without a digest only its stamp can say that it is the same.
        let seen = Seen {
            digest: None,
            stamp,
        };
        let load = loaded(&loader, &wanted, seen).await;
        assert!(matches!(load.outcome, LoadOutcome::Unchanged));
        fs::write(&wanted.path, "other garbage").unwrap();
        let load = loaded(&loader, &wanted, seen).await;
        assert!(matches!(load.outcome, LoadOutcome::Failed(..)));
    }
}
