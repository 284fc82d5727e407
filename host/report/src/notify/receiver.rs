//! One receiver of notifications: its target, its outbox, and its metrics and log lines.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{HeaderName, HeaderValue};
use tokio::time::Instant;

use super::alerts::Alerts;
use crate::delivery::{
    Delivery, DropCounter, Endpoint, FailureLog, HttpSender, Next, Outbox, Queue, SignIn, Target,
    TimePoint, roots_for,
};
use crate::delivery_metrics::{DeliveryMetrics, ReceiverMetrics, RequestResult};
use crate::outgoing::Timeouts;
use vitals_config::{Alertmanager, Notify, Root, Secret, Webhook};

/// The identity of a receiver in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReceiverId {
    /// The Alertmanager at a URL.
    Alertmanager(String),
    /// The webhook of this name.
    Webhook(String),
}

/// A receiver and the delivery to it.
pub(super) struct Receiver {
    pub(super) delivery: Delivery<Notifications, Reporter>,
    /// The latest end of the receiver, set while the configuration does not name it.
    retires_at: Option<Instant>,
}

/// The notifications that wait for a receiver.
pub(super) enum Notifications {
    Webhook(Queue),
    Alertmanager(Alerts),
}

/// Counts and logs the outcome of notifications.
pub(super) struct Reporter {
    receiver: String,
    metrics: Option<Arc<dyn ReceiverMetrics>>,
    failures: FailureLog,
    dropped: DropCounter,
}

impl Receiver {
    /// Starts the delivery on a thread of its own.
    ///
    /// # Errors
    ///
    /// The process has reached its limit on threads or descriptors.
    pub(super) fn start(
        id: &ReceiverId,
        notifications: Notifications,
        target: Target,
        metrics: Option<Arc<dyn DeliveryMetrics>>,
    ) -> io::Result<Self> {
        let receiver = id.to_string();
        let reporter = Reporter {
            metrics: metrics.as_ref().map(|metrics| metrics.receiver(&receiver)),
            receiver,
            failures: FailureLog::default(),
            dropped: DropCounter::default(),
        };
        let sender = HttpSender::new(target);
        Ok(Self {
            delivery: Delivery::start(reporter, notifications, sender, metrics)?,
            retires_at: None,
        })
    }

    /// Adds a message for a webhook.
    pub(super) fn push(&self, body: Bytes) {
        self.delivery.with_outbox(|outbox| match outbox {
            Notifications::Webhook(queue) => queue.push(body),
            Notifications::Alertmanager(_) => 0,
        });
    }

    /// Changes the alerts of an Alertmanager.
    pub(super) fn with_alerts(&self, change: impl FnOnce(&mut Alerts)) {
        self.delivery.with_outbox(|outbox| {
            if let Notifications::Alertmanager(alerts) = outbox {
                change(alerts);
            }
            0
        });
    }

    /// Returns whether the configuration names the receiver.
    pub(super) fn is_active(&self) -> bool {
        self.retires_at.is_none()
    }

    /// Drains the receiver until `at`, unless it is revived before. The future ends when it is
    /// drained or revived.
    pub(super) fn retire(&mut self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        self.retires_at = Some(at);
        self.delivery.drain()
    }

    /// Switches to this target, and revives the receiver if it was retired.
    pub(super) fn activate(&mut self, target: Target, roots_changed: bool) {
        self.delivery.redirect(target, roots_changed);
        if self.retires_at.take().is_some() {
            self.delivery.reopen();
        }
    }

    /// Returns whether the receiver was retired, and is drained or out of time.
    pub(super) fn is_retired(&self) -> bool {
        let at = self.retires_at;
        at.is_some_and(|at| self.delivery.is_drained() || at <= Instant::now())
    }
}

impl Outbox for Notifications {
    fn next(&mut self, now: TimePoint) -> Next {
        match self {
            Self::Webhook(queue) => queue.next(now),
            Self::Alertmanager(alerts) => alerts.next(now),
        }
    }

