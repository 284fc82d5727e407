//! What was done, requested and found wrong, in this order.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Written by all parts of a campaign.
pub(super) struct CampaignLog {
    started: Instant,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    counts: Counts,
    lines: Vec<String>,
    faults: usize,
}

/// How often everything happened.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Operations by kind.
    pub operations: BTreeMap<String, u64>,
    /// Requests of probes by route.
    pub requests: BTreeMap<&'static str, u64>,
    /// The longest time until a response.
    pub slowest: Duration,
}

impl CampaignLog {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            entries: Mutex::default(),
        }
    }

    /// An operation begins.
    pub(super) fn operation(&self, kind: impl fmt::Debug, on: &str) {
        let kind = format!("{kind:?}");
        self.note(&format!("{kind}: {on}"));
        let operations = &mut self.entries.lock().counts.operations;
        *operations.entry(kind).or_default() += 1;
    }

    /// Something else that explains a fault.
    pub(super) fn note(&self, what: &str) {
        let line = format!("{:8.3} {what}", self.started.elapsed().as_secs_f64());
        self.entries.lock().lines.push(line);
    }

    pub(super) fn request(&self, route: &'static str, elapsed: Duration) {
        let counts = &mut self.entries.lock().counts;
        *counts.requests.entry(route).or_default() += 1;
        counts.slowest = counts.slowest.max(elapsed);
    }

    /// Something is wrong. One fault causes many more, which are only counted.
    pub(super) fn fault(&self, what: &str) {
        let mut entries = self.entries.lock();
        entries.faults += 1;
        if entries.faults <= MOST_FAULTS {
            drop(entries);
            self.note(&format!("{WRONG}{what}"));
        }
    }

    pub(super) fn has_faults(&self) -> bool {
        self.entries.lock().faults > 0
    }

    pub(super) fn counts(&self) -> Counts {
        self.entries.lock().counts.clone()
    }

    /// The faults, and the operations before the first of them and since.
    pub(super) fn report(&self) -> String {
        let entries = self.entries.lock();
        let is_fault = |line: &&String| line.contains(WRONG);
        let faults: Vec<_> = entries.lines.iter().filter(is_fault).cloned().collect();
        let first = entries.lines.iter().position(|line| is_fault(&line));
        let lines = entries
            .lines
            .iter()
            .skip(first.unwrap_or(0).saturating_sub(BEFORE));
        let lines: Vec<_> = lines.take(BEFORE + AFTER).cloned().collect();
        format!(
            "{} faults:\n{}\nwhat was done before and meanwhile:\n  {}",
            entries.faults,
            faults.join("\n"),
            lines.join("\n  ")
        )
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations: u64 = self.operations.values().sum();
        let requests: u64 = self.requests.values().sum();
        write!(
            f,
            "{operations} operations: {:?}\n{requests} requests, the slowest took {:.0?}: {:?}",
            self.operations, self.slowest, self.requests
        )
    }
}

const WRONG: &str = "WRONG ";
/// Faults that are shown.
const MOST_FAULTS: usize = 20;
/// Lines that are shown of those before the first fault, and of those since.
const BEFORE: usize = 40;
const AFTER: usize = 60;
