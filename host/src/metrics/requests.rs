//! The metrics of one endpoint's requests.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use prometheus::{Histogram, IntCounterVec};

/// The counters of one endpoint, or none while metrics are disabled.
#[derive(Clone, Debug)]
pub(crate) struct Requests(Option<Counted>);

#[derive(Clone, Debug)]
struct Counted {
    endpoint: &'static str,
    requests: IntCounterVec,
    duration: Histogram,
}

impl Requests {
    pub(super) fn counted(
        endpoint: &'static str,
        requests: IntCounterVec,
        duration: Histogram,
    ) -> Self {
        Self(Some(Counted {
            endpoint,
            requests,
            duration,
        }))
    }

    pub(super) fn ignored() -> Self {
        Self(None)
    }

    /// Returns the start time of a measurement, or `None` while metrics are disabled.
    pub(crate) fn begin(&self) -> Option<Instant> {
        self.0.is_some().then(Instant::now)
    }

    /// Counts an answered request. `method` comes from [`method`].
    pub(crate) fn answered(&self, method: &'static str, status: StatusCode, took: Duration) {
        if let Some(Counted {
            endpoint,
            requests,
            duration,
        }) = &self.0
        {
            requests
                .with_label_values(&[method, endpoint, status.as_str()])
                .inc();
            duration.observe(took.as_secs_f64());
        }
    }
}

/// Returns the method as a label: a standard one or `other`, because clients can send any word.
pub(crate) fn method(method: &Method) -> &'static str {
    const STANDARD: [(Method, &str); 9] = [
        (Method::GET, "GET"),
        (Method::HEAD, "HEAD"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::DELETE, "DELETE"),
        (Method::OPTIONS, "OPTIONS"),
        (Method::PATCH, "PATCH"),
        (Method::TRACE, "TRACE"),
        (Method::CONNECT, "CONNECT"),
    ];
    STANDARD
        .iter()
        .find(|(known, _)| known == method)
        .map_or("other", |(_, label)| label)
}
