//! One receiver: what waits for it, and the task that brings it there, one request after the other.
//! However slow it is, it holds up nobody else.

use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_lite::FutureExt as _;
use tokio::sync::{Notify as Bell, watch};
use tokio_util::sync::CancellationToken;

use super::alerts::{Alerts, Moment, Next};
use super::backoff::{Backoff, random};
use super::queue::Queue;
use super::trouble::Trouble;
use super::way::{Destination, Failure, Way};
use crate::metrics::Metrics;
use crate::outgoing::OutgoingThread;

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Address {
    /// The Alertmanager at a URL.
    Alertmanager(String),
    /// The webhook of a name.
    Webhook(String),
}

/// A receiver and the task that delivers to it.
pub(super) struct Receiver {
    shared: Arc<Shared>,
    way: watch::Sender<Arc<Way>>,
    /// From here on what waits is tried once more, and that is all.
    closing: CancellationToken,
    thread: OutgoingThread,
}

struct Shared {
    address: Address,
    mail: Mutex<Mail>,
    bell: Bell,
    trouble: Mutex<Trouble>,
    metrics: Metrics,
}

/// What waits.
pub(super) enum Mail {
    Queue(Queue),
    Alerts(Alerts),
}

/// The task.
struct Postman {
    shared: Arc<Shared>,
    way: watch::Receiver<Arc<Way>>,
    closing: CancellationToken,
    backoff: Backoff,
}

impl Receiver {
    /// Begins to deliver, on a thread of its own.
    ///
    /// # Errors
    ///
    /// The process can have no more threads or descriptors.
    pub(super) fn start(
        address: Address,
        mail: Mail,
        destination: Destination,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            address,
            mail: Mutex::new(mail),
            bell: Bell::new(),
            trouble: Mutex::default(),
            metrics,
        });
        shared.show_waiting();
        let (way, followed) = watch::channel(Way::new(destination));
        let closing = CancellationToken::new();
        let postman = Postman {
            shared: Arc::clone(&shared),
            way: followed,
            closing: closing.clone(),
            backoff: Backoff::default(),
        };
        Ok(Self {
            shared,
            way,
            closing,
            thread: OutgoingThread::start(postman.run())?,
        })
    }

    /// Changes what waits, and has it brought there.
    pub(super) fn with_mail(&self, change: impl FnOnce(&mut Mail)) {
        change(&mut self.shared.mail());
        self.shared.show_waiting();
        self.shared.bell.notify_one();
    }

    /// Adds a body; the oldest goes where there is no room.
    pub(super) fn put(&self, body: Bytes) {
        let mut was_full = false;
        self.with_mail(|mail| {
            if let Mail::Queue(queue) = mail {
                was_full = queue.put(body);
            }
        });
        if was_full {
            self.shared.dropped(1);
        }
    }

    /// Delivers to another destination from here on, if it is one; where roots have changed the
    /// connections are made anew too.
    pub(super) fn redirect(&self, destination: Destination, roots_changed: bool) {
        self.way.send_if_modified(|way| {
            let is_other = *way.destination() != destination;
            let is_to_change = is_other || (roots_changed && destination.is_over_tls());
            if is_to_change {
                *way = Way::new(destination);
            }
            is_to_change
        });
    }

    /// From here on what waits is tried once more, and that is all.
    pub(super) fn begin_to_close(&self) {
        self.closing.cancel();
    }

    /// Tries once more what waits, until `patience` is over.
    pub(super) async fn close(self, patience: Duration) {
        let Self {
            shared,
            closing,
            thread,
            way,
        } = self;
        closing.cancel();
        thread.join(patience).await;
        drop(way);
        let left = shared.waiting();
        if left > 0 {
            shared.dropped(left);
        }
    }

    /// Takes leave of a receiver that the configuration names no more.
    pub(super) fn leave(self) {
        tokio::spawn(async move {
            let shared = Arc::clone(&self.shared);
            self.close(FAREWELL).await;
            shared.metrics.receiver_removed(&shared.address.to_string());
        });
    }
}

impl Shared {
    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> usize {
        self.mail().len()
    }

    fn show_waiting(&self) {
        let waiting = self.waiting();
        self.metrics
            .notifications_waiting(&self.address.to_string(), waiting);
    }

    fn dropped(&self, count: usize) {
        let address = self.address.to_string();
        self.metrics.notifications_dropped(&address, count);
        self.trouble().dropped(&address, count);
    }
}

impl Mail {
    fn next(&mut self, now: Moment) -> Next {
        match self {
            Self::Queue(queue) => queue.next().map_or(Next::Wait(None), Next::Post),
            Self::Alerts(alerts) => alerts.next(now),
        }
    }

