//! What one Alertmanager is told: not what has happened but what is so, again and again.
//!
//! An alert lasts as long as its `endsAt` says, so one that lasts on is sent every `resend` with a
//! new one, four times that away: one that is lost changes nothing, and what a host that is gone had
//! said ends by itself. One that has ended is sent for a while too, for an Alertmanager that was down.
//! Prometheus does the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::payload::milliseconds;
use super::site::Site;
use super::standing::{Found, Told};
use crate::check::{CheckName, Status};

/// What alerts have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) resend: Duration,
    pub(super) site: Site,
}

/// The alerts of one Alertmanager.
#[derive(Debug)]
pub(super) struct Alerts {
    manner: Manner,
    of_checks: BTreeMap<CheckName, Vec<Alert>>,
    /// The numbers of those under way.
    under_way: Vec<u64>,
    numbers: u64,
}

#[derive(Debug)]
struct Alert {
    /// Of this and no other state of it.
    number: u64,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<&'static str, String>,
    url: Option<String>,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    /// When it is to be sent.
    due: Instant,
    /// Whether this state of it has not arrived yet.
    is_news: bool,
    /// Whether somebody may know of it.
    was_sent: bool,
}

/// One and the same moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) time: Timestamp,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Post(Bytes),
    /// Nothing before this moment.
    Wait(Option<Instant>),
}

/// An alert as the API takes it.
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

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            instant: Instant::now(),
            time: Timestamp::now(),
        }
    }
}

impl Alerts {
    pub(super) fn new(manner: Manner) -> Self {
        Self {
            manner,
            of_checks: BTreeMap::new(),
            under_way: Vec::new(),
            numbers: 0,
        }
    }

    /// Takes in what is so of one check: what is told of it, or that nothing is.
    pub(super) fn set(
        &mut self,
        check: &CheckName,
        told: Option<(&Arc<Found>, Told)>,
        now: Moment,
    ) {
        let labels = told.map(|(found, told)| self.labels(found, told));
        let mut numbers = self.numbers;
        let alerts = self.of_checks.entry(check.clone()).or_default();
        for alert in &mut *alerts {
            let is_other = labels.as_ref() != Some(&alert.labels);
            if is_other && alert.ends_at.is_none() {
                numbers += 1;
                alert.end(now, numbers);
            }
        }
        alerts.retain(|alert| alert.was_sent || alert.ends_at.is_none());
        if let (Some((found, told)), Some(labels)) = (told, labels) {
            let annotations = annotations(found, told);
            let url = self.manner.site.page_of(check);
            match alerts.iter_mut().find(|alert| alert.labels == labels) {
                // It is the same one, and says so with its next round.
                Some(alert) if alert.ends_at.is_none() => {
                    (alert.annotations, alert.url) = (annotations, url);
                }
                _ => {
                    numbers += 1;
                    alerts.retain(|alert| alert.labels != labels);
                    alerts.push(Alert {
                        number: numbers,
                        labels,
                        annotations,
                        url,
                        starts_at: told.turned,
                        ends_at: None,
                        due: now.instant,
                        is_news: true,
                        was_sent: false,
                    });
                }
            }
        }
        if alerts.is_empty() {
            self.of_checks.remove(check);
        }
        self.numbers = numbers;
    }

    /// Takes in all that is so, and another manner of saying it.
    pub(super) fn adopt<'f>(
        &mut self,
        manner: Manner,
        firing: impl Iterator<Item = (&'f Arc<Found>, Told)>,
        now: Moment,
    ) {
        self.manner = manner;
        let mut quiet: Vec<_> = self.of_checks.keys().cloned().collect();
        for (found, told) in firing {
            quiet.retain(|check| *check != found.check);
            self.set(&found.check, Some((found, told)), now);
        }
        for check in quiet {
            self.set(&check, None, now);
        }
    }

    /// Takes in that none of it is said here any more.
    pub(super) fn end_all(&mut self, now: Moment) {
        self.adopt(self.manner.clone(), std::iter::empty(), now);
    }

    /// What is due; it is under way from here on.
    pub(super) fn next(&mut self, now: Moment) -> Next {
        self.forget_old(now);
        let ends_at = (now.time)
            .checked_add(self.manner.resend.saturating_mul(ROUNDS_TO_LAST))
            .unwrap_or(Timestamp::MAX);
        let mut posted = Vec::new();
        let mut next: Option<Instant> = None;
        self.under_way.clear();
        let mut alerts = self.of_checks.values().flatten();
        let is_round = alerts.any(|alert| alert.due <= now.instant);
        // Who is due soon goes along.
        let due = now.instant
            + if is_round {
                self.manner.resend / 4
            } else {
                Duration::ZERO
            };
        for alert in self.of_checks.values_mut().flatten() {
            if alert.due > due || posted.len() == MOST_AT_ONCE {
                next = Some(next.map_or(alert.due, |next| next.min(alert.due)));
                continue;
            }
            alert.was_sent = true;
            self.under_way.push(alert.number);
            posted.push(Posted {
                labels: &alert.labels,
                annotations: &alert.annotations,
                starts_at: milliseconds(alert.starts_at),
                ends_at: milliseconds(alert.ends_at.unwrap_or(ends_at)),
                generator_url: alert.url.as_deref(),
            });
        }
        if posted.is_empty() {
            return Next::Wait(next);
        }
        let body = serde_json::to_vec(&posted).expect("alerts have string keys only");
        Next::Post(body.into())
    }

    /// What was under way has come to its end, or is to be tried once more.
    pub(super) fn ended(&mut self, once_more: bool, now: Moment) {
        let under_way = std::mem::take(&mut self.under_way);
        if once_more {
            return;
        }
        for alert in self.of_checks.values_mut().flatten() {
            // One that has changed since has another number, and is due.
            if under_way.contains(&alert.number) {
                alert.is_news = false;
                alert.due = now.instant + self.manner.resend;
            }
        }
    }

    /// How many have something to say that has not arrived.
    pub(super) fn len(&self) -> usize {
        let alerts = self.of_checks.values().flatten();
        alerts.filter(|alert| alert.is_news).count()
    }

    /// Lets go of what has ended long ago.
    fn forget_old(&mut self, now: Moment) {
        self.of_checks.retain(|_, alerts| {
            alerts.retain(|alert| {
                let since = alert.ends_at.map(|ended| now.time.duration_since(ended));
                alert.is_news || since.is_none_or(|since| since.unsigned_abs() < TOLD_AFTER_END)
            });
            !alerts.is_empty()
        });
    }

    /// What an alert is known by: nothing that can change while it lasts.
    fn labels(&self, found: &Found, told: Told) -> BTreeMap<String, String> {
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
            ("instance", &self.manner.site.instance),
        ];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty());
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.manner.labels.clone().into_iter().chain(own).collect()
    }
}

impl Alert {
    fn end(&mut self, now: Moment, number: u64) {
        self.number = number;
        // One that ends before it starts is refused.
        self.ends_at = Some(now.time.max(self.starts_at));
        self.due = now.instant;
        self.is_news = true;
    }
}

fn annotations(found: &Found, told: Told) -> BTreeMap<&'static str, String> {
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

/// How many rounds an alert lasts that is sent no more.
const ROUNDS_TO_LAST: u32 = 4;
/// How long the end of an alert is sent, once it has arrived.
const TOLD_AFTER_END: Duration = Duration::from_mins(15);
const MOST_AT_ONCE: usize = 64;

#[cfg(test)]
mod tests;
