//! The `celery` check: workers and queues of Celery, as Flower tells of them.
//!
//! This file says what is asked; how it is asked stands in `flower`, how it is judged in `verdict`.

mod flower;
mod verdict;

use std::collections::BTreeMap;

use vitals_sdk::prelude::*;

use flower::{Flower, Queue};

/// Asks Flower which workers of Celery are online, and how many messages wait in their queues.
#[derive(Config)]
struct Settings {
    /// Where Flower is, without `/api`. User and password in it become basic authentication.
    #[config(grant = "http")]
    url: Url,
    /// Workers that have to be online, each of them: `["celery@mail"]`.
    #[config(default)]
    workers: Vec<String>,
    /// Fewer workers online than this are unhealthy.
    #[config(default = 1)]
    min_workers: u32,
    /// Fewer workers online than this are degraded.
    degraded_below_workers: Option<u32>,
    /// Queues that are looked at, and have to be there: `["mail"]`. Without any it is all that Flower knows.
    #[config(default)]
    queues: Vec<String>,
    /// More messages in a queue than this are degraded.
    degraded_above: Option<u64>,
    /// More messages in a queue than this are unhealthy.
    unhealthy_above: Option<u64>,
    /// Headers of the requests, for example `authorization`. They are never shown.
    #[config(default, secret)]
    headers: BTreeMap<String, String>,
    /// The time for each answer; without one, that of the check.
    timeout: Option<Duration>,
}

#[health_check(code = "celery")]
fn check(settings: Settings) -> Result<Outcome> {
    let flower = Flower::of(&settings);
    let workers = flower.workers()?;
    let mut queues = flower.queues()?;
    // Flower asks workers for their queues when it starts, and not those that come later.
    if workers.values().any(|online| *online) && !settings.missing(&queues).is_empty() {
        flower.look_again()?;
        queues = flower.queues()?;
    }
    Ok(verdict::judge(&settings, &workers, &queues))
}

impl Settings {
    /// The queues that have to be there and are not.
    fn missing(&self, known: &[Queue]) -> Vec<&str> {
        let wanted = self.queues.iter().map(String::as_str);
        wanted
            .filter(|name| known.iter().all(|queue| queue.name != *name))
            .collect()
    }
}

/// How many characters of a foreign text are in a message or detail.
const SHOWN: usize = 128;

#[cfg(test)]
mod tests;
