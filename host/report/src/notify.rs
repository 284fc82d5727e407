//! Notifications about transitions, sent to Alertmanagers and to webhooks that take JSON.
//!
//! The notifier reads the stream of events and decides nothing about checks. Emitting an event
//! never waits for it: messages are queued, and each receiver has a delivery task of its own.
//! Without receivers nothing is sent.

mod alert_state;
mod alerts;
mod instance;
mod payload;
mod receiver;
mod sink;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

use self::alert_state::{AlertStates, Change, Event, LastResult, Rules};
use self::alerts::{AlertTemplate, Alerts};
use self::instance::InstanceInfo;
use self::payload::payload;
use self::receiver::{Notifications, Receiver, ReceiverId};
use crate::delivery::{Queue, Target, TimePoint, random};
use crate::delivery_metrics::DeliveryMetrics;
use vitals_config::Config;
use vitals_core::events::Transition;
use vitals_model::CheckName;

/// Sends notifications to all receivers. Cheap to clone.
#[derive(Clone)]
pub struct Notifier(Arc<Inner>);

struct Inner {
    metrics: Option<Arc<dyn DeliveryMetrics>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rules: Rules,
    instance: InstanceInfo,
    alert_states: AlertStates,
    receivers: BTreeMap<ReceiverId, Receiver>,
    /// A random prefix for the ids of this host's notifications.
    origin: u64,
    numbers: u64,
}

impl Notifier {
    /// Creates a notifier for the receivers of a configuration.
    pub fn new(config: &Config, metrics: Option<Arc<dyn DeliveryMetrics>>) -> Self {
        let state = State {
            origin: random(),
            ..State::default()
        };
        let notifier = Self(Arc::new(Inner {
            metrics,
            state: Mutex::new(state),
        }));
        notifier.apply_config(config, false);
        notifier
    }

    /// Applies a new configuration, on the current tokio runtime. Messages that wait for a receiver
    /// are kept if it stays. A receiver that the configuration no longer names is drained, and
    /// continues if it is named again meanwhile.
    fn apply_config(&self, config: &Config, roots_changed: bool) {
        let now = TimePoint::now();
        let mut state = self.0.state.lock();
        let state = &mut *state;
        state.rules = Rules::new(config);
        state.instance = InstanceInfo::new(&config.notify);
        for change in state.alert_states.apply_rules(&state.rules, now.time) {
            state.notify_webhooks(&change);
        }
        let mut targets = targets(config);
        for (id, receiver) in &mut state.receivers {
            if receiver.is_active() && !targets.contains_key(id) {
                // The host no longer sends alerts there.
                receiver.with_alerts(|alerts| alerts.end_all(now));
                self.retire(id.clone(), receiver);
            }
        }
        let template = AlertTemplate {
            labels: config.notify.alertmanager.labels.clone(),
            resend: config.notify.alertmanager.resend,
            instance: state.instance.clone(),
        };
        for (id, receiver) in &mut state.receivers {
            let Some(target) = targets.remove(id) else {
                continue;
            };
            receiver.activate(target, roots_changed);
            receiver.with_alerts(|alerts| {
                alerts.replace_all(template.clone(), state.alert_states.firing(), now);
            });
        }
        for (id, target) in targets {
            let notifications = match id {
                ReceiverId::Webhook(_) => Notifications::Webhook(Queue::new(MAX_WAITING)),
                ReceiverId::Alertmanager(_) => {
                    let mut alerts = Alerts::new(template.clone());
                    alerts.replace_all(template.clone(), state.alert_states.firing(), now);
                    Notifications::Alertmanager(alerts)
                }
            };
            let metrics = self.0.metrics.clone();
            match Receiver::start(&id, notifications, target, metrics) {
                Ok(receiver) => {
                    state.receivers.insert(id, receiver);
                }
                Err(error) => tracing::error!(
                    receiver = id.to_string(),
                    error = error.to_string(),
                    "receiver is not notified, cannot start its thread"
                ),
            }
        }
    }

    /// Handles a transition of a check.
    fn record_transition(&self, transition: &Transition<'_>) {
        let mut state = self.0.state.lock();
        let State {
            alert_states,
            rules,
            ..
        } = &mut *state;
        if let Some(change) = alert_states.record(last_result(transition), transition.before, rules)
        {
            state.notify(&change);
        }
    }

