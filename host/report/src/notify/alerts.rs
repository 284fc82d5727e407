//! The alerts of one Alertmanager: current state, sent repeatedly, instead of events.
//!
//! An alert lasts until its `endsAt`. While it is active it is sent every `resend` with an `endsAt`
//! four times `resend` away. A lost request therefore has no effect, and the alerts of a host that
//! is gone resolve by themselves. A resolved alert is also sent for a while, for an Alertmanager
//! that was down. Prometheus does the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::instance::InstanceInfo;
use super::payload::milliseconds;
use super::standing::{ActiveAlert, LastResult};
use crate::delivery::{Moment, Next, Outbox};
use vitals_model::{CheckName, Status};

/// What all alerts have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AlertTemplate {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) resend: Duration,
    pub(super) instance: InstanceInfo,
}

/// The alerts of one Alertmanager. The cost of a change or a request does not grow with their
/// number.
#[derive(Debug)]
pub(super) struct Alerts {
    template: AlertTemplate,
    all: BTreeMap<Number, Alert>,
    of_checks: BTreeMap<CheckName, Vec<Number>>,
    /// The due time of each alert.
    due: BTreeSet<(Instant, Number)>,
    /// The number of states that were not delivered yet.
    news: usize,
    under_way: Vec<Number>,
    numbers: Number,
}

/// The number of one state of an alert. A changed alert gets a new number.
type Number = u64;

#[derive(Debug)]
struct Alert {
    check: CheckName,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<&'static str, String>,
    url: Option<String>,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    /// When it is sent next.
    due: Instant,
    /// Whether this state was not delivered yet.
    is_news: bool,
    /// Whether it was sent, so that the Alertmanager may know it.
    was_sent: bool,
}

/// An alert in the format of the API.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'a> {
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<&'static str, String>,
    starts_at: Timestamp,
    ends_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<&'a str>,
}

impl Alerts {
    pub(super) fn new(template: AlertTemplate) -> Self {
        Self {
            template,
            all: BTreeMap::new(),
            of_checks: BTreeMap::new(),
            due: BTreeSet::new(),
            news: 0,
            under_way: Vec::new(),
            numbers: 0,
        }
    }

    /// Sets the alert of one check, or resolves it.
    pub(super) fn set(
        &mut self,
        check: &CheckName,
        told: Option<(&Arc<LastResult>, ActiveAlert)>,
        now: Moment,
    ) {
        let mut next = told.map(|(found, told)| self.alert(found, told, now));
        for number in self.of_checks.get(check).cloned().unwrap_or_default() {
            let Some(mut alert) = self.remove(number) else {
                continue;
            };
            let is_same = next
                .as_ref()
                .is_some_and(|next| next.labels == alert.labels);
            match (is_same, alert.ends_at) {
                // The next request carries the new annotations.
                (true, None) => {
                    if let Some(next) = next.take() {
                        (alert.annotations, alert.url) = (next.annotations, next.url);
                    }
                    self.insert(number, alert);
                }
                (false, Some(_)) => self.insert(number, alert),
                (false, None) if alert.was_sent => {
                    alert.end(now);
                    self.add(alert);
                }
                // The alert starts anew, or it ends before it was ever sent.
                (true, Some(_)) | (false, None) => {}
            }
        }
        if let Some(next) = next {
            self.add(next);
        }
    }

    /// Replaces the template and all active alerts.
    pub(super) fn adopt<'f>(
        &mut self,
        template: AlertTemplate,
        firing: impl Iterator<Item = (&'f Arc<LastResult>, ActiveAlert)>,
        now: Moment,
    ) {
        self.template = template;
        let mut quiet: BTreeSet<_> = self.of_checks.keys().cloned().collect();
        for (found, told) in firing {
            quiet.remove(&found.check);
            self.set(&found.check, Some((found, told)), now);
        }
        for check in quiet {
            self.set(&check, None, now);
        }
    }

    /// Resolves all alerts of this receiver.
    pub(super) fn end_all(&mut self, now: Moment) {
        self.adopt(self.template.clone(), std::iter::empty(), now);
    }

    /// Returns when the first alert is due. Removes resolved alerts that were sent for long enough.
    fn first_due(&mut self, now: Moment) -> Option<Instant> {
        while let Some(&(due, number)) = self.due.first() {
            let alert = self.all.get(&number);
            if due > now.instant || !alert.is_some_and(|alert| alert.is_over(now)) {
                return Some(due);
            }
            self.remove(number);
        }
        None
    }

    /// Adds a new state of an alert.
    fn add(&mut self, alert: Alert) {
        self.numbers += 1;
        self.insert(self.numbers, alert);
    }

    fn insert(&mut self, number: Number, alert: Alert) {
        let of_check = self.of_checks.entry(alert.check.clone()).or_default();
        of_check.push(number);
        self.due.insert((alert.due, number));
        self.news += usize::from(alert.is_news);
        self.all.insert(number, alert);
    }

