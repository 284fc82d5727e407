//! Takes events to the server, one after the other, on a thread of its own. Who hands one in never
//! waits: what finds the queue full is lost, as is what the server does not take in time.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use sentry::protocol::{Envelope, Event};
use sentry::transports::{RateLimiter, RateLimitingCategory};
use sentry::types::{Dsn, Scheme};
use tokio::sync::{mpsc, oneshot};

use super::NoReports;
use super::losses::Losses;
use crate::check::Root;
use crate::metrics::Metrics;
use crate::outgoing::{self, AGENT, NoConnections, OutgoingThread, Patience};

/// Where events are handed in.
pub(super) struct Courier {
    letters: mpsc::Sender<Letter>,
    losses: Arc<Losses>,
    _thread: OutgoingThread,
}

enum Letter {
    Report(Box<Event<'static>>),
    /// Answered when all before it is dealt with.
    Flush(oneshot::Sender<()>),
}

/// The way to the server.
struct Way {
    client: Client,
    url: String,
    auth: String,
    /// Until when the server wants no events.
    quiet_until: Option<Instant>,
    losses: Arc<Losses>,
}

impl Courier {
    /// Begins to deliver, to a server that `roots` trust. Blocks while they are read.
    pub(super) fn new(
        dsn: &Dsn,
        roots: &[Root],
        losses: Arc<Losses>,
        metrics: Metrics,
    ) -> Result<Self, NoReports> {
        let roots = (dsn.scheme() == Scheme::Https).then_some(roots);
        let client = outgoing::client(roots, PATIENCE)?;
        Self::over(client, dsn, losses, metrics)
    }

    fn over(
        client: Client,
        dsn: &Dsn,
        losses: Arc<Losses>,
        metrics: Metrics,
    ) -> Result<Self, NoReports> {
        let way = Way {
            client,
            url: dsn.envelope_api_url().to_string(),
            auth: dsn.to_auth(Some(AGENT)).to_string(),
            quiet_until: None,
            losses: Arc::clone(&losses),
        };
        let (letters, received) = mpsc::channel(WAITING);
        let thread = OutgoingThread::start(way.run(received, metrics)).map_err(|error| {
            NoReports::Connections(format!(
                "no thread can be started: {error}; raise the limits on processes and open files \
                 (ulimit -u, -n)"
            ))
        })?;
        Ok(Self {
            letters,
            losses,
            _thread: thread,
        })
    }

    /// Hands an event in; it may be lost from here on, and is counted then.
    pub(super) fn send(&self, event: Event<'static>) -> bool {
        let sent = self.letters.try_send(Letter::Report(Box::new(event)));
        if sent.is_err() {
            self.losses
                .count("the server does not take them as fast as they come");
        }
        sent.is_ok()
    }

    /// Waits until all that was handed in is dealt with, for at most `patience`.
    pub(super) async fn flush(&self, patience: Duration) -> bool {
        let (done, flushed) = oneshot::channel();
        let flush =
            async { self.letters.send(Letter::Flush(done)).await.is_ok() && flushed.await.is_ok() };
        tokio::time::timeout(patience, flush).await == Ok(true)
    }
}

impl Way {
    /// Delivers until nobody can hand anything in any more. A panic costs the event that was being
    /// sent.
    async fn run(mut self, mut letters: mpsc::Receiver<Letter>, metrics: Metrics) {
        loop {
            let deliver = AssertUnwindSafe(self.deliver_all(&mut letters));
            if deliver.catch_unwind().await.is_ok() {
                return;
            }
            metrics.host_panic();
            self.losses.count("the host panicked while it sent one");
            tokio::time::sleep(AFTER_PANIC).await;
        }
    }

    async fn deliver_all(&mut self, letters: &mut mpsc::Receiver<Letter>) {
        while let Some(letter) = letters.recv().await {
            match letter {
                Letter::Report(event) => {
                    if let Err(why) = self.deliver(*event).await {
                        self.losses.count(&why);
                    }
                }
                Letter::Flush(done) => {
                    // Who asked may have lost patience.
                    let _ = done.send(());
                }
            }
        }
    }

    async fn deliver(&mut self, event: Event<'static>) -> Result<(), String> {
        if let Some(until) = self.quiet_until {
            let time = until.saturating_duration_since(Instant::now());
            if !time.is_zero() {
                let seconds = time.as_secs();
                return Err(format!("the server wants none for {seconds} s"));
            }
        }
        let mut body = Vec::new();
        let written = Envelope::from(event).to_writer(&mut body);
        written.map_err(|error| format!("the event can't be written: {error}"))?;
        let request = self
            .client
            .post(&self.url)
            .header("X-Sentry-Auth", &self.auth)
            .header(CONTENT_TYPE, "application/x-sentry-envelope")
            .body(body);
        match request.send().await {
            Ok(response) => self.taken(&response),
            Err(error) => Err(format!(
                "the server can't be reached: {}",
                outgoing::unreached(error)
            )),
        }
    }

    fn taken(&mut self, response: &Response) -> Result<(), String> {
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let status = response.status();
        let mut limiter = RateLimiter::new();
        if let Some(limits) = header("x-sentry-rate-limits") {
            limiter.update_from_sentry_header(limits);
        } else if let Some(seconds) = header(RETRY_AFTER.as_str()) {
            limiter.update_from_retry_after(seconds);
        } else if status == StatusCode::TOO_MANY_REQUESTS {
            limiter.update_from_429();
        }
        let quiet = limiter.is_disabled(RateLimitingCategory::Error);
        self.quiet_until = quiet.map(|time| Instant::now() + time.min(LONGEST_QUIET));
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("the server answers {status}"))
        }
    }
}

impl From<NoConnections> for NoReports {
    fn from(error: NoConnections) -> Self {
        match error {
            NoConnections::Roots(error) => Self::Roots(error),
            NoConnections::Client(error) => Self::Connections(error),
        }
    }
}

/// How many events may wait to be sent.
const WAITING: usize = 64;
/// For so long the server is left alone that asks for more.
const LONGEST_QUIET: Duration = Duration::from_hours(1);
const AFTER_PANIC: Duration = Duration::from_secs(1);
/// How long the server may take with one event.
const PATIENCE: Patience = Patience {
    connecting: Duration::from_secs(3),
    whole: Duration::from_secs(5),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Moment;
    use crate::outgoing::testing::{PanicsFirst, takes_everything};

    #[tokio::test]
    async fn a_panic_is_counted_and_costs_one_event() {
        let port = takes_everything().await;
        let dsn = format!("http://key@sentry.test:{port}/7").parse().unwrap();
        let (losses, metrics) = (Arc::<Losses>::default(), Metrics::enabled("1", "2"));
        let client = PanicsFirst::client();
        let courier = Courier::over(client, &dsn, Arc::clone(&losses), metrics.clone()).unwrap();
        for _ in 0..2 {
            assert!(courier.send(Event::default()));
        }
        assert!(courier.flush(Duration::from_secs(20)).await);
        assert_eq!(losses.take(), 1, "the second is taken");
        let text = metrics.encode(&Moment::default());
        assert!(text.contains("vitals_host_panics_total 1"), "{text}");
    }
}
