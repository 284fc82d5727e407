//! The `http` check: one request, and the expected response.
//!
//! This file sends the request and judges the response; `status` and `body` compare its parts.

mod body;
mod status;

use std::collections::BTreeMap;

use vitals_sdk::http::Method;
use vitals_sdk::prelude::*;

use body::{ExpectedJson, Pattern};
use status::StatusRange;

/// Sends one HTTP request and checks the response.
#[derive(Config)]
struct Settings {
    /// The URL of the request. User and password in it become basic authentication.
    #[config(grant = "http")]
    url: Url,
    /// The method of the request.
    #[config(default = "GET")]
    method: Verb,
    /// Headers of the request. They are never shown.
    #[config(default, secret)]
    headers: BTreeMap<String, String>,
    /// The body of the request. It is never shown.
    #[config(secret)]
    body: Option<String>,
    /// The healthy statuses, single ones and ranges: `[200, "300-399"]`.
    #[config(default = ["200-299"])]
    status: Vec<StatusRange>,
    /// A text that the body must contain.
    body_contains: Option<String>,
    /// A regular expression that must match in the first 64 KiB of the body.
    body_matches: Option<Pattern>,
    /// Values that the JSON body must contain, by JSON pointer: `{ "/status" = "ok" }`.
    #[config(default)]
    json: ExpectedJson,
    /// The check is degraded if the response takes longer.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if the response takes longer.
    unhealthy_above: Option<Duration>,
    /// The timeout of the whole request. The default is the timeout of the check.
    timeout: Option<Duration>,
    /// How many redirects to follow. Each target needs its own grant.
    #[config(default = 0, range(0..=20))]
    follow_redirects: u32,
}

/// An HTTP method.
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
        .body_prefix(BODY_LIMIT);
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
    let received = Received {
        status: response.status().as_u16(),
        status_text: response.status().to_string(),
        body: response.body(),
        truncated: response.is_truncated(),
        elapsed: response.elapsed(),
    };
    let outcome = judge(&settings, &received);
    Ok(if *response.url() == settings.url {
        outcome
    } else {
        outcome.detail("redirected_to", response.url().to_string())
    })
}

/// The response, as it is judged.
struct Received<'a> {
    status: u16,
    /// The status with its reason phrase.
    status_text: String,
    body: &'a [u8],
    truncated: bool,
    elapsed: Duration,
}

fn judge(settings: &Settings, received: &Received<'_>) -> Outcome {
    let method = Method::from(settings.method);
    let summary = format!("{method} {}: {}", settings.url, received.status_text);
    let mut outcome = match problem(settings, received) {
        None => Outcome::healthy(summary),
        Some(problem) => Outcome::unhealthy(format!("{summary}, {problem}")),
    }
    .detail("status", received.status)
    .timed(received.elapsed, thresholds(settings))
    .detail("size_bytes", received.body.len())
    .measure(bytes("response_size", received.body.len()));
    if received.truncated {
        outcome = outcome.detail("truncated", true);
    }
    outcome
}

/// Returns what is wrong with the response, to follow its status.
fn problem(settings: &Settings, received: &Received<'_>) -> Option<String> {
    let expected = |range: &StatusRange| range.contains(received.status);
    if !settings.status.iter().any(expected) {
        let ranges: Vec<String> = settings.status.iter().map(ToString::to_string).collect();
        return Some(format!("expected {}", ranges.join(", ")));
    }
    body::problem(settings, received).map(|problem| format!("but {problem}"))
}

fn thresholds(settings: &Settings) -> Thresholds {
    Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    }
}

/// The number of bytes that are read of a body.
const BODY_LIMIT: usize = 1 << 20;

#[cfg(test)]
mod tests;
