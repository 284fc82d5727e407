//! The latest result of each check, and the pages assembled from the results.
//!
//! The JSON fragment of a check is built when its result changes. The whole page is built on
//! request, at most once per change. The module runs nothing, and reading never waits for a run.

mod check_page;
mod check_result;
mod first_round;
mod fragment;
mod page;
mod slot;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};

pub use check_result::{
    CheckFacts, CheckResult, Expired, PluginFacts, Previous, Promotion, Published,
};
use first_round::FirstRound;
pub use page::HealthPage;
use slot::Slot;

use crate::schedule::JobGeneration;
use vitals_model::{CheckName, Status, verdict};

/// The latest result of each check.
#[derive(Debug, Default)]
pub struct Board {
    slots: RwLock<BTreeMap<CheckName, Arc<Slot>>>,
    /// The number of changes. A page assembled at another count is out of date.
    changes: AtomicU64,
    job_generations: AtomicU64,
    directory_unreadable: AtomicBool,
    /// Whether files in the plugins directory are ignored, or it can't be read.
    directory_incomplete: AtomicBool,
    round: FirstRound,
    assembled: ArcSwapOption<HealthPage>,
    assembling: Mutex<()>,
    cached_verdict: ArcSwapOption<(u64, Status)>,
}

impl Board {
    /// Adds a check, or replaces its facts and keeps its result. Returns the job generation to
    /// publish results for.
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

    /// Returns a new job generation, greater than all earlier ones.
    pub fn next_job_generation(&self) -> JobGeneration {
        JobGeneration(self.job_generations.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Switches checks to new job generations together with their first results. A page shows
    /// either all of them or none. Returns the outcome for each.
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

    /// Removes a check.
    pub fn remove(&self, name: &CheckName) {
        let removed = self.slots.write().remove(name);
        if removed.is_some() {
            self.changed();
            self.end_first_round_if_complete();
        }
    }

    /// Publishes the newest result of a check, unless it is late.
    pub fn publish(&self, name: &CheckName, result: CheckResult) -> Published {
        let slots = self.slots.read();
        let published = slots
            .get(name)
            .map_or(Published::Late, |slot| slot.publish(result));
        drop(slots);
        if published == Published::Late {
            return published;
        }
        self.changed();
        if published == Published::First {
            self.end_first_round_if_complete();
        }
        published
    }

    /// Records whether the plugins directory can be read, and whether all its files are loaded.
    /// Otherwise the verdict is at best degraded.
    pub fn set_directory(&self, readable: bool, complete: bool) {
        self.directory_unreadable
            .store(!readable, Ordering::Release);
        let incomplete = !(readable && complete);
        if self.directory_incomplete.swap(incomplete, Ordering::AcqRel) != incomplete {
            self.changed();
        }
    }

    /// Records that all checks of the start have been added. The first round ends when each of them
    /// has a result.
    pub fn all_added(&self) {
        self.round.all_added();
        self.end_first_round_if_complete();
    }

    /// Ends the first round unconditionally.
    pub fn end_first_round(&self) {
        if self.round.end() {
            self.changed();
        }
    }

    /// Returns whether the first round is over.
    pub fn first_round_is_over(&self) -> bool {
        self.round.is_over()
    }

    /// Waits until the first round is over.
    pub async fn first_round(&self) {
        self.round.over().await;
    }

    /// Turns stale results into `unknown`. Calls `on_expired` for each before the next result of
    /// its check can be shown. An `unhealthy` result stays, because `unknown` never improves a
    /// verdict. Returns when the next result becomes stale, if any does.
    pub fn expire(&self, now: Instant, mut on_expired: impl FnMut(&Expired)) -> Option<Instant> {
        let slots = self.slots.read();
        let expiries = slots
            .values()
            .filter_map(|slot| Some((slot.expires_at()?, slot)));
        let (due, later): (Vec<_>, Vec<_>) = expiries.partition(|(at, _)| *at <= now);
        let next = later.into_iter().map(|(at, _)| at).min();
        let due: Vec<_> = due.into_iter().map(|(_, slot)| slot.name.clone()).collect();
        drop(slots);
        for name in due {
            let order = self.order(&name);
            let _in_order = order.lock();
            let slots = self.slots.read();
            let expired = slots.get(&name).and_then(|slot| slot.expire(now));
            drop(slots);
            if let Some(expired) = expired {
                self.changed();
                on_expired(&expired);
            }
        }
        next
    }

    /// Returns the verdict over all checks. It is computed at most once per change.
    pub fn health(&self) -> Status {
        let changes = self.changes.load(Ordering::Acquire);
        if let Some(cached_verdict) = self.cached_verdict.load().as_ref()
            && cached_verdict.0 == changes
        {
            return cached_verdict.1;
        }
        let slots = self.slots.read();
        let sum = verdict(
            slots
                .values()
                .map(|slot| (slot.status(), slot.facts.critical)),
        );
        drop(slots);
        let sum = page::limit_verdict(sum, self.directory_is_complete());
        self.cached_verdict.store(Some(Arc::new((changes, sum))));
        sum
    }

    /// Returns the body of `GET /health` at this moment.
    pub fn page(&self, now: Timestamp) -> Arc<HealthPage> {
        if let Some(page) = self.current_page(now) {
            return page;
        }
        let _one_at_a_time = self.assembling.lock();
        if let Some(page) = self.current_page(now) {
            return page;
        }
        // The count is read before the slots, so that a change during the assembly makes the page
        // out of date.
        let changes = self.changes.load(Ordering::Acquire);
        let last = self.assembled.load_full();
        let page = if let Some(page) = last.filter(|page| page.changes == changes) {
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

    /// Returns everything known about one check as JSON, or `None` for an unknown name.
    pub fn check(&self, name: &str, authorized: bool) -> Option<Bytes> {
        let slots = self.slots.read();
        let slot = Arc::clone(slots.get(name)?);
        drop(slots);
        Some(slot.page(authorized))
    }

    /// Returns the facts of a job generation whose result was just published.
    pub fn facts(
        &self,
        name: &CheckName,
        job_generation: JobGeneration,
    ) -> Option<Arc<CheckFacts>> {
        let slots = self.slots.read();
        slots.get(name)?.facts_of(job_generation).cloned()
    }

    /// Returns the lock that orders the changes of a check. A caller that holds it while it changes
    /// the check and emits the events keeps both in the same order.
    pub(crate) fn order(&self, name: &CheckName) -> Arc<Mutex<()>> {
        let slots = self.slots.read();
        let order = slots.get(name).map(|slot| Arc::clone(&slot.order));
        order.unwrap_or_default()
    }

    /// Returns the status of each check, for metrics.
    pub fn statuses(&self) -> Vec<(CheckName, Status)> {
        let slots = self.slots.read();
        slots
            .values()
            .map(|slot| (slot.name.clone(), slot.status()))
            .collect()
    }

    /// Returns the number of checks with each status.
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
        let fresh = page.changes == self.changes.load(Ordering::Acquire);
        (fresh && page.second == now.as_second()).then_some(page)
    }

    /// Returns whether the last scan could read the plugins directory.
    pub fn directory_is_readable(&self) -> bool {
        !self.directory_unreadable.load(Ordering::Acquire)
    }

    fn directory_is_complete(&self) -> bool {
        !self.directory_incomplete.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Ends the first round if every check has a result.
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

/// The message shown with a stale result.
pub(crate) use fragment::STALE;

/// The interval between searches for stale results if no expiry time is known.
pub const EXPIRY_SWEEP: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
