//! Debounces file events: a path is due for a scan when it has not changed for a while.
//!
//! Each path has its own timer, so that a path that changes continuously delays no other. The
//! module does not interpret events.
//!
//! Existing debouncer crates were insufficient: they work in ticks, hold an event back from its
//! arrival instead of until its path is stable, and drop what appears and disappears between two
//! ticks, even when an existing file disappeared with it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How a scan treats recent changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::watch) enum Debounce {
    /// Files that may still be written or return shortly get time.
    On,
    /// The files are taken as they are now, because a caller waits.
    Off,
}

/// How long a path must be unchanged before it is scanned.
pub(in crate::watch) const DEBOUNCE: Duration = Duration::from_millis(200);

/// The paths with pending events. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Debouncer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    paths: Mutex<Paths>,
    /// Signalled for the first path. Every later path is due later.
    first: Notify,
}

#[derive(Debug, Default)]
struct Paths(HashMap<PathBuf, PendingPath>);

/// The times of the first and last event of a path.
#[derive(Clone, Copy, Debug)]
struct PendingPath {
    first: Instant,
    last: Instant,
}

impl Debouncer {
    /// Records an event; an empty path requests a full rescan.
    pub(super) fn record(&self, path: &Path) {
        if self.with(|paths| paths.record(path, Instant::now())) {
            self.0.first.notify_one();
        }
    }

    /// Returns whether a path has pending events.
    pub(super) fn is_pending(&self, path: &Path) -> bool {
        self.with(|paths| paths.0.contains_key(path))
    }

    /// Calls `request_scan` whenever paths are due, forever.
    pub(super) async fn run(self, mut request_scan: impl FnMut()) {
        loop {
            let Some(due) = self.with(|paths| paths.due()) else {
                self.0.first.notified().await;
                continue;
            };
            tokio::time::sleep_until(due).await;
            if self.with(|paths| paths.take(Instant::now())) {
                request_scan();
                // Paths that become due shortly after are covered by the same scan.
                tokio::time::sleep(MIN_SCAN_GAP).await;
            }
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Paths) -> T) -> T {
        let mut paths = self.0.paths.lock();
        work(&mut paths)
    }
}

impl Paths {
    /// Records an event. Returns whether it is the only pending path.
    fn record(&mut self, path: &Path, now: Instant) -> bool {
        let is_first = self.0.is_empty();
        // Beyond the limit, paths share one entry.
        let path = if self.0.len() < MAX_PATHS || self.0.contains_key(path) {
            path
        } else {
            Path::new("")
        };
        let pending = PendingPath {
            first: now,
            last: now,
        };
        self.0.entry(path.to_owned()).or_insert(pending).last = now;
        is_first
    }

    /// Returns when the next path is due, if it does not change again.
    fn due(&self) -> Option<Instant> {
        self.0.values().map(|pending| pending.due()).min()
    }

    /// Removes the paths that are due. Returns whether there were any.
    fn take(&mut self, now: Instant) -> bool {
        let before = self.0.len();
        self.0.retain(|_, pending| pending.due() > now);
        self.0.len() < before
    }
}

impl PendingPath {
    fn due(self) -> Instant {
        (self.last + DEBOUNCE).min(self.first + MAX_WAIT)
    }
}

/// A path that changes continuously is scanned at this interval.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The minimum gap between two scans: far below the 50 ms that a change may take in addition to
/// [`DEBOUNCE`].
const MIN_SCAN_GAP: Duration = Duration::from_millis(10);
/// The limit on paths with their own timer.
const MAX_PATHS: usize = 4096;

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_path_is_due_when_it_is_stable() {
        let (start, mut paths) = (Instant::now(), Paths::default());
        let a = Path::new("a");
        assert!(paths.due().is_none());
        assert!(paths.record(a, start));
        assert!(!paths.record(a, start + 150 * MS));
        assert!(!paths.take(start + 200 * MS), "it stirred since");
        assert_eq!(paths.due(), Some(start + 350 * MS));
        assert!(paths.take(start + 350 * MS));
        assert!(paths.due().is_none() && !paths.take(start + 400 * MS));
    }

    #[test]
    fn a_path_that_keeps_changing_delays_no_other_and_is_still_scanned() {
        let (start, mut paths) = (Instant::now(), Paths::default());
        let mut scan_requests = Vec::new();
        for ms in (0..=4100).step_by(10) {
            let now = start + ms * MS;
            paths.record(Path::new("storm"), now);
            if ms == 500 {
                paths.record(Path::new("quiet"), now);
            }
            if paths.take(now) {
                scan_requests.push(ms);
            }
        }
        assert_eq!(scan_requests, [700, 2000, 4010]);
    }

    #[test]
    fn too_many_paths_share_one_entry() {
        let (start, mut paths) = (Instant::now(), Paths::default());
        for number in 0..3 * MAX_PATHS {
            paths.record(Path::new(&number.to_string()), start);
        }
        assert_eq!(paths.0.len(), MAX_PATHS + 1);
        assert!(paths.take(start + DEBOUNCE) && paths.due().is_none());
    }

    #[tokio::test]
    async fn pending_paths_request_one_scan_after_the_debounce() {
        let debouncer = Debouncer::default();
        let (sender, mut requests) = mpsc::unbounded_channel();
        tokio::spawn(
            debouncer
                .clone()
                .run(move || sender.send(()).unwrap_or_default()),
        );
        for _ in 0..3 {
            let recorded = Instant::now();
            debouncer.record(Path::new("a"));
            debouncer.record(Path::new("a"));
            assert!(debouncer.is_pending(Path::new("a")) && !debouncer.is_pending(Path::new("b")));
            requests.recv().await.unwrap();
            assert!(recorded.elapsed() >= DEBOUNCE);
            assert!(requests.try_recv().is_err() && !debouncer.is_pending(Path::new("a")));
        }
    }
}
