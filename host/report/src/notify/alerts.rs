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

use super::alert_state::{ActiveAlert, LastResult};
use super::instance::InstanceInfo;
use super::payload::milliseconds;
use crate::delivery::{Next, Outbox, TimePoint};
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
    by_check: BTreeMap<CheckName, Vec<Number>>,
    /// The due time of each alert.
    due: BTreeSet<(Instant, Number)>,
    /// The number of states that were not delivered yet.
    undelivered: usize,
    in_flight: Vec<Number>,
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
    is_undelivered: bool,
    /// Whether it was sent, so that the Alertmanager may know it.
    was_sent: bool,
}

/// An alert in the format of the API.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireAlert<'a> {
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
            by_check: BTreeMap::new(),
            due: BTreeSet::new(),
            undelivered: 0,
            in_flight: Vec::new(),
            numbers: 0,
        }
    }

    /// Sets the alert of one check, or resolves it.
    pub(super) fn set(
        &mut self,
        check: &CheckName,
        alert: Option<(&Arc<LastResult>, ActiveAlert)>,
        now: TimePoint,
    ) {
        let mut next = alert.map(|(last_result, alert)| self.alert(last_result, alert, now));
        for number in self.by_check.get(check).cloned().unwrap_or_default() {
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
    pub(super) fn replace_all<'f>(
        &mut self,
        template: AlertTemplate,
        firing: impl Iterator<Item = (&'f Arc<LastResult>, ActiveAlert)>,
        now: TimePoint,
    ) {
        self.template = template;
        let mut inactive: BTreeSet<_> = self.by_check.keys().cloned().collect();
        for (last_result, alert) in firing {
            inactive.remove(&last_result.check);
            self.set(&last_result.check, Some((last_result, alert)), now);
        }
        for check in inactive {
            self.set(&check, None, now);
        }
    }

    /// Resolves all alerts of this receiver.
    pub(super) fn end_all(&mut self, now: TimePoint) {
        self.replace_all(self.template.clone(), std::iter::empty(), now);
    }

    /// Returns when the first alert is due. Removes resolved alerts that were sent for long enough.
    fn first_due(&mut self, now: TimePoint) -> Option<Instant> {
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
        let numbers_of_check = self.by_check.entry(alert.check.clone()).or_default();
        numbers_of_check.push(number);
        self.due.insert((alert.due, number));
        self.undelivered += usize::from(alert.is_undelivered);
        self.all.insert(number, alert);
    }

    fn remove(&mut self, number: Number) -> Option<Alert> {
        let alert = self.all.remove(&number)?;
        self.undelivered -= usize::from(alert.is_undelivered);
        self.due.remove(&(alert.due, number));
        if let Some(numbers_of_check) = self.by_check.get_mut(&alert.check) {
            numbers_of_check.retain(|other| *other != number);
            if numbers_of_check.is_empty() {
                self.by_check.remove(&alert.check);
            }
        }
        Some(alert)
    }

    /// Creates a new alert.
    fn alert(&self, last_result: &LastResult, alert: ActiveAlert, now: TimePoint) -> Alert {
        Alert {
            check: last_result.check.clone(),
            labels: self.labels(last_result, alert),
            annotations: annotations(last_result, alert),
            url: self.template.instance.page_of(&last_result.check),
            starts_at: alert.status_since,
            ends_at: None,
            due: now.instant,
            is_undelivered: true,
            was_sent: false,
        }
    }

    /// Returns the labels, which identify an alert and stay the same while it lasts.
    fn labels(&self, last_result: &LastResult, alert: ActiveAlert) -> BTreeMap<String, String> {
        let name = match alert.status {
            Status::Unhealthy => "VitalsCheckUnhealthy",
            Status::Unknown => "VitalsCheckUnknown",
            Status::Degraded | Status::Healthy => "VitalsCheckDegraded",
        };
        let own = [
            ("alertname", name),
            ("check", last_result.check.as_str()),
            ("plugin", last_result.plugin.as_deref().unwrap_or_default()),
            ("severity", alert.severity(last_result.critical)),
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
    fn next(&mut self, now: TimePoint) -> Next {
        self.in_flight.clear();
        let Some(first) = self.first_due(now) else {
            return Next::Wait(None);
        };
        if first > now.instant {
            return Next::Wait(Some(first));
        }
        let ends_at = (now.time)
            .checked_add(self.template.resend.saturating_mul(LIFETIME_IN_RESENDS))
            .unwrap_or(Timestamp::MAX);
        // Alerts that are due soon are sent in the same request.
        let horizon = now.instant + self.template.resend / 4;
        let due = self.due.range(..=(horizon, Number::MAX));
        (self.in_flight).extend(due.take(MAX_PER_REQUEST).map(|&(_, number)| number));
        for number in &self.in_flight {
            if let Some(alert) = self.all.get_mut(number) {
                alert.was_sent = true;
            }
        }
        let sent = self.in_flight.iter();
        let sent = sent.filter_map(|number| self.all.get(number));
        let wire_alerts: Vec<_> = sent
            .map(|alert| WireAlert {
                labels: &alert.labels,
                annotations: &alert.annotations,
                starts_at: milliseconds(alert.starts_at),
                ends_at: milliseconds(alert.ends_at.unwrap_or(ends_at)),
                generator_url: alert.url.as_deref(),
            })
            .collect();
        let body = serde_json::to_vec(&wire_alerts).expect("alerts have string keys only");
        Next::Post(body.into())
    }

    fn completed(&mut self, retry: bool, now: TimePoint) {
        let in_flight = std::mem::take(&mut self.in_flight);
        if retry {
            return;
        }
        for number in in_flight {
            // An alert that has changed meanwhile has another number and is due.
            if let Some(mut alert) = self.remove(number) {
                alert.is_undelivered = false;
                alert.due = now.instant + self.template.resend;
                self.insert(number, alert);
            }
        }
    }

    fn len(&self) -> usize {
        self.undelivered
    }
}

impl Alert {
    fn end(&mut self, now: TimePoint) {
        // Alertmanager rejects an alert that ends before it starts.
        self.ends_at = Some(now.time.max(self.starts_at));
        self.due = now.instant;
        self.is_undelivered = true;
    }

    /// Returns whether its resolution was sent for long enough.
    fn is_over(&self, now: TimePoint) -> bool {
        let since = self.ends_at.map(|ended| now.time.duration_since(ended));
        !self.is_undelivered && since.is_some_and(|since| since.unsigned_abs() >= RESEND_AFTER_END)
    }
}

fn annotations(last_result: &LastResult, alert: ActiveAlert) -> BTreeMap<&'static str, String> {
    let (check, status) = (&last_result.check, alert.status);
    let code = last_result.code.map_or("", |code| code.as_str());
    let all = [
        ("summary", format!("Check {check} is {status}")),
        ("description", last_result.message.clone()),
        ("code", code.to_owned()),
    ];
    all.into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// How many resend intervals an alert lasts that is no longer sent.
const LIFETIME_IN_RESENDS: u32 = 4;
/// How long a resolved alert is sent, once it was delivered.
const RESEND_AFTER_END: Duration = Duration::from_mins(15);
const MAX_PER_REQUEST: usize = 64;

#[cfg(test)]
mod tests;