    fn completed(&mut self, retry: bool, now: TimePoint) {
        match self {
            Self::Webhook(queue) => queue.completed(retry, now),
            Self::Alertmanager(alerts) => alerts.completed(retry, now),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Webhook(queue) => queue.len(),
            Self::Alertmanager(alerts) => alerts.len(),
        }
    }
}

impl Reporter {
    fn requested(&self, result: RequestResult) {
        if let Some(metrics) = &self.metrics {
            metrics.requested(result);
        }
    }
}

impl Endpoint for Reporter {
    fn waiting(&self, count: usize) {
        if let Some(metrics) = &self.metrics {
            metrics.waiting(count);
        }
    }

    fn delivered(&self) {
        self.requested(RequestResult::Sent);
        if self.failures.resolve() {
            tracing::info!(
                receiver = self.receiver,
                "notifications are delivered again"
            );
        }
    }

    fn retried(&self, why: &str) {
        self.requested(RequestResult::Failed);
        if self.failures.is_new(why) {
            tracing::warn!(
                receiver = self.receiver,
                error = why,
                "notifications cannot be delivered, retrying"
            );
        }
    }

    fn rejected(&self, why: &str) {
        self.requested(RequestResult::Refused);
        if self.failures.is_new(why) {
            tracing::error!(
                receiver = self.receiver,
                error = why,
                "notification rejected by its receiver"
            );
        }
    }

    fn dropped(&self, count: usize) {
        if let Some(metrics) = &self.metrics {
            metrics.dropped(count);
        }
        if let Some(dropped) = self.dropped.count(count) {
            tracing::warn!(
                receiver = self.receiver,
                dropped,
                "notifications dropped, the receiver is too slow or unreachable"
            );
        }
    }

    fn panicked(&self) {
        self.requested(RequestResult::Failed);
        tracing::error!(
            receiver = self.receiver,
            "the host panicked while delivering notifications, retrying"
        );
    }
}

/// Returns the target of the Alertmanager API at a URL.
pub(super) fn alertmanager(url: &str, notify: &Notify, roots: &[Root]) -> Target {
    let Alertmanager {
        bearer_token,
        username,
        password,
        ..
    } = &notify.alertmanager;
    let text = |secret: &Secret| secret.expose().to_owned();
    let sign_in = match (bearer_token, username, password) {
        (Some(token), _, _) => SignIn::Bearer(text(token)),
        (None, Some(user), Some(password)) => SignIn::Basic(user.clone(), text(password)),
        _ => SignIn::None,
    };
    let url = format!("{url}/api/v2/alerts");
    target(url, sign_in, HeaderMap::new(), notify, roots)
}

/// Returns the target of a webhook.
pub(super) fn webhook(webhook: &Webhook, notify: &Notify, roots: &[Root]) -> Target {
    let url = webhook.url.as_ref().map(Secret::expose);
    let url = url.unwrap_or_default().to_owned();
    // Invalid headers were rejected with the configuration.
    let headers = webhook.headers.iter().filter_map(|(name, value)| {
        let mut value = HeaderValue::from_str(value.expose()).ok()?;
        value.set_sensitive(true);
        Some((name.parse::<HeaderName>().ok()?, value))
    });
    target(url, SignIn::None, headers.collect(), notify, roots)
}

fn target(
    url: String,
    sign_in: SignIn,
    mut headers: HeaderMap,
    notify: &Notify,
    roots: &[Root],
) -> Target {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Target {
        roots: roots_for(&url, roots),
        url,
        sign_in,
        headers,
        timeouts: Timeouts {
            connect: notify.timeout.min(CONNECT_TIMEOUT),
            total: notify.timeout,
        },
    }
}

/// The name in metrics and the log. The URL of a webhook may be a secret, while that of an
/// Alertmanager contains none.
impl fmt::Display for ReceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alertmanager(url) => {
                let server = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                write!(f, "alertmanager/{server}")
            }
            Self::Webhook(name) => write!(f, "webhook/{name}"),
        }
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
