//! The latest result of each check, and the answers assembled from them.
//!
//! Each check's JSON fragment is made when its result changes; the whole answer at most once per
//! change, when somebody asks. Nothing here runs anything, and reading never waits for a run.

mod check_page;
mod fragment;
mod page;
mod posting;
mod round;
mod slot;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};

pub use page::HealthPage;
pub use posting::{Before, CheckFacts, CheckResult, Expired, PluginFacts, Promotion, Published};
use round::FirstRound;
use slot::{Order, Slot};

use crate::schedule::JobGeneration;
use vitals_model::{CheckName, Status, verdict};

/// The latest result of each check.
#[derive(Debug, Default)]
pub struct Board {
    slots: RwLock<BTreeMap<CheckName, Arc<Slot>>>,
    /// Counts changes; what was assembled at another count is out of date.
    changes: AtomicU64,
    job_generations: AtomicU64,
    directory_unreadable: AtomicBool,
    /// Whether files in the plugins directory are left out, or it can't be read.
    directory_incomplete: AtomicBool,
    round: FirstRound,
    assembled: ArcSwapOption<HealthPage>,
    assembling: Mutex<()>,
    summed: ArcSwapOption<(u64, Status)>,
}

impl Board {
    /// Adds a check, or changes what is known about it; its result stays. Results are published for
    /// the job generation that is answered.
    pub fn upsert(&self, name: CheckName, facts: CheckFacts) -> JobGeneration {
        let mut slots = self.slots.write();
        let job_generation = self.next_job_generation();
        let slot = Slot::new(
            name.clone(),
            job_generation,
            facts,
            slots.get(&name).map(AsRef::as_ref),
        );
        slots.insert(name, Arc::new(slot));
        drop(slots);
        self.changed();
        job_generation
    }