    fn remove(&mut self, number: Number) -> Option<Alert> {
        let alert = self.all.remove(&number)?;
        self.news -= usize::from(alert.is_news);
        self.due.remove(&(alert.due, number));
        if let Some(of_check) = self.of_checks.get_mut(&alert.check) {
            of_check.retain(|other| *other != number);
            if of_check.is_empty() {
                self.of_checks.remove(&alert.check);
            }
        }
        Some(alert)
    }

    /// Creates a new alert.
    fn alert(&self, found: &LastResult, told: ActiveAlert, now: Moment) -> Alert {
        Alert {
            check: found.check.clone(),
            labels: self.labels(found, told),
            annotations: annotations(found, told),
            url: self.template.instance.page_of(&found.check),
            starts_at: told.turned,
            ends_at: None,
            due: now.instant,
            is_news: true,
            was_sent: false,
        }
    }

    /// Returns the labels, which identify an alert and stay the same while it lasts.
    fn labels(&self, found: &LastResult, told: ActiveAlert) -> BTreeMap<String, String> {
        let name = match told.status {
            Status::Unhealthy => "VitalsCheckUnhealthy",
            Status::Unknown => "VitalsCheckUnknown",
            Status::Degraded | Status::Healthy => "VitalsCheckDegraded",
        };
        let own = [
            ("alertname", name),
            ("check", found.check.as_str()),
            ("plugin", found.plugin.as_deref().unwrap_or_default()),
            ("severity", told.severity(found.critical)),
            ("instance", &self.template.instance.name),
        ];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty());
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.template
            .labels
            .clone()
            .into_iter()
            .chain(own)
            .collect()
    }
}

impl Outbox for Alerts {
    fn next(&mut self, now: Moment) -> Next {
        self.under_way.clear();
        let Some(first) = self.first_due(now) else {
            return Next::Wait(None);
        };
        if first > now.instant {
            return Next::Wait(Some(first));
        }
        let ends_at = (now.time)
            .checked_add(self.template.resend.saturating_mul(ROUNDS_TO_LAST))
            .unwrap_or(Timestamp::MAX);
        // Alerts that are due soon are sent in the same request.
        let horizon = now.instant + self.template.resend / 4;
        let due = self.due.range(..=(horizon, Number::MAX));
        (self.under_way).extend(due.take(MOST_AT_ONCE).map(|&(_, number)| number));
        for number in &self.under_way {
            if let Some(alert) = self.all.get_mut(number) {
                alert.was_sent = true;
            }
        }
        let sent = self.under_way.iter();
        let sent = sent.filter_map(|number| self.all.get(number));
        let posted: Vec<_> = sent
            .map(|alert| Posted {
                labels: &alert.labels,
                annotations: &alert.annotations,
                starts_at: milliseconds(alert.starts_at),
                ends_at: milliseconds(alert.ends_at.unwrap_or(ends_at)),
                generator_url: alert.url.as_deref(),
            })
            .collect();
        let body = serde_json::to_vec(&posted).expect("alerts have string keys only");
        Next::Post(body.into())
    }

    fn ended(&mut self, once_more: bool, now: Moment) {
        let under_way = std::mem::take(&mut self.under_way);
        if once_more {
            return;
        }
        for number in under_way {
            // An alert that has changed meanwhile has another number and is due.
            if let Some(mut alert) = self.remove(number) {
                alert.is_news = false;
                alert.due = now.instant + self.template.resend;
                self.insert(number, alert);
            }
        }
    }

    fn len(&self) -> usize {
        self.news
    }
}

impl Alert {
    fn end(&mut self, now: Moment) {
        // Alertmanager rejects an alert that ends before it starts.
        self.ends_at = Some(now.time.max(self.starts_at));
        self.due = now.instant;
        self.is_news = true;
    }

    /// Returns whether its resolution was sent for long enough.
    fn is_over(&self, now: Moment) -> bool {
        let since = self.ends_at.map(|ended| now.time.duration_since(ended));
        !self.is_news && since.is_some_and(|since| since.unsigned_abs() >= TOLD_AFTER_END)
    }
}

fn annotations(found: &LastResult, told: ActiveAlert) -> BTreeMap<&'static str, String> {
    let (check, status) = (&found.check, told.status);
    let code = found.code.map_or("", |code| code.as_str());
    let all = [
        ("summary", format!("Check {check} is {status}")),
        ("description", found.message.clone()),
        ("code", code.to_owned()),
    ];
    all.into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// How many resend intervals an alert lasts that is no longer sent.
const ROUNDS_TO_LAST: u32 = 4;
/// How long a resolved alert is sent, once it was delivered.
const TOLD_AFTER_END: Duration = Duration::from_mins(15);
const MOST_AT_ONCE: usize = 64;

#[cfg(test)]
mod tests;
