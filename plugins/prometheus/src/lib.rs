//! The `prometheus` check: the result of a PromQL query, against bounds.
//!
//! This file sends the query; `answer` parses the response, `verdict` judges the numbers.

mod answer;
mod verdict;

use std::collections::BTreeMap;

use vitals_sdk::http::{RequestSettings, Response};
use vitals_sdk::prelude::*;

use answer::{QueryResult, Sample};

/// Queries a Prometheus server and checks the number that it returns.
#[derive(Config)]
struct Settings {
    /// The URL of Prometheus, without `/api`. Thanos, Mimir and VictoriaMetrics have the same API.
    /// User and password in it become basic authentication.
    #[config(grant = "http")]
    url: Url,
    /// The query, in PromQL: `sum(rate(http_requests_total{status=~"5.."}[5m]))`. Of several series
    /// the worst one decides.
    query: String,
    /// The check is degraded if the value is greater.
    degraded_above: Option<f64>,
    /// The check is degraded if the value is smaller.
    degraded_below: Option<f64>,
    /// The check is unhealthy if the value is greater.
    unhealthy_above: Option<f64>,
    /// The check is unhealthy if the value is smaller.
    unhealthy_below: Option<f64>,
    /// The status if the query returns no series, or none with a number. Use `healthy` for a query
    /// that finds problems, such as `up == 0`.
    #[config(default = "unhealthy")]
    no_data: NoData,
    /// The unit in which the number is shown.
    #[config(default = "count")]
    unit: Unit,
    /// The name of the number in messages. The default is the query.
    name: Option<String>,
    /// Headers of the request, for example `authorization`. They are never shown.
    #[config(default, secret)]
    headers: BTreeMap<String, String>,
    /// The timeout of the request. The default is the timeout of the check.
    timeout: Option<Duration>,
    #[config(flatten)]
    request: RequestSettings,
}

/// The status for a result without a number.
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
    let response = send_query(&settings)?;
    let QueryResult { samples, warnings } = answer::read(&response)?;
    let mut outcome = verdict::judge(&settings, bounds, &samples)
        .detail("series", samples.len())
        .measure(seconds("response_time", response.elapsed()));
    if !warnings.is_empty() {
        let shown: Vec<_> = warnings.iter().map(|text| shortened(text, SHOWN)).collect();
        outcome = outcome.detail("warnings", shown);
    }
    Ok(outcome)
}

/// Sends the query. In the body of a request its length is not limited.
fn send_query(settings: &Settings) -> Result<Response> {
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
    Ok(settings.request.apply(request).send()?)
}

/// The number of characters of external text in a message or detail.
const SHOWN: usize = 256;

#[cfg(test)]
mod tests;
