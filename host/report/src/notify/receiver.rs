//! One receiver of notifications: where they go, what waits for it, and what is counted and logged of it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::alerts::Alerts;
use crate::delivery::{
    Delivery, DropCounter, Endpoint, FailureLog, HttpSender, Moment, Next, Outbox, Queue, SignIn,
    Target, roots_for,
};
use crate::delivery_metrics::{DeliveryMetrics, ReceiverMetrics, Requested};
use crate::outgoing::Patience;
use vitals_config::{Alertmanager, Notify, Root, Webhook};

/// The receiver of a configuration that is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReceiverId {
    /// The Alertmanager at a URL.
    Alertmanager(String),
    /// The webhook of a name.
    Webhook(String),
}

/// A receiver and the delivery to it.
pub(super) struct Receiver {
    delivery: Delivery<Notifications, Reporter>,
    /// Set while the configuration does not name it: when it ends at the latest.
    retires_at: Option<Instant>,
}

/// What waits for a receiver.
pub(super) enum Notifications {
    Webhook(Queue),
    Alertmanager(Alerts),
}

/// Counts and logs what becomes of the notifications.
struct Reporter {
    receiver: String,
    metrics: Option<Arc<dyn ReceiverMetrics>>,
    failures: FailureLog,
    dropped: DropCounter,
}

impl Receiver {
    /// Starts to deliver, on a thread of its own.
    ///
    /// # Errors
    ///
    /// The process can have no more threads or descriptors.
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

    /// Whether the configuration names it.
    pub(super) fn is_active(&self) -> bool {
        self.retires_at.is_none()
    }

    /// Drains until `at`, unless it is revived before. The future ends when it is drained or revived.
    pub(super) fn retire(&mut self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        self.retires_at = Some(at);
        self.delivery.drain()
    }

    /// Delivers to this target from here on, also where it had to retire.
    pub(super) fn activate(&mut self, target: Target, roots_changed: bool) {
        self.delivery.redirect(target, roots_changed);
        if self.retires_at.take().is_some() {
            self.delivery.reopen();
        }
    }

    /// Whether it had to retire, and is drained or has had its time.
    pub(super) fn is_retired(&self) -> bool {
        let at = self.retires_at;
        at.is_some_and(|at| self.delivery.is_drained() || at <= Instant::now())
    }

    /// From here on each message that waits is sent once more, up to the first that does not arrive. The
    /// future ends when that is done.
    pub(super) fn drain(&self) -> impl Future<Output = ()> + Send + 'static {
        self.delivery.drain()
    }

    /// Ends it; what waits is lost.
    pub(super) fn end(self) {
        self.delivery.end();
    }
}

impl Outbox for Notifications {
    fn next(&mut self, now: Moment) -> Next {
        match self {
            Self::Webhook(queue) => queue.next(now),
            Self::Alertmanager(alerts) => alerts.next(now),
        }
    }

    fn ended(&mut self, once_more: bool, now: Moment) {
        match self {
            Self::Webhook(queue) => queue.ended(once_more, now),
            Self::Alertmanager(alerts) => alerts.ended(once_more, now),
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
    fn requested(&self, result: Requested) {
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
        self.requested(Requested::Sent);
        if self.failures.is_over() {
            tracing::info!(
                receiver = self.receiver,
                "notifications are delivered again"
            );
        }
    }

    fn retried(&self, why: &str) {
        self.requested(Requested::Failed);
        if self.failures.is_news(why) {
            tracing::warn!(
                receiver = self.receiver,
                error = why,
                "notifications cannot be delivered, they are tried again"
            );
        }
    }

    fn refused(&self, why: &str) {
        self.requested(Requested::Refused);
        if self.failures.is_news(why) {
            tracing::error!(
                receiver = self.receiver,
                error = why,
                "notification refused by its receiver"
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
                "notifications are dropped, their receiver does not take them in time"
            );
        }
    }

    fn panicked(&self) {
        self.requested(Requested::Failed);
        tracing::error!(
            receiver = self.receiver,
            "the host panicked while it delivered notifications, they are tried again"
        );
    }
}

/// The API of the Alertmanager at a URL.
pub(super) fn alertmanager(url: &str, notify: &Notify, roots: &[Root]) -> Target {
    let Alertmanager {
        bearer_token,
        username,
        password,
        ..
    } = &notify.alertmanager;
    let text = |secret: &SecretString| secret.expose_secret().to_owned();
    let sign_in = match (bearer_token, username, password) {
        (Some(token), _, _) => SignIn::Bearer(text(token)),
        (None, Some(user), Some(password)) => SignIn::Basic(user.clone(), text(password)),
        _ => SignIn::None,
    };
    let url = format!("{url}/api/v2/alerts");
    target(url, sign_in, HeaderMap::new(), notify, roots)
}

/// The server of a webhook.
pub(super) fn webhook(webhook: &Webhook, notify: &Notify, roots: &[Root]) -> Target {
    let url = webhook.url.as_ref().map(ExposeSecret::expose_secret);
    let url = url.unwrap_or_default().to_owned();
    // What can't be a header was refused with the configuration.
    let headers = webhook.headers.iter().filter_map(|(name, value)| {
        let mut value = HeaderValue::from_str(value.expose_secret()).ok()?;
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
        patience: Patience {
            connecting: notify.timeout.min(CONNECTING),
            whole: notify.timeout,
        },
    }
}

/// As metrics and the log name it. The URL of a webhook may be a secret, that of an Alertmanager has
/// no secret in it.
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

const CONNECTING: Duration = Duration::from_secs(5);
