//! The slot of one check on the board.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::check_page::CheckPage;
use super::check_result::{CheckFacts, CheckResult, Expired, Previous, Published};
use super::fragment::{Fragment, to_json};
use crate::schedule::JobGeneration;
use vitals_model::{Breaker, CheckName, Code, Status};

/// The content of a slot at one moment.
pub(super) struct Snapshot {
    pub(super) status: Status,
    pub(super) critical: bool,
    pub(super) full: Bytes,
    pub(super) bare: Bytes,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: CheckName,
    /// The lock for the order of changes. Later slots of the same check share it.
    pub(super) order: Arc<Mutex<()>>,
    job_generation: JobGeneration,
    pub(super) facts: Arc<CheckFacts>,
    /// The facts of the previous job generation, whose run may still be in flight.
    previous_facts: Option<(JobGeneration, Arc<CheckFacts>)>,
    current: Mutex<Current>,
}

#[derive(Clone, Debug)]
struct Current {
    result: Option<CheckResult>,
    /// The facts of the job generation that produced the result.
    published_under: Arc<CheckFacts>,
    /// The error code of the last run with a status other than healthy, if it ended with an error.
    failed_with: Option<Code>,
    stale: bool,
    full: Bytes,
    bare: Bytes,
}

impl Slot {
    /// Creates the slot of a check. It keeps the result of the slot `before`.
    pub(super) fn new(
        name: CheckName,
        job_generation: JobGeneration,
        facts: CheckFacts,
        before: Option<&Self>,
    ) -> Self {
        let facts = Arc::new(facts);
        let current = match before {
            None => Current::new(&name, None, Arc::clone(&facts), false),
            Some(before) => before.current.lock().clone().due_now(&facts),
        };
        let previous_facts = before.map(|slot| (slot.job_generation, Arc::clone(&slot.facts)));
        Self {
            name,
            order: before
                .map(|slot| Arc::clone(&slot.order))
                .unwrap_or_default(),
            job_generation,
            facts,
            previous_facts,
            current: Mutex::new(current),
        }
    }

    /// Returns the facts of a job generation, if it is this one or the previous one.
    pub(super) fn facts_of(&self, job_generation: JobGeneration) -> Option<&Arc<CheckFacts>> {
        match &self.previous_facts {
            _ if job_generation == self.job_generation => Some(&self.facts),
            Some((before, facts)) if *before == job_generation => Some(facts),
            _ => None,
        }
    }

    pub(super) fn status(&self) -> Status {
        self.current.lock().status()
    }

    pub(super) fn has_result(&self) -> bool {
        self.current.lock().result.is_some()
    }

    /// Returns the current content.
    pub(super) fn snapshot(&self) -> Snapshot {
        let current = self.current.lock();
        let (full, bare) = (current.full.clone(), current.bare.clone());
        Snapshot {
            status: current.status(),
            critical: self.facts.critical,
            full,
            bare,
        }
    }

    /// Publishes a result, unless it is late.
    pub(super) fn publish(&self, result: CheckResult) -> Published {
        let mut current = self.current.lock();
        let newest = current.result.as_ref().map(|result| result.job_generation);
        let Some(facts) = self.facts_of(result.job_generation) else {
            return Published::Late;
        };
        if newest.is_some_and(|newest| newest > result.job_generation) {
            return Published::Late;
        }
        let published = match &current.result {
            None => Published::First,
            Some(_) => Published::After(Previous {
                status: current.status(),
                code: current.failed_with,
            }),
        };
        let failed_with = match result.report.outcome.status() {
            Status::Healthy => current.failed_with,
            _ => result.report.error.as_ref().map(|error| error.code),
        };
        *current = Current {
            failed_with,
            ..Current::new(&self.name, Some(result), Arc::clone(facts), false)
        };
        published
    }

    /// Returns when the result becomes stale, if that would change the shown status.
    pub(super) fn expires_at(&self) -> Option<Instant> {
        self.current.lock().expires_at()
    }

    /// Turns a stale result into `unknown`.
    pub(super) fn expire(&self, now: Instant) -> Option<Expired> {
        let mut current = self.current.lock();
        current.expires_at().filter(|at| *at <= now)?;
        let expired = Expired {
            check: self.name.clone(),
            before: current.status(),
            facts: Arc::clone(&current.published_under),
        };
        let result = current.result.take();
        let facts = Arc::clone(&expired.facts);
        *current = Current {
            failed_with: current.failed_with,
            ..Current::new(&self.name, result, facts, true)
        };
        Some(expired)
    }

    /// Returns everything known about the check as JSON.
    pub(super) fn page(&self, authorized: bool) -> Bytes {
        let current = self.current.lock();
        let check = current.fragment(&self.name, authorized);
        let (facts, published_under) = (&self.facts, &current.published_under);
        let result = current.result.as_ref();
        to_json(&CheckPage::new(
            check,
            facts,
            published_under,
            result,
            authorized,
        ))
    }
}

impl Current {
    fn new(
        name: &CheckName,
        result: Option<CheckResult>,
        published_under: Arc<CheckFacts>,
        stale: bool,
    ) -> Self {
        let mut current = Self {
            result,
            published_under,
            failed_with: None,
            stale,
            full: Bytes::new(),
            bare: Bytes::new(),
        };
        current.full = to_json(&current.fragment(name, true));
        current.bare = to_json(&current.fragment(name, false));
        current
    }

    /// Keeps the result of a check that runs again at once, with the timing of the new facts.
    fn due_now(mut self, facts: &CheckFacts) -> Self {
        if let Some(result) = &mut self.result
            && let Some(stale_at) = &mut result.stale_at
        {
            let lifetime = facts.timeout_ms.saturating_add(facts.interval_ms);
            *stale_at = Instant::now() + Duration::from_millis(lifetime);
            result.next_run = Some(Timestamp::now());
            result.breaker = Breaker::default();
        }
        self
    }

    fn fragment<'a>(&'a self, name: &'a CheckName, authorized: bool) -> Fragment<'a> {
        match &self.result {
            Some(result) => Fragment::new(name, result, self.stale, authorized),
            None => Fragment::not_run(name, authorized),
        }
    }

    fn expires_at(&self) -> Option<Instant> {
        let result = self.result.as_ref().filter(|_| !self.stale)?;
        match result.status {
            Status::Unhealthy | Status::Unknown => None,
            Status::Healthy | Status::Degraded => result.stale_at,
        }
    }

    fn status(&self) -> Status {
        match &self.result {
            Some(result) if !self.stale => result.status,
            _ => Status::Unknown,
        }
    }
}
