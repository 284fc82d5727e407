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
use tokio::time::Instant;

use super::alerts::{Alerts, Moment, Next};
use super::backoff::{Backoff, random};
use super::queue::Queue;
use super::trouble::Trouble;
use super::way::{Destination, Failure, Way};
use crate::metrics::{Metrics, ReceiverMetrics, Requested};
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
    /// Set while the configuration does not name it: when it ends at the latest.
    retires_at: Option<Instant>,
    thread: OutgoingThread,
}

struct Shared {
    address: Address,
    mail: Mutex<Mail>,
    bell: Bell,
    trouble: Mutex<Trouble>,
    metrics: ReceiverMetrics,
    of_host: Metrics,
    phase: watch::Sender<Phase>,
}

/// What the task does with what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Delivers it, for as long as it takes.
    Open,
    /// Tries each request once more, up to the first that fails.
    Draining,
    /// Nothing, until the phase is another one.
    Drained,
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
    phase: watch::Receiver<Phase>,
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
            metrics: metrics.receiver(&address.to_string()),
            of_host: metrics,
            address,
            mail: Mutex::new(mail),
            bell: Bell::new(),
            trouble: Mutex::default(),
            phase: watch::Sender::new(Phase::Open),
        });
        shared.metrics.waiting(shared.waiting());
        let (way, followed) = watch::channel(Way::new(destination));
        let postman = Postman {
            way: followed,
            phase: shared.phase.subscribe(),
            shared: Arc::clone(&shared),
            backoff: Backoff::default(),
        };
        Ok(Self {
            shared,
            way,
            retires_at: None,
            thread: OutgoingThread::start(postman.run())?,
        })
    }

    /// Changes what waits, and has it brought there.
    pub(super) fn with_mail(&self, change: impl FnOnce(&mut Mail)) {
        let mut mail = self.shared.mail();
        change(&mut mail);
        self.shared.metrics.waiting(mail.len());
        drop(mail);
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

    /// Whether the configuration names it.
    pub(super) fn is_active(&self) -> bool {
        self.retires_at.is_none()
    }

    /// Drains until `at`, unless it is revived before; the future ends when it is drained or revived.
    pub(super) fn retire(&mut self, at: Instant) -> impl Future<Output = ()> + Send + 'static {
        self.retires_at = Some(at);
        self.drain();
        self.shared.drained()
    }

    /// Delivers again, where it had to retire.
    pub(super) fn revive(&mut self) {
        if self.retires_at.take().is_some() {
            self.shared.phase.send_replace(Phase::Open);
        }
    }

    /// Whether it had to retire, and is drained or has had its time.
    pub(super) fn is_retired(&self) -> bool {
        let is_drained = *self.shared.phase.borrow() == Phase::Drained;
        self.retires_at
            .is_some_and(|at| is_drained || at <= Instant::now())
    }

    /// From here on each request that waits is tried once more, up to the first that fails.
    pub(super) fn drain(&self) {
        self.shared.phase.send_if_modified(|phase| {
            let is_open = *phase == Phase::Open;
            if is_open {
                *phase = Phase::Draining;
            }
            is_open
        });
    }

    /// Waits until it is drained, or until `patience` is over, and ends it.
    pub(super) async fn close(self, patience: Duration) {
        self.drain();
        let _ = tokio::time::timeout(patience, self.shared.drained()).await;
        self.end();
    }

    /// Ends it; what waits is lost.
    pub(super) fn end(self) {
        let Self { shared, thread, .. } = self;
        drop(thread);
        let left = shared.waiting();
        if left > 0 {
            shared.dropped(left);
        }
    }
}

impl Shared {
    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when nothing is to be drained any more.
    fn drained(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut phase = self.phase.subscribe();
        async move {
            // It can't change any more where the receiver is gone.
            let _ = phase.wait_for(|phase| *phase != Phase::Draining).await;
        }
    }

    fn waiting(&self) -> usize {
        self.mail().len()
    }

    /// The request under way has come to its end, or is to be made once more.
    fn ended(&self, once_more: bool) {
        let mut mail = self.mail();
        mail.ended(once_more);
        self.metrics.waiting(mail.len());
    }

    fn dropped(&self, count: usize) {
        self.metrics.dropped(count);
        self.trouble().dropped(&self.address.to_string(), count);
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
            self.shared.of_host.host_panic();
            self.shared.metrics.requested(Requested::Failed);
            self.shared.ended(true);
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
                        self.pause(wait).await;
                    }
                }
                Next::Wait(_) if self.is_draining() => self.stay_drained().await,
                Next::Wait(until) => self.rest(until).await,
            }
        }
    }

    fn is_draining(&self) -> bool {
        *self.phase.borrow() != Phase::Open
    }

    /// Says that it is drained, and waits until it is revived.
    async fn stay_drained(&mut self) {
        self.shared.phase.send_if_modified(|phase| {
            let is_draining = *phase == Phase::Draining;
            if is_draining {
                *phase = Phase::Drained;
            }
            is_draining
        });
        let _ = self.phase.wait_for(|phase| *phase != Phase::Drained).await;
    }

    /// Makes one request; answers how long to wait before it is made once more, where it has to be.
    async fn post(&mut self, body: Bytes) -> Option<Duration> {
        let way = Arc::clone(&self.way.borrow_and_update());
        let posted = way.post(body).await;
        let is_to_be_tried = matches!(posted, Err(Failure::Later(..)));
        self.shared.ended(is_to_be_tried);
        let address = self.shared.address.to_string();
        let (result, wait) = match posted {
            Ok(()) => {
                self.shared.trouble().over(&address);
                (Requested::Sent, None)
            }
            Err(Failure::Refused(why)) => {
                self.shared.trouble().refused(&address, &why);
                (Requested::Refused, None)
            }
            Err(Failure::Later(why, pause)) => {
                self.shared.trouble().failed(&address, &why);
                let wait = self.backoff.next(random());
                (
                    Requested::Failed,
                    Some(pause.map_or(wait, |pause| pause.max(wait))),
                )
            }
        };
        if wait.is_none() {
            self.backoff.reset();
        }
        self.shared.metrics.requested(result);
        wait
    }

    /// Waits before a request is made once more. Another way is tried at once.
    async fn pause(&mut self, wait: Duration) {
        if self.is_draining() {
            return self.stay_drained().await;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            Ok(()) = self.way.changed() => self.backoff.reset(),
            _ = self.phase.changed() => {}
        }
    }

    /// Waits until there may be something to do.
    async fn rest(&mut self, until: Option<Instant>) {
        let due = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = self.shared.bell.notified() => {}
            _ = self.phase.changed() => {}
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