    /// Handles the removal of a check.
    fn check_removed(&self, check: &CheckName) {
        let mut state = self.0.state.lock();
        if let Some(change) = state.alert_states.remove(check, Timestamp::now()) {
            state.notify(&change);
        }
    }

    /// Drains a receiver that the configuration no longer names, then removes it.
    fn retire(&self, id: ReceiverId, receiver: &mut Receiver) {
        let at = Instant::now() + RETIRE_TIMEOUT;
        let drained = receiver.retire(at);
        let inner = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let _ = tokio::time::timeout_at(at, drained).await;
            if let Some(inner) = inner.upgrade() {
                Self(inner).remove_retired(&id);
            }
        });
    }

    /// Removes a receiver, unless it was revived.
    fn remove_retired(&self, id: &ReceiverId) {
        let mut state = self.0.state.lock();
        let retired = state.receivers.get(id);
        if retired.is_some_and(Receiver::is_retired)
            && let Some(receiver) = state.receivers.remove(id)
        {
            receiver.delivery.end();
            // Still under the lock, because a new receiver of this name has series of its own.
            if let Some(metrics) = &self.0.metrics {
                metrics.receiver_removed(&id.to_string());
            }
        }
    }

    /// Drains all receivers for at most `timeout`, and ends them. Active alerts are not resolved: a
    /// restarted host continues them, and otherwise they end by their `endsAt`.
    async fn shut_down(&self, timeout: Duration) {
        let receivers = std::mem::take(&mut self.0.state.lock().receivers);
        let until = Instant::now() + timeout;
        let drained: Vec<_> = receivers.values().map(|it| it.delivery.drain()).collect();
        for drained in drained {
            let _ = tokio::time::timeout_at(until, drained).await;
        }
        for receiver in receivers.into_values() {
            receiver.delivery.end();
        }
    }
}

impl State {
    fn notify(&mut self, change: &Change) {
        self.notify_webhooks(change);
        let now = TimePoint::now();
        let alert =
            (change.event != Event::Resolved).then_some((&change.last_result, change.alert));
        let active = self.receivers.values();
        for receiver in active.filter(|receiver| receiver.is_active()) {
            receiver.with_alerts(|alerts| alerts.set(&change.last_result.check, alert, now));
        }
    }

    fn notify_webhooks(&mut self, change: &Change) {
        if change.event == Event::Restated {
            return;
        }
        let mut body: Option<Bytes> = None;
        for (id, receiver) in &self.receivers {
            if matches!(id, ReceiverId::Webhook(_)) && receiver.is_active() {
                let body = body.get_or_insert_with(|| {
                    self.numbers += 1;
                    let id = format!("{:016x}-{}", self.origin, self.numbers);
                    payload(change, &id, &self.instance)
                });
                receiver.push(body.clone());
            }
        }
    }
}

/// Returns each receiver that a configuration names.
fn targets(config: &Config) -> BTreeMap<ReceiverId, Target> {
    let (notify, roots) = (&config.notify, &config.tls.roots);
    let alertmanagers = notify.alertmanager.urls.iter().map(|url| {
        let target = receiver::alertmanager(url, notify, roots);
        (ReceiverId::Alertmanager(url.clone()), target)
    });
    let webhooks = notify.webhooks.iter().map(|(name, webhook)| {
        let target = receiver::webhook(webhook, notify, roots);
        (ReceiverId::Webhook(name.clone()), target)
    });
    alertmanagers.chain(webhooks).collect()
}

fn last_result(transition: &Transition<'_>) -> LastResult {
    let report = transition.report;
    let plugin = transition.facts.and_then(|facts| facts.plugin.as_ref());
    LastResult {
        check: transition.check.clone(),
        plugin: plugin.map(|plugin| plugin.name.clone()),
        version: plugin.and_then(|plugin| plugin.version.clone()),
        critical: transition.facts.is_none_or(|facts| facts.critical),
        status: transition.status,
        code: report.error.as_ref().map(|error| error.code),
        message: report.outcome.message().as_str().to_owned(),
        details: report.outcome.details().clone(),
        at: Timestamp::now(),
    }
}

/// The limit on messages that wait for one webhook.
const MAX_WAITING: usize = 1024;
/// How long a receiver that the configuration no longer names may drain.
const RETIRE_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
