//! The body of `GET /health`: a header with the verdict and the time, followed by the fragments of
//! the checks.

use bytes::Bytes;
use jiff::Timestamp;

use super::fragment::seconds;
use super::slot::Slot;
use vitals_model::{Status, verdict};

/// The body of one second, with and without the fields that need authorization.
#[derive(Clone, Debug)]
pub struct HealthPage {
    pub(super) changes: u64,
    pub(super) second: i64,
    health: Status,
    full: Bytes,
    bare: Bytes,
    full_tail: Bytes,
    bare_tail: Bytes,
}

impl HealthPage {
    pub(super) fn assemble<'a>(
        changes: u64,
        directory_complete: bool,
        slots: impl Iterator<Item = &'a Slot>,
        now: Timestamp,
    ) -> Self {
        let checks: Vec<_> = slots.map(Slot::snapshot).collect();
        let sum = verdict(checks.iter().map(|check| (check.status, check.critical)));
        let health = limit_verdict(sum, directory_complete);
        let full_tail = tail(checks.iter().map(|check| &check.full));
        let bare_tail = tail(checks.iter().map(|check| &check.bare));
        let (full, bare) = (Bytes::new(), Bytes::new());
        Self {
            changes,
            second: 0,
            health,
            full,
            bare,
            full_tail,
            bare_tail,
        }
        .at(now)
    }

    /// Returns the same page with another timestamp.
    pub(super) fn at(&self, now: Timestamp) -> Self {
        let head = format!(
            r#"{{"status":"{}","timestamp":"{}","#,
            self.health,
            seconds(now)
        );
        let whole = |tail: &Bytes| {
            let mut body = Vec::with_capacity(head.len() + tail.len());
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(tail);
            Bytes::from(body)
        };
        Self {
            second: now.as_second(),
            full: whole(&self.full_tail),
            bare: whole(&self.bare_tail),
            ..self.clone()
        }
    }

    /// Returns the verdict of the page.
    pub fn health(&self) -> Status {
        self.health
    }

    /// Returns the body. Without authorization, messages and details are left out.
    pub fn body(&self, authorized: bool) -> Bytes {
        if authorized {
            self.full.clone()
        } else {
            self.bare.clone()
        }
    }
}

/// Limits a healthy verdict to degraded if the plugins directory could not be read completely.
pub(super) fn limit_verdict(verdict: Status, directory_complete: bool) -> Status {
    match verdict {
        Status::Healthy if !directory_complete => Status::Degraded,
        verdict => verdict,
    }
}

fn tail<'a>(fragments: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let mut tail = br#""checks":["#.to_vec();
    for (index, fragment) in fragments.enumerate() {
        if index > 0 {
            tail.push(b',');
        }
        tail.extend_from_slice(fragment);
    }
    tail.extend_from_slice(b"]}");
    tail.into()
}
