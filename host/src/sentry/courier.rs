//! Takes events to the server, one after the other, in a task of its own. Who hands one in never
//! waits: what finds the queue full is lost, as is what the server does not take in time.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use sentry::protocol::{Envelope, Event};
use sentry::transports::{RateLimiter, RateLimitingCategory};
use sentry::types::{Dsn, Scheme};
use tokio::sync::{mpsc, oneshot};

use super::NoReports;
use super::losses::Losses;
use crate::config::Root;
use crate::outgoing::{self, AGENT, NoConnections, Patience};

/// Where events are handed in.
pub(super) struct Courier {
    letters: mpsc::Sender<Letter>,
    losses: Arc<Losses>,
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
    limiter: RateLimiter,
    losses: Arc<Losses>,
}

impl Courier {
    /// Begins to deliver, in the tokio runtime that this is called in, to a server that `roots` trust.
    /// Blocks while they are read.
    pub(super) fn new(dsn: &Dsn, roots: &[Root], losses: Arc<Losses>) -> Result<Self, NoReports> {
        let roots = (dsn.scheme() == Scheme::Https).then_some(roots);
        let way = Way {
            client: outgoing::client(roots, PATIENCE)?,
            url: dsn.envelope_api_url().to_string(),
            auth: dsn.to_auth(Some(AGENT)).to_string(),
            limiter: RateLimiter::new(),
            losses: Arc::clone(&losses),
        };
        let (letters, received) = mpsc::channel(WAITING);
        // It ends when nobody can hand anything in any more.
        tokio::spawn(way.deliver_all(received));
        Ok(Self { letters, losses })
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
    async fn deliver_all(mut self, mut letters: mpsc::Receiver<Letter>) {
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
        if let Some(time) = self.limiter.is_disabled(RateLimitingCategory::Error) {
            let seconds = time.as_secs();
            return Err(format!("the server wants none for {seconds} s"));
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
        if let Some(limits) = header("x-sentry-rate-limits") {
            self.limiter.update_from_sentry_header(limits);
        } else if let Some(seconds) = header(RETRY_AFTER.as_str()) {
            self.limiter.update_from_retry_after(seconds);
        } else if status == StatusCode::TOO_MANY_REQUESTS {
            self.limiter.update_from_429();
        }
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
/// How long the server may take with one event.
const PATIENCE: Patience = Patience {
    connecting: Duration::from_secs(3),
    whole: Duration::from_secs(5),
};
