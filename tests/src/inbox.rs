//! A receiver of notifications: a server that keeps the JSON of each request, and responds as it is
//! told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use parking_lot::Mutex;
use serde_json::Value;

use crate::mounted::Mounted;

/// How an inbox responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// It accepts.
    Takes,
    /// It responds with this status.
    Answers(u16),
    /// It responds with 503, and asks for a pause of so many seconds.
    Busy(u64),
    /// It never responds.
    Silent,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Posted {
    /// Its path.
    pub path: String,
    /// Its headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its JSON.
    pub body: Value,
    /// When it came.
    pub at: Instant,
    /// The response to it.
    pub reception: Reception,
}

/// A receiver on a free port, which stops on drop.
#[derive(Debug)]
pub struct Inbox {
    kept: Arc<Kept>,
    service: Mounted,
}

#[derive(Debug)]
struct Kept {
    reception: Mutex<Reception>,
    posted: Mutex<Vec<Posted>>,
}

impl Inbox {
    /// Starts one that accepts everything.
    pub async fn start() -> Self {
        Self::receiving(Reception::Takes).await
    }

    /// Starts one.
    pub async fn receiving(reception: Reception) -> Self {
        let kept = Arc::new(Kept {
            reception: Mutex::new(reception),
            posted: Mutex::default(),
        });
        let here = Arc::clone(&kept);
        let take = async move |uri: Uri, headers: HeaderMap, body: String| {
            here.take(&uri, &headers, &body).await
        };
        let service = Mounted::serve(Router::new().fallback(post(take))).await;
        Self { kept, service }
    }

    /// Its URL with a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.service.address())
    }

    /// Changes how it responds from now on.
    pub fn receive(&self, reception: Reception) {
        *self.kept.reception.lock() = reception;
    }

    /// All requests, including those that it did not accept.
    pub fn posted(&self) -> Vec<Posted> {
        self.kept.posted.lock().clone()
    }

    /// The bodies that it accepted.
    pub fn taken(&self) -> Vec<Value> {
        let posted = self.posted().into_iter();
        let taken = posted.filter(|posted| posted.reception == Reception::Takes);
        taken.map(|posted| posted.body).collect()
    }
}

impl Kept {
    async fn take(&self, uri: &Uri, headers: &HeaderMap, body: &str) -> Response {
        let reception = *self.reception.lock();
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        };
        self.posted.lock().push(Posted {
            path: uri.path().to_owned(),
            headers: headers.iter().map(header).collect(),
            body: serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)),
            at: Instant::now(),
            reception,
        });
        match reception {
            Reception::Takes => StatusCode::OK.into_response(),
            Reception::Answers(status) => StatusCode::from_u16(status)
                .expect("a status")
                .into_response(),
            Reception::Busy(seconds) => {
                let after = [("retry-after", seconds.to_string())];
                (StatusCode::SERVICE_UNAVAILABLE, after).into_response()
            }
            Reception::Silent => std::future::pending().await,
        }
    }
}
