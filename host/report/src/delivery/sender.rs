//! Requests to one server, and the meaning of its responses in HTTP.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::{Client, Response};
use tokio::sync::OnceCell;

use crate::outgoing::{self, ClientError, Timeouts};
use vitals_config::Root;

/// The target of requests. It implements no `Debug`, because nearly all of it is secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) sign_in: SignIn,
    pub(crate) headers: HeaderMap,
    /// The roots that must trust the server's certificate, or `None` without TLS.
    pub(crate) roots: Option<Vec<Root>>,
    pub(crate) timeouts: Timeouts,
}

/// The authentication of a request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum SignIn {
    /// None, or by a header of the target.
    None,
    Bearer(String),
    Basic(String, String),
}

/// A target with its connections.
pub(crate) struct HttpSender {
    pub(super) target: Target,
    /// Created by the first request, because roots may have to be read.
    client: OnceCell<Client>,
}

/// The failure of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another attempt would fail too.
    Rejected(String),
    /// Another attempt may succeed, after the pause that the server demands, if any.
    Transient(String, Option<Duration>),
}

/// Returns the roots that must trust the server of a URL, or `None` without TLS.
pub(crate) fn roots_for(url: &str, roots: &[Root]) -> Option<Vec<Root>> {
    let is_plain = url
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("http:"));
    (!is_plain).then(|| roots.to_vec())
}

impl HttpSender {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            target,
            client: OnceCell::new(),
        }
    }

    /// Creates a sender, and reads its roots at once. Blocks.
    pub(crate) fn connected(target: Target) -> Result<Self, ClientError> {
        let client = OnceCell::new_with(Some(client(&target)?));
        Ok(Self { target, client })
    }

    /// Sends an alert, a notification or a report as the body of one request. The error says why
    /// there is no response.
    pub(super) async fn post(&self, body: Bytes) -> Result<Response, String> {
        let target = &self.target;
        let connect = || async { client(target) };
        let client = self.client.get_or_try_init(connect).await;
        let client = client.map_err(|error| format!("cannot set up connections: {error}"))?;
        let request = client.post(&target.url).headers(target.headers.clone());
        let request = match &target.sign_in {
            SignIn::None => request,
            SignIn::Bearer(token) => request.bearer_auth(token),
            SignIn::Basic(user, password) => request.basic_auth(user, Some(password)),
        };
        let answer = request.body(body).send().await;
        answer.map_err(|error| {
            let why = outgoing::request_error(error);
            format!("cannot reach the server: {why}")
        })
    }
}

/// Blocks while roots are read.
fn client(target: &Target) -> Result<Client, ClientError> {
    outgoing::client(target.roots.as_deref(), target.timeouts)
}

#[cfg(test)]
impl HttpSender {
    /// Creates a sender with a client of the test.
    pub(super) fn over(target: Target, client: Client) -> Self {
        let client = OnceCell::new_with(Some(client));
        Self { target, client }
    }
}

/// Judges a response by HTTP alone, at the time `now`.
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(), Failure> {
    let why = || format!("the server answered {status}");
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(Failure::Transient(why(), retry_after(headers, now)))
        }
        _ if status.is_server_error() => Err(Failure::Transient(why(), retry_after(headers, now))),
        _ => Err(Failure::Rejected(why())),
    }
}

/// Returns the pause that the server demands, as seconds or a date, up to an hour.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let time = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = rfc2822::parse(text).ok()?.timestamp();
        at.duration_since(now).try_into().unwrap_or_default()
    };
    Some(time.min(MAX_PAUSE))
}

/// The longest pause that a server can demand.
const MAX_PAUSE: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, retry: Option<&str>) -> Result<(), Failure> {
        let status = StatusCode::from_u16(status).expect("a status");
        let mut headers = HeaderMap::new();
        if let Some(retry) = retry {
            headers.insert(RETRY_AFTER, retry.parse().expect("a header"));
        }
        let now = "2026-01-27T10:30:00Z".parse().expect("a time");
        judge(status, &headers, now)
    }

    #[test]
    fn transient_responses_are_told_from_rejections() {
        for status in [200, 202, 204] {
            assert_eq!(judged(status, None), Ok(()));
        }
        for status in [408, 429, 500, 502, 503] {
            let judged = judged(status, None);
            assert!(
                matches!(judged, Err(Failure::Transient(_, None))),
                "{judged:?}"
            );
        }
        for status in [301, 302, 400, 401, 403, 404, 410, 422] {
            let judged = judged(status, Some("1"));
            assert!(matches!(judged, Err(Failure::Rejected(_))), "{judged:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let pause = |text| match judged(503, Some(text)) {
            Err(Failure::Transient(_, pause)) => pause.map(|pause| pause.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(pause("7"), Some(7));
        assert_eq!(pause("Tue, 27 Jan 2026 10:30:09 GMT"), Some(9));
        assert_eq!(pause("Tue, 27 Jan 2026 10:29:00 GMT"), Some(0));
        assert_eq!(pause("99999999"), Some(3600));
        assert_eq!(pause("soon"), None);
    }
}
