//! Who is notified: a server that keeps the JSON that it is posted, and answers as it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What an inbox says to what it is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// It takes it.
    Takes,
    /// It answers with this status.
    Answers(u16),
    /// It answers 503, and wants to be left alone for so many seconds.
    Busy(u64),
    /// It never answers.
    Silent,
}

/// Something that was posted.
#[derive(Clone, Debug)]
pub struct Posted {
    /// Where.
    pub path: String,
    /// Its headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What.
    pub body: Value,
    /// When.
    pub at: Instant,
    /// What it was told.
    pub reception: Reception,
}

/// A server on a free port; it stops when it is dropped.
#[derive(Debug)]
pub struct Inbox {
    address: SocketAddr,
    kept: Arc<Kept>,
    served: JoinHandle<()>,
}

#[derive(Debug)]
struct Kept {
    reception: Mutex<Reception>,
    posted: Mutex<Vec<Posted>>,
}

impl Inbox {
    /// Starts one that takes what it is posted.
    pub async fn start() -> Self {
        Self::receiving(Reception::Takes).await
    }

    /// Starts one.
    ///
    /// # Panics
    ///
    /// There is no free port.
    pub async fn receiving(reception: Reception) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let kept = Arc::new(Kept {
            reception: Mutex::new(reception),
            posted: Mutex::default(),
        });
        let here = Arc::clone(&kept);
        let take = move |uri: Uri, headers: HeaderMap, body: String| {
            let here = Arc::clone(&here);
            async move { here.take(&uri, &headers, &body).await }
        };
        let router = Router::new().fallback(post(take));
        let served = tokio::spawn(async {
            axum::serve(listener, router)
                .await
                .expect("it serves for ever");
        });
        Self {
            address,
            kept,
            served,
        }
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Says something else from here on.
    pub fn receive(&self, reception: Reception) {
        *lock(&self.kept.reception) = reception;
    }

    /// Everything that it was posted, also what it did not take.
    pub fn posted(&self) -> Vec<Posted> {
        lock(&self.kept.posted).clone()
    }

    /// The bodies that it took.
    pub fn taken(&self) -> Vec<Value> {
        let posted = self.posted().into_iter();
        let taken = posted.filter(|posted| posted.reception == Reception::Takes);
        taken.map(|posted| posted.body).collect()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.served.abort();
    }
}

impl Kept {
    async fn take(&self, uri: &Uri, headers: &HeaderMap, body: &str) -> Response {
        let reception = *lock(&self.reception);
        let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        };
        let body = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
        lock(&self.posted).push(Posted {
            path: uri.path().to_owned(),
            headers: headers.iter().map(header).collect(),
            body,
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
