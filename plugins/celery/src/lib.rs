//! The `celery` check: workers and queues of Celery, as reported by Flower.
//!
//! This file requests the facts; `flower` is the client and `verdict` judges.

mod flower;
mod verdict;

use std::collections::BTreeMap;

use vitals_sdk::http::RequestSettings;
use vitals_sdk::prelude::*;

use flower::{Flower, Queue};

/// Asks Flower which Celery workers are online, and how many messages wait in their queues.
#[derive(Config)]
struct Settings {
    /// The URL of Flower, without `/api`. User and password in it become basic authentication.
    #[config(grant = "http")]
    url: Url,
    /// The workers that must all be online: `["celery@mail"]`.
    #[config(default)]
    workers: Vec<String>,
    /// The check is unhealthy if fewer workers are online.
    #[config(default = 1)]
    min_workers: u32,
    /// The check is degraded if fewer workers are online.
    degraded_below_workers: Option<u32>,
    /// The queues that are checked and must exist: `["mail"]`. The default is all queues that
    /// Flower knows.
    #[config(default)]
    queues: Vec<String>,
    /// The check is degraded if a queue has more messages.
    degraded_above: Option<u64>,
    /// The check is unhealthy if a queue has more messages.
    unhealthy_above: Option<u64>,
    /// Headers of the requests, for example `authorization`. They are never shown.
    #[config(default, secret)]
    headers: BTreeMap<String, String>,
    /// The timeout of each request. The default is the timeout of the check.
    timeout: Option<Duration>,
    #[config(flatten)]
    request: RequestSettings,
}

#[health_check(code = "celery")]
fn check(settings: Settings) -> Result<Outcome> {
    let flower = Flower::of(&settings);
    let workers = flower.workers()?;
    let mut queues = flower.queues()?;
    // Flower asks workers for their queues when it starts, but not the workers that start later.
    if workers.values().any(|online| *online) && !settings.missing(&queues).is_empty() {
        flower.refresh_workers()?;
        queues = flower.queues()?;
    }
    Ok(verdict::judge(&settings, &workers, &queues))
}

impl Settings {
    /// Returns the required queues that are missing.
    fn missing(&self, known: &[Queue]) -> Vec<&str> {
        let wanted = self.queues.iter().map(String::as_str);
        wanted
            .filter(|name| known.iter().all(|queue| queue.name != *name))
            .collect()
    }
}

/// The number of characters of external text in a message or detail.
const SHOWN: usize = 128;

#[cfg(test)]
mod tests;
