//! Waiting for quiet: when a path that was heard of has rested long enough for the watcher to look.
//!
//! Each path waits for itself, so that one that is written without end delays no other. Knows
//! nothing of what the events mean.
//!
//! The debouncers that there are were not enough: they look once in a tick, hold an event back from
//! when it came and not until its path rests, and drop what comes and goes between two looks, also
//! where a file that was there before went with it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a path must rest before it is looked at.
pub(in crate::watch) const DEBOUNCE: Duration = Duration::from_millis(200);

/// What was heard of and not told yet. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Unrest(Arc<Heard>);

#[derive(Debug, Default)]
struct Heard {
    paths: Mutex<Paths>,
    /// Told when the first path comes: each that comes later is due later.
    first: Notify,
}

#[derive(Debug, Default)]
struct Paths(HashMap<PathBuf, Stir>);

/// When a path stirred, first and last.
#[derive(Clone, Copy, Debug)]
struct Stir {
    first: Instant,
    last: Instant,
}

impl Unrest {
    /// Something happened to a path; the empty one stands for all.
    pub(super) fn hear(&self, path: &Path) {
        if self.with(|paths| paths.hear(path, Instant::now())) {
            self.0.first.notify_one();
        }
    }

    /// Whether something happened to a path that was not told yet: it will be.
    pub(super) fn holds(&self, path: &Path) -> bool {
        self.with(|paths| paths.0.contains_key(path))
    }

    /// Says when it is time to look, again and again.
    pub(super) async fn tell(self, mut look: impl FnMut()) {
        loop {
            let Some(due) = self.with(|paths| paths.due()) else {
                self.0.first.notified().await;
                continue;
            };
            tokio::time::sleep_until(due).await;
            if self.with(|paths| paths.take(Instant::now())) {
                look();
                // What becomes due with it is looked at with it.
                tokio::time::sleep(BREATH).await;
            }
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Paths) -> T) -> T {
        let mut paths = self.0.paths.lock();
        work(&mut paths)
    }
}

impl Paths {
    /// Answers whether it is the first.
    fn hear(&mut self, path: &Path, now: Instant) -> bool {
        let is_first = self.0.is_empty();
        // Beyond that they are as one.
        let path = if self.0.len() < MOST_PATHS || self.0.contains_key(path) {
            path
        } else {
            Path::new("")
        };
        let stir = Stir {
            first: now,
            last: now,
        };
        self.0.entry(path.to_owned()).or_insert(stir).last = now;
        is_first
    }

    /// When the next path is due, unless it stirs again.
    fn due(&self) -> Option<Instant> {
        self.0.values().map(|stir| stir.due()).min()
    }

    /// Lets go of what is due, and answers whether anything was.
    fn take(&mut self, now: Instant) -> bool {
        let before = self.0.len();
        self.0.retain(|_, stir| stir.due() > now);
        self.0.len() < before
    }
}

impl Stir {
    fn due(self) -> Instant {
        (self.last + DEBOUNCE).min(self.first + LONGEST_WAIT)
    }
}

/// A path that never rests is looked at as often as that.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// From one look to the next at least: much less than the 50 ms that a change may take beside
/// [`DEBOUNCE`].
const BREATH: Duration = Duration::from_millis(10);
/// How many paths are told apart.
const MOST_PATHS: usize = 4096;

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_path_is_due_when_it_has_rested() {
        let (start, mut paths) = (Instant::now(), Paths::default());
        let a = Path::new("a");
        assert!(paths.due().is_none());
        assert!(paths.hear(a, start));
        assert!(!paths.hear(a, start + 150 * MS));
        assert!(!paths.take(start + 200 * MS), "it stirred since");
        assert_eq!(paths.due(), Some(start + 350 * MS));
        assert!(paths.take(start + 350 * MS));
        assert!(paths.due().is_none() && !paths.take(start + 400 * MS));
    }

    #[test]
    fn a_path_that_never_rests_holds_up_no_other_and_is_looked_at_all_the_same() {
        let (start, mut paths) = (Instant::now(), Paths::default());
        let mut looks = Vec::new();
        for ms in (0..=4100).step_by(10) {
            let now = start + ms * MS;
            paths.hear(Path::new("storm"), now);
            if ms == 500 {
                paths.hear(Path::new("quiet"), now);
            }
            if paths.take(now) {
                looks.push(ms);
            }
        }
        assert_eq!(looks, [700, 2000, 4010]);
    }

    #[test]
    fn paths_without_end_are_as_one() {
        let (start, mut paths) = (Instant::now(), Paths::default());
        for number in 0..3 * MOST_PATHS {
            paths.hear(Path::new(&number.to_string()), start);
        }
        assert_eq!(paths.0.len(), MOST_PATHS + 1);
        assert!(paths.take(start + DEBOUNCE) && paths.due().is_none());
    }

    #[tokio::test]
    async fn it_is_told_after_the_rest_once_for_all() {
        let unrest = Unrest::default();
        let (sender, mut told) = mpsc::unbounded_channel();
        tokio::spawn(
            unrest
                .clone()
                .tell(move || sender.send(()).unwrap_or_default()),
        );
        for _ in 0..3 {
            let heard = Instant::now();
            unrest.hear(Path::new("a"));
            unrest.hear(Path::new("a"));
            assert!(unrest.holds(Path::new("a")) && !unrest.holds(Path::new("b")));
            told.recv().await.unwrap();
            assert!(heard.elapsed() >= DEBOUNCE);
            assert!(told.try_recv().is_err() && !unrest.holds(Path::new("a")));
        }
    }
}
