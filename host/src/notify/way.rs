//! The way to one receiver: a request, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;

use crate::config::{Alertmanager, Notify, Root, Webhook};
use crate::outgoing::{self, Patience};

/// Where requests go, and how. It is not shown: nearly all of it is secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Destination {
    url: String,
    sign_in: SignIn,
    headers: HeaderMap,
    /// Those that its certificate is held against; none where it has none.
    roots: Option<Vec<Root>>,
    timeout: Duration,
}

#[derive(Clone, PartialEq, Eq)]
enum SignIn {
    None,
    Bearer(String),
    Basic(String, String),
}

/// A destination with its connections.
pub(super) struct Way {
    destination: Destination,
    /// Made by the first request, because roots may have to be read.
    client: OnceCell<Client>,
}

/// A request did not do what it should.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It would not do so another time either.
    Refused(String),
    /// It may do so later, but not before this time has passed where the receiver says so.
    Later(String, Option<Duration>),
}

impl Destination {
    pub(super) fn alertmanager(url: &str, notify: &Notify, roots: &[Root]) -> Self {
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
        Self {
            url: format!("{url}/api/v2/alerts"),
            sign_in,
            headers: HeaderMap::new(),
            roots: roots_for(url, roots),
            timeout: notify.timeout,
        }
    }

    pub(super) fn webhook(webhook: &Webhook, notify: &Notify, roots: &[Root]) -> Self {
        let url = webhook.url.as_ref().map(ExposeSecret::expose_secret);
        let url = url.unwrap_or_default().to_owned();
        // What can't be a header was refused with the configuration.
        let headers = webhook.headers.iter().filter_map(|(name, value)| {
            let mut value = HeaderValue::from_str(value.expose_secret()).ok()?;
            value.set_sensitive(true);
            Some((name.parse::<HeaderName>().ok()?, value))
        });
        Self {
            sign_in: SignIn::None,
            headers: headers.collect(),
            roots: roots_for(&url, roots),
            timeout: notify.timeout,
            url,
        }
    }

    /// Whether certificates are looked at on the way.
    pub(super) fn is_over_tls(&self) -> bool {
        self.roots.is_some()
    }
}

fn roots_for(url: &str, roots: &[Root]) -> Option<Vec<Root>> {
    let is_plain = url
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("http:"));
    (!is_plain).then(|| roots.to_vec())
}

impl Way {
    pub(super) fn new(destination: Destination) -> Arc<Self> {
        Arc::new(Self {
            destination,
            client: OnceCell::new(),
        })
    }

    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Sends a body of JSON.
    pub(super) async fn post(&self, body: Bytes) -> Result<(), Failure> {
        let Destination {
            url,
            sign_in,
            headers,
            ..
        } = &self.destination;
        let connect = || async { self.connect() };
        let client = self.client.get_or_try_init(connect).await?;
        let request = client.post(url).headers(headers.clone());
        let request = match sign_in {
            SignIn::None => request,
            SignIn::Bearer(token) => request.bearer_auth(token),
            SignIn::Basic(user, password) => request.basic_auth(user, Some(password)),
        };
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(|error| {
            let why = outgoing::unreached(error);
            Failure::Later(format!("the receiver can't be reached: {why}"), None)
        })?;
        judge(response.status(), response.headers(), Timestamp::now())
    }

    /// Blocks while roots are read.
    fn connect(&self) -> Result<Client, Failure> {
        let Destination { roots, timeout, .. } = &self.destination;
        let whole = *timeout;
        let patience = Patience {
            connecting: whole.min(CONNECTING),
            whole,
        };
        outgoing::client(roots.as_deref(), patience)
            .map_err(|error| Failure::Later(format!("connections can't be set up: {error}"), None))
    }
}

#[cfg(test)]
impl Way {
    /// A way over connections of a test's own.
    pub(super) fn over(destination: Destination, client: Client) -> Arc<Self> {
        Arc::new(Self {
            destination,
            client: OnceCell::new_with(Some(client)),
        })
    }
}

/// What an answer means, at the moment `now`.
fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Result<(), Failure> {
    let why = || format!("the receiver answers {status}");
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(Failure::Later(why(), retry_after(headers, now)))
        }
        _ if status.is_server_error() => Err(Failure::Later(why(), retry_after(headers, now))),
        _ => Err(Failure::Refused(why())),
    }
}

/// How long the receiver wants to be left alone: seconds, or a moment.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let time = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let at = rfc2822::parse(text).ok()?.timestamp();
        at.duration_since(now).try_into().unwrap_or_default()
    };
    Some(time.min(LONGEST_PAUSE))
}

const CONNECTING: Duration = Duration::from_secs(5);
/// For so long a receiver is left alone that asks for more.
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
    fn a_receiver_says_how_long_it_wants_to_be_left_alone() {
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
