//! Sends events to the server: Sentry's protocol over the common delivery.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use jiff::Timestamp;
use parking_lot::Mutex;
use sentry_types::protocol::v7::{Envelope, Event};
use sentry_types::{Dsn, Scheme};

use crate::delivery::{
    Delivery, DropCounter, Endpoint, Failure, FailureLog, HttpSender, Queue, SignIn, Target,
    retry_after,
};
use crate::delivery_metrics::DeliveryMetrics;
use crate::outgoing::{AGENT, ClientError, Timeouts};
use vitals_config::Root;
use vitals_io::trust::RootsError;

/// The queue of events. Callers never wait.
pub(super) struct Transport(Delivery<Queue, Server>);

/// Reports can't be sent with this configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoReports {
    /// The DSN is invalid.
    #[error("cannot use the Sentry DSN: {0}; write for example https://key@sentry.example.com/1")]
    Dsn(String),
    /// The trusted roots for the server can't be read.
    #[error("cannot set up connections to Sentry: {0}")]
    Roots(#[from] RootsError),
    /// The client for connections could not be created.
    #[error("cannot set up connections to Sentry: {0}")]
    Connections(String),
}

impl From<ClientError> for NoReports {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Roots(error) => Self::Roots(error),
            ClientError::Client(error) => Self::Connections(error),
        }
    }
}

#[derive(Default)]
struct Server {
    /// The end of the pause that the server demanded.
    quiet_until: Mutex<Option<Instant>>,
    failures: FailureLog,
    dropped: Arc<DropCounter>,
}

impl Transport {
    /// Starts the delivery to a server whose certificate `roots` trust. Blocks while the roots are
    /// read.
    pub(super) fn new(
        dsn: &Dsn,
        roots: &[Root],
        dropped: Arc<DropCounter>,
        metrics: Option<Arc<dyn DeliveryMetrics>>,
    ) -> Result<Self, NoReports> {
        let mut headers = HeaderMap::new();
        let auth = dsn.to_auth(Some(AGENT)).to_string();
        let mut auth =
            HeaderValue::try_from(auth).map_err(|error| NoReports::Dsn(error.to_string()))?;
        auth.set_sensitive(true);
        headers.insert("x-sentry-auth", auth);
        let envelope = HeaderValue::from_static("application/x-sentry-envelope");
        headers.insert(CONTENT_TYPE, envelope);
        let sender = HttpSender::connected(Target {
            url: dsn.envelope_api_url().to_string(),
            sign_in: SignIn::None,
            headers,
            roots: (dsn.scheme() == Scheme::Https).then(|| roots.to_vec()),
            timeouts: TIMEOUTS,
        })?;
        let server = Server {
            dropped,
            ..Server::default()
        };
        let delivery = Delivery::start(server, Queue::new(MAX_WAITING), sender, metrics);
        delivery.map(Self).map_err(|error| {
            NoReports::Connections(format!(
                "cannot start a thread: {error}; raise the limits on processes and open files \
                 (ulimit -u, -n)"
            ))
        })
    }

    /// Queues an event. If it is lost later, that is counted.
    pub(super) fn send(&self, event: Event<'static>) {
        let mut body = Vec::new();
        let written = Envelope::from(event).to_writer(&mut body);
        if let Err(error) = written {
            let why = format!("cannot serialize the event: {error}");
            return self.0.endpoint().rejected(&why);
        }
        self.0.with_outbox(|queue| queue.push(body.into()));
    }

    /// Sends waiting events for at most `timeout`. Returns whether all have been sent.
    pub(super) async fn flush(&self, timeout: Duration) -> bool {
        self.0.flush(timeout).await == 0
    }
}

