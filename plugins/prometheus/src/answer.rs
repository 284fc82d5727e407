//! What Prometheus answers: the samples of an instant query, or why there are none.
//!
//! The format is that of the HTTP API, <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use std::collections::BTreeMap;

use serde::Deserialize;
use vitals_sdk::http::Response;
use vitals_sdk::prelude::*;

use crate::SHOWN;

/// The answer to an instant query.
pub(crate) struct Answer {
    pub(crate) samples: Vec<Sample>,
    /// What Prometheus says of a query that it answers all the same.
    pub(crate) warnings: Vec<String>,
}

/// A series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The series as PromQL writes it: `up{job="shop"}`; empty for a number without labels.
    pub(crate) series: String,
    pub(crate) value: f64,
}

pub(crate) fn read(response: &Response) -> Result<Answer> {
    let (url, status) = (response.url(), response.status());
    match response.json() {
        // It says why, with a status that fits.
        Ok(Said::Error { kind, error }) => Err(Error::new(format!(
            "{url} refuses the query: {kind}: {}",
            shortened(&error, SHOWN)
        ))),
        _ if !status.is_success() => Err(Error::new(format!("{url} answered {status}"))),
        Ok(Said::Success { data, warnings }) => Ok(Answer {
            samples: samples(data)?,
            warnings,
        }),
        Err(error) => Err(error).context(format!("{url} does not answer as Prometheus")),
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
            "the query answers a text; it has to answer numbers",
        )),
        Data::Matrix(_) => Err(Error::new(
            "the query answers ranges; it has to answer one number for each series: put for example \
             `avg_over_time(…)` around it",
        )),
    }
}

fn sample(series: String, Point(_, text): &Point) -> Result<Sample> {
    let value = match text.as_str() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().with_context(|| {
            format!(
                "Prometheus answers `{}` as a number",
                shortened(text, SHOWN)
            )
        })?,
    };
    Ok(Sample { series, value })
}

/// Name and labels as PromQL writes them.
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
enum Said {
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

/// A moment, and a number as text.
#[derive(Deserialize)]
struct Point(serde::de::IgnoredAny, String);
