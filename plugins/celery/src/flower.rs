//! Flower's API, and what its errors mean.
//!
//! See <https://flower.readthedocs.io/en/latest/api.html>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use vitals_sdk::http::Response;
use vitals_sdk::prelude::*;

use crate::{SHOWN, Settings};

/// A client for the Flower of these settings.
pub(crate) struct Flower<'a>(&'a Settings);

/// A queue that a worker consumes.
#[derive(Deserialize)]
pub(crate) struct Queue {
    pub(crate) name: String,
    /// The number of waiting messages; unknown to `RabbitMQ` for a new queue.
    pub(crate) messages: Option<u64>,
}

impl<'a> Flower<'a> {
    pub(crate) fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }

    /// Returns the workers seen since Flower started, and whether each is online.
    pub(crate) fn workers(&self) -> Result<BTreeMap<String, bool>> {
        self.get("workers?status=true")
    }

    /// Returns the queues that Flower knows. It asks the broker for their lengths.
    pub(crate) fn queues(&self) -> Result<Vec<Queue>> {
        #[derive(Deserialize)]
        struct Queues {
            active_queues: Vec<Queue>,
        }
        let body: Queues = self.get("queues/length")?;
        Ok(body.active_queues)
    }

    /// Makes Flower ask all workers for their queues.
    pub(crate) fn refresh_workers(&self) -> Result<()> {
        let _: IgnoredAny = self.get("workers?refresh=true&status=true")?;
        Ok(())
    }

    fn get<T: DeserializeOwned>(&self, page: &str) -> Result<T> {
        let Settings { url, headers, .. } = self.0;
        let path = url.path().trim_end_matches('/');
        let mut request = http::get(&url.join(&format!("{path}/api/{page}"))?);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(timeout) = self.0.timeout {
            request = request.timeout(timeout);
        }
        let request = self.0.request.apply(request);
        let response = request.send().context("Flower does not respond")?;
        if !response.status().is_success() {
            return Err(response_error(&response));
        }
        let wrong = || format!("{} did not return a Flower response", response.url());
        response.json().with_context(wrong)
    }
}

/// Makes the error for a response whose status is not a success.
fn response_error(response: &Response) -> Error {
    let (url, status) = (response.url(), response.status());
    let body = response.text();
    let why = match (status.as_u16(), body.trim()) {
        (401, "") => "`user` and `password` are missing or not valid",
        (300..=399, _) => "it requires an interactive login; enable basic authentication",
        (404, _) => "`url` must point to Flower, including its URL prefix",
        // The page returns an empty 500 for every failure inside Flower.
        (500, _) if url.path().ends_with("/queues/length") => {
            "Flower probably cannot reach the broker"
        }
        (_, "") => "it gave no reason",
        (_, body) => &shortened(body, SHOWN),
    };
    Error::new(format!("{url} responded with {status}: {why}"))
}