    fn ended(&mut self, once_more: bool) {
        match self {
            Self::Queue(queue) => queue.ended(once_more),
            Self::Alerts(alerts) => alerts.ended(once_more, Moment::now()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Queue(queue) => queue.len(),
            Self::Alerts(alerts) => alerts.len(),
        }
    }
}

impl Postman {
    /// Delivers to the end. A panic costs the request that was being made, which is made once more.
    async fn run(mut self) {
        while AssertUnwindSafe(self.deliver())
            .catch_unwind()
            .await
            .is_err()
        {
            let receiver = self.shared.address.to_string();
            tracing::error!(
                receiver,
                "the host panicked while it delivered notifications, they are tried again"
            );
            self.shared.metrics.host_panic();
            self.shared.metrics.notified(&receiver, "failed");
            self.shared.mail().ended(true);
            if self.closing.is_cancelled() {
                return;
            }
            let wait = self.backoff.next(random());
            self.pause(wait).await;
        }
    }

    async fn deliver(&mut self) {
        loop {
            let next = self.shared.mail().next(Moment::now());
            match next {
                Next::Post(body) => {
                    if let Some(wait) = self.post(body).await {
                        if self.closing.is_cancelled() {
                            return;
                        }
                        self.pause(wait).await;
                    }
                }
                Next::Wait(_) if self.closing.is_cancelled() => return,
                Next::Wait(until) => self.rest(until).await,
            }
        }
    }

    /// Makes one request; answers how long to wait before it is made once more, where it has to be.
    async fn post(&mut self, body: Bytes) -> Option<Duration> {
        let way = Arc::clone(&self.way.borrow_and_update());
        let posted = way.post(body).await;
        let is_to_be_tried = matches!(posted, Err(Failure::Later(..)));
        self.shared.mail().ended(is_to_be_tried);
        self.shared.show_waiting();
        let address = self.shared.address.to_string();
        let (result, wait) = match posted {
            Ok(()) => {
                self.shared.trouble().over(&address);
                ("sent", None)
            }
            Err(Failure::Refused(why)) => {
                self.shared.trouble().refused(&address, &why);
                ("refused", None)
            }
            Err(Failure::Later(why, pause)) => {
                self.shared.trouble().failed(&address, &why);
                let wait = self.backoff.next(random());
                ("failed", Some(pause.map_or(wait, |pause| pause.max(wait))))
            }
        };
        if wait.is_none() {
            self.backoff.reset();
        }
        self.shared.metrics.notified(&address, result);
        wait
    }

    /// Waits before a request is made once more. Another way is tried at once.
    async fn pause(&mut self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            Ok(()) = self.way.changed() => self.backoff.reset(),
            () = self.closing.cancelled() => {}
        }
    }

    /// Waits until there may be something to do.
    async fn rest(&self, until: Option<tokio::time::Instant>) {
        let due = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = self.shared.bell.notified() => {}
            () = self.closing.cancelled() => {}
        }
    }
}

/// As metrics and the log name it. The URL of a webhook may be a secret, that of an Alertmanager has
/// no secret in it.
impl fmt::Display for Address {
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

/// How long one that the configuration names no more has to hear the last.
const FAREWELL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::metrics;
    use crate::outgoing::testing::{PanicsFirst, takes_everything};

    #[tokio::test]
    async fn a_panic_is_counted_and_costs_no_notification() {
        let port = takes_everything().await;
        let config = format!("[notify.webhooks.ops]\nurl = 'http://receiver.test:{port}/'");
        let config: Config = config.parse().unwrap();
        let webhook = &config.notify.webhooks["ops"];
        let destination = Destination::webhook(webhook, &config.notify, &[]);
        let metrics = Metrics::enabled("1", "2");
        let receiver = Receiver::start(
            Address::Webhook("ops".to_owned()),
            Mail::Queue(Queue::default()),
            destination.clone(),
            metrics.clone(),
        );
        let receiver = receiver.unwrap();
        let way = Way::over(destination, PanicsFirst::client());
        receiver.way.send_replace(way);
        receiver.put(Bytes::from_static(b"{}"));
        let shared = Arc::clone(&receiver.shared);
        let delivered = async {
            while shared.waiting() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, delivered).await.unwrap();
        receiver.close(patience).await;
        let text = metrics.encode(&metrics::Moment::default());
        for line in [
            "vitals_host_panics_total 1",
            r#"vitals_notifications_total{receiver="webhook/ops",result="failed"} 1"#,
            r#"vitals_notifications_total{receiver="webhook/ops",result="sent"} 1"#,
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
