//! Tests of the watcher: when it reconciles, and how it survives panics.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::board::Board;
use crate::catalog::ReservedNames;
use crate::events::{Events, Sink};
use crate::publisher::Publisher;
use crate::schedule::{Results, Schedule};
use vitals_config::{Config, Environment};
use vitals_model::reload::{PluginOutcome, ReloadReport};
use vitals_sandbox::{Sandbox, SandboxOptions};

/// A watcher of empty directories, on the runtime of the test.
struct Watched {
    dir: TempDir,
    page: CatalogPage,
    reloader: Reloader,
    watcher: JoinHandle<()>,
}

impl Watched {
    fn start() -> Self {
        Self::with_events(Events::default())
    }

    /// Starts a watcher with these sinks.
    fn with_events(events: Events) -> Self {
        let dir = TempDir::new().unwrap();
        let place = dir.path().display();
        let config = format!(
            "[plugins]\ndir = '{place}/plugins'\nlibrary = '{place}/library'\ncache_dir = ''\n\
             rescan = '1h'"
        );
        for directory in ["plugins", "library"] {
            fs::create_dir(dir.path().join(directory)).unwrap();
        }
        let config = Arc::new(config.parse::<Config>().unwrap());
        let services = services(&config, events);
        let catalog = Catalog::new(config, Environment::default());
        let (commands, received) = mpsc::unbounded_channel();
        let watcher = Watcher::new(catalog, None, services, received);
        Self {
            dir,
            page: watcher.page(),
            reloader: Reloader::new(commands),
            watcher: tokio::spawn(watcher.run(CancellationToken::new())),
        }
    }

    fn drop_in(&self, content: &str) {
        fs::write(self.dir.path().join("plugins/thing.wasm"), content).unwrap();
    }

    /// Requests a scan and returns what it found.
    async fn scan(&self) -> ReloadReport {
        let scan = self.reloader.reload(BTreeSet::new());
        let scan = tokio::time::timeout(Duration::from_secs(30), scan).await;
        scan.expect("somebody who asks is answered").unwrap()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

fn services(config: &Config, events: Events) -> Services {
    let board = Arc::<Board>::default();
    let publisher = Arc::new(Publisher {
        board: Arc::clone(&board),
        events,
    });
    let results = Arc::clone(&publisher) as Arc<dyn Results>;
    Services {
        sandbox: Sandbox::new(SandboxOptions::default()).unwrap(),
        board,
        schedule: Arc::new(Schedule::new(1, results)),
        publisher,
        names: ReservedNames::new(config),
        heartbeat: Arc::default(),
    }
}

#[tokio::test]
async fn a_scan_without_changes_does_not_reconcile() {
    let watched = Watched::start();
    watched.scan().await;
    let before = watched.page.page();
    for _ in 0..3 {
        assert!(watched.scan().await.is_empty());
    }
    let is_same = watched.page.page().as_ptr() == before.as_ptr();
    assert!(is_same, "the page was made anew");
    watched.drop_in("garbage");
    watched.scan().await;
    assert_ne!(watched.page.page(), before);
}

/// A sink that panics on the first rejected plugin.
#[derive(Default)]
struct PanickingSink {
    is_broken: AtomicBool,
}

impl Sink for PanickingSink {
    fn on(&self, event: &Event<'_>) {
        let is_rejected = matches!(event, Event::PluginRejected(_));
        let is_first = is_rejected && !self.is_broken.swap(true, Ordering::Relaxed);
        assert!(!is_first, "the sink broke");
    }
}

#[tokio::test]
async fn a_panic_while_recording_a_load_does_not_block_later_loads() {
    let sink = Arc::<PanickingSink>::default();
    let watched = Watched::with_events(Events::new([Arc::clone(&sink) as Arc<dyn Sink>]));
    watched.drop_in("garbage");
    let found = watched.scan().await;
    assert!(sink.is_broken.load(Ordering::Relaxed), "{found:?}");
    watched.drop_in("");
    let found = watched.scan().await;
    let [thing] = found.plugins.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(thing.outcome, PluginOutcome::Rejected);
    let error = thing.error.as_deref().unwrap_or_default();
    assert!(error.contains("the file is empty"), "{error}");
}