impl Endpoint for Server {
    /// Judges a response. By the protocol, rate-limited events are lost. Events that an overloaded
    /// server could not handle are retried.
    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        let why = format!("the server answered {status}");
        let quiet = if let Some(limits) = header("x-sentry-rate-limits") {
            limited(limits)
        } else {
            let pause = retry_after(headers, Timestamp::now());
            if matches!(status.as_u16(), 408 | 502..=504) {
                return Err(Failure::Transient(why, pause));
            }
            pause.or((status == StatusCode::TOO_MANY_REQUESTS).then_some(QUIET_AFTER_429))
        };
        *self.quiet_until.lock() = quiet.map(|time| Instant::now() + time);
        if status.is_success() {
            Ok(())
        } else {
            Err(Failure::Rejected(why))
        }
    }

    fn blocked_reason(&self) -> Option<String> {
        let time = (*self.quiet_until.lock())?.checked_duration_since(Instant::now())?;
        let seconds = time.as_secs();
        Some(format!("the server accepts no reports for {seconds} s"))
    }

    fn delivered(&self) {
        if self.failures.resolve() {
            tracing::info!("reports to Sentry are sent again");
        }
    }

    fn retried(&self, why: &str) {
        if self.failures.is_new(why) {
            tracing::warn!(error = why, "reports to Sentry cannot be sent, retrying");
        }
    }

    fn rejected(&self, why: &str) {
        report_dropped(&self.dropped, 1, why);
    }

    fn dropped(&self, count: usize) {
        let why = "the server is too slow or unreachable";
        report_dropped(&self.dropped, count, why);
    }

    fn panicked(&self) {
        tracing::error!("the host panicked while sending a report, retrying");
    }
}

/// Returns how long the server's rate limits block errors. Groups have the form
/// `seconds:categories:scope`; an empty category means all.
fn limited(limits: &str) -> Option<Duration> {
    let times = limits.split(',').filter_map(|group| {
        let mut parts = group.trim().split(':');
        let seconds = parts.next()?.parse::<f64>().ok()?;
        let mut categories = parts.next()?.split(';');
        let is_meant = categories.any(|category| matches!(category, "" | "error"));
        let seconds = seconds.clamp(0.0, MAX_QUIET.as_secs_f64());
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|_| is_meant)
    });
    times.max()
}

/// Counts reports that are not sent, and logs them from time to time.
pub(super) fn report_dropped(dropped: &DropCounter, count: usize, why: &str) {
    if let Some(reports) = dropped.count(count) {
        tracing::warn!(reports, error = why, "reports to Sentry dropped");
    }
}

/// The limit on events that wait to be sent.
const MAX_WAITING: usize = 64;
/// The longest pause that the server can demand.
const MAX_QUIET: Duration = Duration::from_hours(1);
/// The protocol's default pause if the server gives none.
const QUIET_AFTER_429: Duration = Duration::from_mins(1);
/// The time limits for one event.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    total: Duration::from_secs(5),
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the judgement of a response, and whether the server demanded a pause.
    fn judged(status: u16, header: Option<(&'static str, &'static str)>) -> (&'static str, bool) {
        let server = Server::default();
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let status = StatusCode::from_u16(status).unwrap();
        let meaning = match server.judge(status, &headers) {
            Ok(()) => "taken",
            Err(Failure::Rejected(_)) => "lost",
            Err(Failure::Transient(..)) => "kept",
        };
        (meaning, server.blocked_reason().is_some())
    }

    #[test]
    fn overload_keeps_an_event_and_a_rate_limit_loses_it() {
        let limits = |limits| Some(("x-sentry-rate-limits", limits));
        let retry = Some(("retry-after", "60"));
        for (status, header, expected) in [
            (200, None, ("taken", false)),
            (200, limits("60:error:organization"), ("taken", true)),
            (200, limits("60:transaction:organization"), ("taken", false)),
            (503, retry, ("kept", false)),
            (503, limits("60::organization"), ("lost", true)),
            (
                200,
                limits("60:transaction:key, 2700:default;error:organization:quota"),
                ("taken", true),
            ),
            (200, limits("0:error:key"), ("taken", false)),
            (200, limits("NaN:error:key"), ("taken", false)),
            (200, limits("1e300:error:key"), ("taken", true)),
            (200, limits("soon"), ("taken", false)),
            (429, retry, ("lost", true)),
            (429, None, ("lost", true)),
            (400, None, ("lost", false)),
        ] {
            assert_eq!(judged(status, header), expected, "{status} {header:?}");
        }
    }
}
