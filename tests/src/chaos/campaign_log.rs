//! What was done, what was asked, and what was wrong, in the order of time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Written by all that take part in a campaign.
pub(super) struct CampaignLog {
    begun: Instant,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    operations: BTreeMap<&'static str, u64>,
    probes: BTreeMap<&'static str, u64>,
    slowest: Duration,
    configuration: Option<Reloads>,
    taken_over: u64,
    refused: u64,
    lines: Vec<String>,
    faults: Vec<String>,
    more_faults: u64,
}

/// The sum of it.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// File operations by their kind.
    pub operations: BTreeMap<&'static str, u64>,
    /// Probes by the page that they asked for.
    pub probes: BTreeMap<&'static str, u64>,
    /// The longest that a probe waited for its answer.
    pub slowest: Duration,
    /// Configurations that were taken over, as far as the metrics showed each.
    pub taken_over: u64,
    /// Times that a configuration was refused after one that was not.
    pub refused: u64,
}

/// What the metrics say of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reloads {
    /// Whether the last one was taken over.
    pub(super) is_well: bool,
    /// When one was taken over last, as it is written.
    pub(super) last: String,
}

impl CampaignLog {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            pages: Mutex::default(),
        }
    }

    /// An operation begins.
    pub(super) fn operation(&self, kind: &'static str, on: &str) {
        let line = format!("{} {kind}: {on}", self.moment());
        let mut pages = self.pages();
        *pages.operations.entry(kind).or_default() += 1;
        pages.lines.push(line);
    }

    /// Something else that helps whoever reads what went before a fault.
    pub(super) fn note(&self, what: &str) {
        let line = format!("{} {what}", self.moment());
        self.pages().lines.push(line);
    }

    /// A probe was answered, or not, after so long.
    pub(super) fn probe(&self, route: &'static str, took: Duration) {
        let mut pages = self.pages();
        *pages.probes.entry(route).or_default() += 1;
        pages.slowest = pages.slowest.max(took);
    }

    /// The metrics were seen to say this of the configuration.
    pub(super) fn configuration(&self, seen: Reloads) {
        let mut pages = self.pages();
        if let Some(before) = &pages.configuration {
            let is_another = before.last != seen.last;
            let is_refused = before.is_well && !seen.is_well;
            pages.taken_over += u64::from(is_another);
            pages.refused += u64::from(is_refused);
        }
        pages.configuration = Some(seen);
    }

    /// Something is wrong.
    pub(super) fn fault(&self, what: &str) {
        let line = format!("{} WRONG {what}", self.moment());
        let mut pages = self.pages();
        if pages.faults.len() < MOST_FAULTS {
            pages.faults.push(line.clone());
            pages.lines.push(line);
        } else {
            pages.more_faults += 1;
        }
    }

    pub(super) fn has_faults(&self) -> bool {
        !self.pages().faults.is_empty()
    }

    pub(super) fn counts(&self) -> Counts {
        let pages = self.pages();
        Counts {
            operations: pages.operations.clone(),
            probes: pages.probes.clone(),
            slowest: pages.slowest,
            taken_over: pages.taken_over,
            refused: pages.refused,
        }
    }

    /// The faults, and what was done before the first of them and since.
    pub(super) fn report(&self) -> String {
        let pages = self.pages();
        let first = pages.lines.iter().position(|line| line.contains(" WRONG "));
        let from = first.unwrap_or(pages.lines.len()).saturating_sub(BEFORE);
        let mut report = pages.faults.join("\n");
        if pages.more_faults > 0 {
            report.extend(["\nand ", &pages.more_faults.to_string(), " more"]);
        }
        report.push_str("\nwhat was done before and meanwhile:\n");
        let lines = pages.lines[from..].iter().take(BEFORE + AFTER);
        report.extend(lines.flat_map(|line| ["  ", line, "\n"]));
        report
    }

    fn moment(&self) -> String {
        format!("{:8.3}", self.begun.elapsed().as_secs_f64())
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |counts: &BTreeMap<&str, u64>| {
            let one = |(name, count): (&&str, &u64)| format!("{count} {name}");
            let all: Vec<_> = counts.iter().map(one).collect();
            (counts.values().sum::<u64>(), all.join(", "))
        };
        let (operations, kinds) = all(&self.operations);
        let (probes, pages) = all(&self.probes);
        writeln!(f, "{operations} operations: {kinds}")?;
        let Self {
            slowest,
            taken_over,
            refused,
            ..
        } = self;
        writeln!(
            f,
            "{probes} probes, the slowest answered after {slowest:.0?}: {pages}"
        )?;
        write!(
            f,
            "configurations: {taken_over} seen taken over, {refused} seen refused"
        )
    }
}

/// Faults that are told; one fault brings many.
const MOST_FAULTS: usize = 20;
/// Lines that are shown of what was done before the first fault, and from then on.
const BEFORE: usize = 40;
const AFTER: usize = 60;
