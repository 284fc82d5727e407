//! Parses Prometheus' response to an instant query: samples, or an error.
//!
//! The format is that of the HTTP API,
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use std::collections::BTreeMap;

use serde::Deserialize;
use vitals_sdk::http::Response;
use vitals_sdk::prelude::*;

use crate::SHOWN;

/// The response to an instant query.
pub(crate) struct QueryResult {
    pub(crate) samples: Vec<Sample>,
    /// Warnings about a query that was executed nevertheless.
    pub(crate) warnings: Vec<String>,
}

/// A series at one point in time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The series in PromQL: `up{job="shop"}`; empty for a number without labels.
    pub(crate) series: String,
    pub(crate) value: f64,
}

pub(crate) fn read(response: &Response) -> Result<QueryResult> {
    let (url, status) = (response.url(), response.status());
    match response.json() {
        // An error carries its reason in the body, with a matching status.
        Ok(Body::Error { kind, error }) => Err(Error::new(format!(
            "{url} rejected the query: {kind}: {}",
            shortened(&error, SHOWN)
        ))),
        _ if !status.is_success() => Err(Error::new(format!("{url} responded with {status}"))),
        Ok(Body::Success { data, warnings }) => Ok(QueryResult {
            samples: samples(data)?,
            warnings,
        }),
        Err(error) => Err(error).context(format!("{url} did not return a Prometheus response")),
    }
}

fn samples(data: Data) -> Result<Vec<Sample>> {
    match data {
        Data::Vector(all) => all
            .into_iter()
            .map(|Vector { metric, value }| sample(series(metric), &value))
            .collect(),
        Data::Scalar(value) => Ok(vec![sample(String::new(), &value)?]),
        Data::String(_) => Err(Error::new(
            "the query returns a string; it must return numbers",
        )),
        Data::Matrix(_) => Err(Error::new(
            "the query returns ranges; it must return one number per series: wrap it, for example, in \
             `avg_over_time(…)`",
        )),
    }
}

fn sample(series: String, Point(_, text): &Point) -> Result<Sample> {
    let value = match text.as_str() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().with_context(|| {
            format!(
                "Prometheus returned `{}` as a number",
                shortened(text, SHOWN)
            )
        })?,
    };
    Ok(Sample { series, value })
}

/// Formats name and labels in PromQL.
fn series(mut labels: BTreeMap<String, String>) -> String {
    let name = labels.remove("__name__").unwrap_or_default();
    if labels.is_empty() {
        return shortened(&name, SHOWN);
    }
    let labels: Vec<_> = labels
        .iter()
        .map(|(label, value)| format!("{label}={value:?}"))
        .collect();
    shortened(&format!("{name}{{{}}}", labels.join(",")), SHOWN)
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Body {
    Success {
        data: Data,
        #[serde(default)]
        warnings: Vec<String>,
    },
    Error {
        #[serde(rename = "errorType")]
        kind: String,
        error: String,
    },
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<Vector>),
    Scalar(Point),
    String(serde::de::IgnoredAny),
    Matrix(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Vector {
    metric: BTreeMap<String, String>,
    value: Point,
}

/// A timestamp, and a number as text.
#[derive(Deserialize)]
struct Point(serde::de::IgnoredAny, String);
