//! The `http` check: one request, and the expected response.
//!
//! This file sends the request and judges the response; `status` and `body` compare its parts.

mod body;
mod status;

use std::collections::BTreeMap;

use vitals_sdk::http::{Method, RequestBuilder, RequestSettings, Response};
use vitals_sdk::prelude::*;

use body::{Body, ExpectedJson, Pattern};
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
    /// Whether the body is read. `false` is for a body that never ends or does not matter: the
    /// status alone is judged then.
    #[config(default = true)]
    read_body: bool,
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
    /// How many redirects to follow. Each target needs its own grant. The default is 10, or 0 if
    /// `status` contains the status of a redirect.
    #[config(range(0..=20))]
    follow_redirects: Option<u32>,
    #[config(flatten)]
    request: RequestSettings,
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
    if !settings.read_body && settings.expects_body() {
        return Err(Error::new(
            "`read_body` is false, but `body_contains`, `body_matches` or `json` needs the body",
        ));
    }
    Ok(match settings.to_request().send() {
        Ok(response) => judge(&settings, &response),
        Err(error) => Outcome::unhealthy(error.to_string()).exchange(error.exchange()),
    })
}

impl Settings {
    fn to_request(&self) -> RequestBuilder {
        let body_bytes = if self.read_body { BODY_LIMIT } else { 0 };
        let mut request = http::request(self.method.into(), &self.url)
            .follow_redirects(self.max_redirects())
            .body_prefix(body_bytes);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(body.as_str());
        }
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        self.request.apply(request)
    }

    /// Returns how many redirects are followed.
    fn max_redirects(&self) -> u32 {
        let is_wanted = REDIRECTS.iter().any(|status| self.expects(*status));
        let default = if is_wanted { 0 } else { MAX_REDIRECTS };
        self.follow_redirects.unwrap_or(default)
    }

    fn expects(&self, status: u16) -> bool {
        self.status.iter().any(|range| range.contains(status))
    }

    fn expects_body(&self) -> bool {
        self.body_contains.is_some() || self.body_matches.is_some() || !self.json.is_empty()
    }
}

fn judge(settings: &Settings, response: &Response) -> Outcome {
    let (method, status) = (Method::from(settings.method), response.status());
    let summary = format!("{method} {}: {status}", settings.url);
    let mut outcome = match problem(settings, response) {
        None => Outcome::healthy(summary),
        Some(problem) => Outcome::unhealthy(format!("{summary}, {problem}")),
    }
    .detail("status", status.as_u16())
    .detail("http_version", response.version().as_str())
    .timed(response.elapsed(), thresholds(settings));
    if settings.read_body {
        let size = response.body().len();
        outcome = outcome
            .detail("size_bytes", size)
            .measure(bytes("response_size", size));
        if response.is_truncated() {
            outcome = outcome.detail("truncated", true);
        }
    }
    if response.redirects() > 0 {
        outcome = outcome.detail("redirected_to", response.url().to_string());
    }
    outcome.exchange(response.exchange())
}

/// Returns what is wrong with the response, to follow its status.
fn problem(settings: &Settings, response: &Response) -> Option<String> {
    if !settings.expects(response.status().as_u16()) {
        let ranges: Vec<String> = settings.status.iter().map(ToString::to_string).collect();
        let expected = format!("expected {}", ranges.join(", "));
        return Some(match redirect_target(response) {
            None => expected,
            Some(target) => {
                format!("{expected}; it leads to {target} (set `follow_redirects` to follow it)")
            }
        });
    }
    if !settings.expects_body() {
        return None;
    }
    if let Some(coding) = response.remaining_coding() {
        let coding = shortened(coding, CHARS_SHOWN);
        return Some(format!(
            "but the body has the content coding `{coding}`, which the host does not decode"
        ));
    }
    let body = Body {
        text: &response.text(),
        bytes: response.body().len(),
        truncated: response.is_truncated(),
    };
    body::problem(settings, &body).map(|problem| format!("but {problem}"))
}

/// Returns where a redirect leads, without what may be a secret.
fn redirect_target(response: &Response) -> Option<String> {
    let location = response.header("location")?;
    if !REDIRECTS.contains(&response.status().as_u16()) {
        return None;
    }
    let path = location.split(['?', '#']).next().unwrap_or_default();
    Some(match response.url().join(location) {
        Ok(url) => url.to_string(),
        Err(_) => format!("`{}`", shortened(path, CHARS_SHOWN)),
    })
}

fn thresholds(settings: &Settings) -> Thresholds {
    Thresholds {
        degraded_above: settings.degraded_above,
        unhealthy_above: settings.unhealthy_above,
    }
}

/// The number of bytes that are read of a body.
const BODY_LIMIT: usize = 1 << 20;
/// The number of characters of a setting or a header in a message.
const CHARS_SHOWN: usize = 64;
const MAX_REDIRECTS: u32 = 10;
/// The statuses of redirects that can be followed.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

#[cfg(test)]
mod tests;