    /// A job generation of a check that is to come: greater than all before it.
    pub fn next_job_generation(&self) -> JobGeneration {
        JobGeneration(self.job_generations.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Lets new job generations of checks take over together with their first results: an answer shows
    /// all of them or none. Says of each what its result stands after.
    pub fn promote(&self, promotions: Vec<Promotion>) -> Vec<Published> {
        let mut slots = self.slots.write();
        let take_over = |promotion: Promotion| {
            let Promotion {
                name,
                facts,
                result,
            } = promotion;
            let before = slots.get(&name).map(AsRef::as_ref);
            let slot = Slot::new(name.clone(), result.job_generation, facts, before);
            let published = slot.publish(result);
            slots.insert(name, Arc::new(slot));
            published
        };
        let published: Vec<_> = promotions.into_iter().map(take_over).collect();
        drop(slots);
        self.changed();
        if published.contains(&Published::First) {
            self.end_first_round_if_complete();
        }
        published
    }

    /// Takes a check off.
    pub fn remove(&self, name: &CheckName) {
        let removed = self.slots.write().remove(name);
        if removed.is_some() {
            self.changed();
            self.end_first_round_if_complete();
        }
    }

    /// Posts the newest result of a check, unless it comes too late.
    pub fn publish(&self, name: &CheckName, result: CheckResult) -> Published {
        let slots = self.slots.read();
        let published = slots
            .get(name)
            .map_or(Published::Refused, |slot| slot.publish(result));
        drop(slots);
        if published == Published::Refused {
            return published;
        }
        self.changed();
        if published == Published::First {
            self.end_first_round_if_complete();
        }
        published
    }

    /// Says whether the plugins directory can be read, and whether all files in it count: while not, the
    /// verdict is at best degraded.
    pub fn set_directory(&self, readable: bool, complete: bool) {
        self.directory_unreadable
            .store(!readable, Ordering::Release);
        let incomplete = !(readable && complete);
        if self.directory_incomplete.swap(incomplete, Ordering::AcqRel) != incomplete {
            self.changed();
        }
    }

    /// Says that every check that there will be at start has been placed: the first round is over
    /// when each of them has a result.
    pub fn all_placed(&self) {
        self.round.all_placed();
        self.end_first_round_if_complete();
    }

    /// Ends the first round, come what may.
    pub fn end_first_round(&self) {
        if self.round.end() {
            self.changed();
        }
    }

    /// Whether the first round is over.
    pub fn first_round_is_over(&self) -> bool {
        self.round.is_over()
    }

    /// Waits until the first round is over.
    pub async fn first_round(&self) {
        self.round.over().await;
    }

    /// Turns results that have become too old into `unknown`, and hands each to `tell` before the next
    /// result of its check can be shown. An `unhealthy` one stays: `unknown` never improves a verdict.
    /// Answers when the next result becomes too old; nothing where none can.
    pub fn expire(&self, now: Instant, mut tell: impl FnMut(&Expired)) -> Option<Instant> {
        let slots = self.slots.read();
        let expiries = slots
            .values()
            .filter_map(|slot| Some((slot.expires_at()?, slot)));
        let (due, later): (Vec<_>, Vec<_>) = expiries.partition(|(at, _)| *at <= now);
        let next = later.into_iter().map(|(at, _)| at).min();
        let due: Vec<_> = due
            .into_iter()
            .map(|(_, slot)| slot.name().clone())
            .collect();
        drop(slots);
        for name in due {
            let order = self.order(&name);
            let _in_order = order.lock();
            let slots = self.slots.read();
            let expired = slots.get(&name).and_then(|slot| slot.expire(now));
            drop(slots);
            if let Some(expired) = expired {
                self.changed();
                tell(&expired);
            }
        }
        next
    }

    /// The verdict over all checks; counted anew at most once per change.
    pub fn health(&self) -> Status {
        let changes = self.changes.load(Ordering::Acquire);
        if let Some(summed) = self.summed.load().as_ref()
            && summed.0 == changes
        {
            return summed.1;
        }
        let slots = self.slots.read();
        let sum = verdict(
            slots
                .values()
                .map(|slot| (slot.status(), slot.facts().critical)),
        );
        drop(slots);
        let sum = page::at_best(sum, self.directory_is_complete());
        self.summed.store(Some(Arc::new((changes, sum))));
        sum
    }

    /// The answer to `GET /health` at this moment.
    pub fn page(&self, now: Timestamp) -> Arc<HealthPage> {
        if let Some(page) = self.current_page(now) {
            return page;
        }
        let _one_at_a_time = self.assembling.lock();
        if let Some(page) = self.current_page(now) {
            return page;
        }
        // Read before the slots: what changes while they are read makes the page out of date.
        let changes = self.changes.load(Ordering::Acquire);
        let last = self.assembled.load_full();
        let page = if let Some(page) = last.filter(|page| page.changes() == changes) {
            page.at(now)
        } else {
            let complete = self.directory_is_complete();
            let slots = self.slots.read();
            HealthPage::assemble(changes, complete, slots.values().map(AsRef::as_ref), now)
        };
        let page = Arc::new(page);
        self.assembled.store(Some(Arc::clone(&page)));
        page
    }

    /// Everything known of one check, as JSON; nothing for an unknown name.
    pub fn check(&self, name: &str, authorized: bool) -> Option<Bytes> {
        let slots = self.slots.read();
        let slot = Arc::clone(slots.get(name)?);
        drop(slots);
        Some(slot.page(authorized))
    }

    /// What is known of the job generation of a check whose result was published just now.
    pub fn facts(
        &self,
        name: &CheckName,
        job_generation: JobGeneration,
    ) -> Option<Arc<CheckFacts>> {
        let slots = self.slots.read();
        slots.get(name)?.facts_of(job_generation).cloned()
    }

    /// The order in which what is shown of a check changes: whoever holds its lock over a change and
    /// what is said of it says everything in that order.
    pub(crate) fn order(&self, name: &CheckName) -> Order {
        let slots = self.slots.read();
        slots.get(name).map(|slot| slot.order()).unwrap_or_default()
    }

    /// Each check with its status, for metrics.
    pub fn statuses(&self) -> Vec<(CheckName, Status)> {
        let slots = self.slots.read();
        slots
            .values()
            .map(|slot| (slot.name().clone(), slot.status()))
            .collect()
    }

    /// How many checks have each status.
    pub fn counts(&self) -> HashMap<Status, usize> {
        let slots = self.slots.read();
        let mut counts = HashMap::new();
        for slot in slots.values() {
            *counts.entry(slot.status()).or_default() += 1;
        }
        counts
    }

    fn current_page(&self, now: Timestamp) -> Option<Arc<HealthPage>> {
        let page = self.assembled.load_full()?;
        let fresh = page.changes() == self.changes.load(Ordering::Acquire);
        (fresh && page.second() == now.as_second()).then_some(page)
    }

    /// Whether the plugins directory could be read when it was last looked at.
    pub fn directory_is_readable(&self) -> bool {
        !self.directory_unreadable.load(Ordering::Acquire)
    }

    fn directory_is_complete(&self) -> bool {
        !self.directory_incomplete.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Ends the first round if nothing is waited for any more.
    fn end_first_round_if_complete(&self) {
        if !self.round.waits_for_results() {
            return;
        }
        let slots = self.slots.read();
        if slots.values().all(|slot| slot.has_result()) {
            self.round.end();
        }
    }
}

/// The message that is shown with a result that is too old.
pub(crate) use fragment::STALE;

/// How often results are looked at for their age where nothing says when to.
pub const EXPIRY_SWEEP: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
