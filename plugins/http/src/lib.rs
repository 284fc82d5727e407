//! The `http` check: one request, and what its answer has to be.
//!
//! This file asks and judges; what an answer is compared with stands in `status` and `body`.

mod body;
mod status;

use std::collections::BTreeMap;

use vitals_sdk::http::Method;
use vitals_sdk::prelude::*;

use body::{Facts, Pattern};
use status::StatusRange;

/// Sends one HTTP request and looks at the answer.
#[derive(Config)]
struct Settings {
    /// Where the request goes. User and password in it become basic authentication.
    #[config(grant = "http")]
    url: Url,
    /// The method.
    #[config(default = "GET")]
    method: Verb,
    /// Headers of the request. They are never shown.
    #[config(default, secret)]
    headers: BTreeMap<String, String>,
    /// The body of the request. It is never shown.
    #[config(secret)]
    body: Option<String>,
    /// The statuses that are healthy, single ones and ranges: `[200, "300-399"]`.
    #[config(default = ["200-299"])]
    status: Vec<StatusRange>,
    /// What the body has to contain.
    body_contains: Option<String>,
    /// A regular expression that has to match in the first 64 KiB of the body.
    body_matches: Option<Pattern>,
    /// What the body has to hold as JSON: values by JSON pointer, `{ "/status" = "ok" }`.
    #[config(default)]
    json: Facts,
    /// A longer answer time than this is degraded.
    degraded_above: Option<Duration>,
    /// A longer answer time than this is unhealthy.
    unhealthy_above: Option<Duration>,
    /// The time for all of it; without one, that of the check.
    timeout: Option<Duration>,
    /// How many redirects to follow. Each address needs a grant of its own.
    #[config(default = 0, range(0..=20))]
    follow_redirects: u32,
}

/// A method of HTTP.
#[derive(Config, Clone, Copy)]
enum Verb {
    #[config(rename = "GET")]
    Get,
    #[config(rename = "HEAD")]
    Head,
    #[config(rename = "POST")]
    Post,
    #[config(rename = "PUT")]
    Put,
    #[config(rename = "PATCH")]
    Patch,
    #[config(rename = "DELETE")]
    Delete,
    #[config(rename = "OPTIONS")]
    Options,
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::Get,
            Verb::Head => Self::Head,
            Verb::Post => Self::Post,
            Verb::Put => Self::Put,
            Verb::Patch => Self::Patch,
            Verb::Delete => Self::Delete,
            Verb::Options => Self::Options,
        }
    }
}

#[health_check(code = "http")]
fn check(settings: Settings) -> Result<Outcome> {
    let mut request = http::request(settings.method.into(), &settings.url)
        .follow_redirects(settings.follow_redirects)
        .body_prefix(BODY_READ);
    for (name, value) in &settings.headers {
        request = request.header(name, value);
    }
    if let Some(body) = &settings.body {
        request = request.body(body.as_str());
    }
    if let Some(timeout) = settings.timeout {
        request = request.timeout(timeout);
    }
    let response = request.send()?;
    let answer = Answer {
        status: response.status().as_u16(),
        words: response.status().to_string(),
        body: response.body(),
        truncated: response.is_truncated(),
        elapsed: response.elapsed(),
    };
    let outcome = judge(&settings, &answer);
    Ok(if *response.url() == settings.url {
        outcome
    } else {
        outcome.detail("redirected_to", response.url().to_string())
    })
}

/// What came back.
struct Answer<'a> {
    status: u16,
    /// The status with its reason.
    words: String,
    body: &'a [u8],
    truncated: bool,
    elapsed: Duration,
}

fn judge(settings: &Settings, answer: &Answer<'_>) -> Outcome {
    let method = Method::from(settings.method);
    let answered = format!("{method} {}: {}", settings.url, answer.words);
    let mut outcome = match problem(settings, answer) {
        None => Outcome::healthy(answered),
        Some(problem) => Outcome::unhealthy(format!("{answered}, {problem}")),
    }
    .detail("status", answer.status)
    .timed(answer.elapsed, thresholds(settings))
    .detail("size_bytes", answer.body.len())
    .measure(bytes("response_size", answer.body.len()));
    if answer.truncated {
        outcome = outcome.detail("truncated", true);
    }
    outcome
}

/// What is wrong with the answer, for behind its status.
fn problem(settings: &Settings, answer: &Answer<'_>) -> Option<String> {
    let expected = |range: &StatusRange| range.contains(answer.status);
    if !settings.status.iter().any(expected) {
        let ranges: Vec<String> = settings.status.iter().map(ToString::to_string).collect();
        return Some(format!("expected {}", ranges.join(", ")));
    }
    body::problem(settings, answer).map(|problem| format!("but {problem}"))
}

fn thresholds(settings: &Settings) -> Thresholds {
    Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    }
}

/// As much of a body as is looked at; of a larger one its beginning.
const BODY_READ: usize = 1 << 20;

#[cfg(test)]
mod tests;
