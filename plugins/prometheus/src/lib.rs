//! The `prometheus` check: what a PromQL query answers, against bounds.
//!
//! This file asks; how an answer is read stands in `answer`, how it is judged in `verdict`.

mod answer;
mod verdict;

use std::collections::BTreeMap;

use vitals_sdk::http::Response;
use vitals_sdk::prelude::*;

use answer::{Answer, Sample};

/// Asks a Prometheus, and looks at the number that it answers.
#[derive(Config)]
struct Settings {
    /// Where Prometheus is, without `/api`; Thanos, Mimir and VictoriaMetrics speak the same. User and
    /// password in it become basic authentication.
    #[config(grant = "http")]
    url: Url,
    /// The query, in PromQL: `sum(rate(http_requests_total{status=~"5.."}[5m]))`. Of several series the
    /// worst one decides.
    query: String,
    /// A greater value than this is degraded.
    degraded_above: Option<f64>,
    /// A smaller value than this is degraded.
    degraded_below: Option<f64>,
    /// A greater value than this is unhealthy.
    unhealthy_above: Option<f64>,
    /// A smaller value than this is unhealthy.
    unhealthy_below: Option<f64>,
    /// What it means that no series, or none with a number, is answered. For a query that finds what is
    /// wrong (`up == 0`) nothing is good news.
    #[config(default = "unhealthy")]
    no_data: NoData,
    /// What the number counts; it is shown so.
    #[config(default = "count")]
    unit: Unit,
    /// What the number is called in messages; the query if this is not set.
    name: Option<String>,
    /// Headers of the request, for example `authorization`. They are never shown.
    #[config(default, secret)]
    headers: BTreeMap<String, String>,
    /// The time for the answer; without one, that of the check.
    timeout: Option<Duration>,
}

/// What an answer without a number comes to.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
enum NoData {
    Healthy,
    Degraded,
    Unhealthy,
}

/// A unit of measurements.
#[derive(Config, Clone, Copy)]
enum Unit {
    Count,
    Seconds,
    Bytes,
    Ratio,
}

#[health_check(code = "prometheus")]
fn check(settings: Settings) -> Result<Outcome> {
    let bounds = verdict::Bounds::of(&settings)?;
    let response = ask(&settings)?;
    let Answer { samples, warnings } = answer::read(&response)?;
    let mut outcome = verdict::judge(&settings, bounds, &samples)
        .detail("series", samples.len())
        .measure(seconds("response_time", response.elapsed()));
    if !warnings.is_empty() {
        let shown: Vec<_> = warnings.iter().map(|text| shortened(text, SHOWN)).collect();
        outcome = outcome.detail("warnings", shown);
    }
    Ok(outcome)
}

/// Sends the query. In the body of a request it may be as long as it likes.
fn ask(settings: &Settings) -> Result<Response> {
    let path = settings.url.path().trim_end_matches('/');
    let url = settings.url.join(&format!("{path}/api/v1/query"))?;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("query", &settings.query)
        .finish();
    let mut request = http::post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(query);
    for (name, value) in &settings.headers {
        request = request.header(name, value);
    }
    if let Some(timeout) = settings.timeout {
        request = request.timeout(timeout);
    }
    Ok(request.send()?)
}

/// How many characters of a foreign text are in a message or detail.
const SHOWN: usize = 256;

#[cfg(test)]
mod tests;
