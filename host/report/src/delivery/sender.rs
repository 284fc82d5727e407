//! Requests to one server, and what an answer means by HTTP alone.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::{Client, Response};
use tokio::sync::OnceCell;

use crate::outgoing::{self, NoConnections, Patience};
use vitals_config::Root;

/// Where requests go, and how. It is not shown: nearly all of it is secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) sign_in: SignIn,
    pub(crate) headers: HeaderMap,
    /// Those that its certificate is held against; none where it has none.
    pub(crate) roots: Option<Vec<Root>>,
    pub(crate) patience: Patience,
}

/// How a request signs in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum SignIn {
    /// Not, or by a header of the target.
    None,
    Bearer(String),
    Basic(String, String),
}

/// A target with its connections.
pub(crate) struct HttpSender {
    target: Target,
    /// Made by the first request, because roots may have to be read.
    client: OnceCell<Client>,
}

/// A message did not arrive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It would not another time either.
    Refused(String),
    /// It may later, but not before this time has passed where the server says so.
    Later(String, Option<Duration>),
}

impl Target {
    /// Whether certificates are looked at on the way.
    pub(super) fn is_over_tls(&self) -> bool {
        self.roots.is_some()
    }
}

/// The roots that the server of a URL is held against; none where it shows no certificate.
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

    /// A sender whose roots have been read. Blocks while they are.
    pub(crate) fn connected(target: Target) -> Result<Self, NoConnections> {
        let client = OnceCell::new_with(Some(client(&target)?));
        Ok(Self { target, client })
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Sends an alert, a notification or a report, as one request with this body. The error says why
    /// there is no response.
    pub(super) async fn post(&self, body: Bytes) -> Result<Response, String> {
        let target = &self.target;
        let connect = || async { client(target) };
        let client = self.client.get_or_try_init(connect).await;
        let client = client.map_err(|error| format!("connections can't be set up: {error}"))?;
        let request = client.post(&target.url).headers(target.headers.clone());
        let request = match &target.sign_in {
            SignIn::None => request,
            SignIn::Bearer(token) => request.bearer_auth(token),
            SignIn::Basic(user, password) => request.basic_auth(user, Some(password)),
        };
        let answer = request.body(body).send().await;
        answer.map_err(|error| {
            let why = outgoing::unreached(error);
            format!("the server can't be reached: {why}")
        })
    }
}

/// Blocks while roots are read.
fn client(target: &Target) -> Result<Client, NoConnections> {
    outgoing::client(target.roots.as_deref(), target.patience)
}

#[cfg(test)]
impl HttpSender {
    /// A sender over connections of a test's own.
    pub(super) fn over(target: Target, client: Client) -> Self {
        let client = OnceCell::new_with(Some(client));
        Self { target, client }
    }
}

/// What an answer means by HTTP alone, at the moment `now`.
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(), Failure> {
    let why = || format!("the server answers {status}");
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(Failure::Later(why(), retry_after(headers, now)))
        }
        _ if status.is_server_error() => Err(Failure::Later(why(), retry_after(headers, now))),
        _ => Err(Failure::Refused(why())),
    }
}

/// How long the server wants to be left alone: seconds, or a moment. An hour at most.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let time = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = rfc2822::parse(text).ok()?.timestamp();
        at.duration_since(now).try_into().unwrap_or_default()
    };
    Some(time.min(LONGEST_PAUSE))
}

/// For so long a server is left alone that asks for more.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

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
    fn what_may_be_well_later_is_told_from_what_is_refused() {
        for status in [200, 202, 204] {
            assert_eq!(judged(status, None), Ok(()));
        }
        for status in [408, 429, 500, 502, 503] {
            let judged = judged(status, None);
            assert!(matches!(judged, Err(Failure::Later(_, None))), "{judged:?}");
        }
        for status in [301, 302, 400, 401, 403, 404, 410, 422] {
            let judged = judged(status, Some("1"));
            assert!(matches!(judged, Err(Failure::Refused(_))), "{judged:?}");
        }
    }

    #[test]
    fn a_server_says_how_long_it_wants_to_be_left_alone() {
        let pause = |text| match judged(503, Some(text)) {
            Err(Failure::Later(_, pause)) => pause.map(|pause| pause.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(pause("7"), Some(7));
        assert_eq!(pause("Tue, 27 Jan 2026 10:30:09 GMT"), Some(9));
        assert_eq!(pause("Tue, 27 Jan 2026 10:29:00 GMT"), Some(0));
        assert_eq!(pause("99999999"), Some(3600));
        assert_eq!(pause("soon"), None);
    }
}
