//! What Flower answers, and what it means that it does not.
//!
//! The pages are those of its API, <https://flower.readthedocs.io/en/latest/api.html>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use vitals_sdk::http::Response;
use vitals_sdk::prelude::*;

use crate::{SHOWN, Settings};

/// The Flower of these settings.
pub(crate) struct Flower<'a>(&'a Settings);

/// A queue that a worker takes messages from.
#[derive(Deserialize)]
pub(crate) struct Queue {
    pub(crate) name: String,
    /// How many wait in it; `RabbitMQ` does not know yet of a queue that is new.
    pub(crate) messages: Option<u64>,
}

impl<'a> Flower<'a> {
    pub(crate) fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }

    /// The workers that Flower has heard of since it started, and whether they are online.
    pub(crate) fn workers(&self) -> Result<BTreeMap<String, bool>> {
        self.ask("workers?status=true")
    }

    /// The queues of the workers that Flower asked for them. Flower asks the broker how long they are.
    pub(crate) fn queues(&self) -> Result<Vec<Queue>> {
        #[derive(Deserialize)]
        struct Said {
            active_queues: Vec<Queue>,
        }
        let said: Said = self.ask("queues/length")?;
        Ok(said.active_queues)
    }

    /// Has Flower ask all workers for their queues.
    pub(crate) fn look_again(&self) -> Result<()> {
        let _: IgnoredAny = self.ask("workers?refresh=true&status=true")?;
        Ok(())
    }

    fn ask<T: DeserializeOwned>(&self, page: &str) -> Result<T> {
        let Settings { url, headers, .. } = self.0;
        let path = url.path().trim_end_matches('/');
        let mut request = http::get(&url.join(&format!("{path}/api/{page}"))?);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(timeout) = self.0.timeout {
            request = request.timeout(timeout);
        }
        let response = request.send().context("Flower does not answer")?;
        if !response.status().is_success() {
            return Err(refused(&response));
        }
        let wrong = || format!("{} does not answer as Flower", response.url());
        response.json().with_context(wrong)
    }
}

/// What an answer with a status that is no success says.
fn refused(response: &Response) -> Error {
    let (url, status) = (response.url(), response.status());
    let said = response.text();
    let why = match (status.as_u16(), said.trim()) {
        (401, "") => "it wants another user and password than `url` has, or any",
        (300..=399, _) => {
            "it wants a login that a check can't do; let it have basic authentication"
        }
        (404, _) => "`url` has to lead to Flower, with its prefix if it has one",
        // It says nothing, with the same status for all that goes wrong in it.
        (500, _) if url.path().ends_with("/queues/length") => "it can't ask the broker, it seems",
        (_, "") => "it does not say why",
        (_, said) => &shortened(said, SHOWN),
    };
    Error::new(format!("{url} answered {status}: {why}"))
}
