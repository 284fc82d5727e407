//! The backend inside the host: the contract's imports, and the export of the author's check.

mod http;
pub(crate) mod machine;
mod net;
pub(crate) mod time;
mod udp;

use std::time::Duration;

use serde_json::Value;
use vitals_values::MetricUpdate;

use super::bindings::exports::vitals::health::health_check as contract;
use super::bindings::vitals::health::{metrics, reporting, types};
use crate::metrics::{Problem, Series};
use crate::plugin::Check;
use crate::report::Level;
use crate::{Bound, Config, Deadline, Measurement, Outcome, Request, Status};

pub(crate) use http::exchange;
pub(crate) use net::{NetConnection, exchange_datagrams, look_up, ping};
pub(crate) use udp::UdpConnection;

impl<C: Check> contract::Guest for C {
    fn describe() -> contract::Description {
        let identity = C::IDENTITY;
        contract::Description {
            code: identity.code.to_owned(),
            version: identity.version.to_owned(),
            summary: identity.summary_of::<C::Settings>().to_owned(),
            config_schema: C::Settings::json_schema().to_string(),
            annotations: identity
                .annotations
                .iter()
                .filter(|(_, text)| !text.is_empty())
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
        }
    }

    fn check(request: contract::Request) -> Result<contract::Outcome, String> {
        let timeout = Duration::from_millis(request.timeout_ms.into());
        Deadline::within(timeout).begin_run();
        let settings = C::Settings::from_json(&request.config)
            .map_err(|error| format!("cannot read the configuration: {error}"))?;
        let mut own = Request::new(request.check);
        if let Some(previous) = request.previous {
            own = own.with_previous(status_from(previous));
        }
        Ok(outcome(C::run(settings, &own)))
    }
}

pub(crate) fn record(series: &Series, update: MetricUpdate<'_>) -> Result<(), Problem> {
    let Series { name, help, labels } = series;
    let label = |(name, value): &(String, String)| metrics::Label {
        name: name.clone(),
        value: value.clone(),
    };
    let labels: Vec<_> = labels.iter().map(label).collect();
    let recorded = match update {
        MetricUpdate::Add(amount) => metrics::counter_add(name, help, &labels, amount),
        MetricUpdate::Set(value) => metrics::gauge_set(name, help, &labels, value),
        MetricUpdate::Observe { value, buckets } => {
            metrics::histogram_observe(name, help, &labels, buckets, value)
        }
    };
    recorded.map_err(|error| match error {
        metrics::MetricsError::Invalid(problem) => Problem::Invalid(problem),
        metrics::MetricsError::Conflict(problem) => Problem::Conflict(problem),
        metrics::MetricsError::TooManySeries => Problem::TooManySeries,
    })
}

pub(crate) fn log(level: Level, message: &str) {
    reporting::log(level_to(level), message);
}

pub(crate) fn capture(level: Level, message: &str) -> Option<String> {
    reporting::capture(level_to(level), message)
}

fn level_to(level: Level) -> reporting::Level {
    match level {
        Level::Debug => reporting::Level::Debug,
        Level::Info => reporting::Level::Info,
        Level::Warning => reporting::Level::Warning,
        Level::Error => reporting::Level::Error,
    }
}

fn status_from(status: types::Status) -> Status {
    match status {
        types::Status::Healthy => Status::Healthy,
        types::Status::Degraded => Status::Degraded,
        types::Status::Unhealthy => Status::Unhealthy,
    }
}

fn outcome(outcome: Outcome) -> contract::Outcome {
    let status = match outcome.status() {
        Status::Healthy => types::Status::Healthy,
        Status::Degraded => types::Status::Degraded,
        Status::Unhealthy => types::Status::Unhealthy,
    };
    let measurements = outcome.measurements().iter().map(measurement).collect();
    let (message, details) = outcome.into_text();
    let details = details
        .into_iter()
        .map(|(key, value)| types::Detail {
            key,
            value: detail_value(value),
        })
        .collect();
    contract::Outcome {
        status,
        message,
        details,
        measurements,
    }
}

fn detail_value(value: Value) -> types::Value {
    match value {
        Value::String(text) => types::Value::Text(text),
        Value::Bool(value) => types::Value::Boolean(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => types::Value::Integer(integer),
            (None, Some(decimal)) if number.is_f64() => types::Value::Decimal(decimal),
            _ => types::Value::Json(number.to_string()),
        },
        other => types::Value::Json(other.to_string()),
    }
}

fn measurement(measurement: &Measurement) -> types::Measurement {
    let bound = |bound| match bound {
        Bound::Above(value) => types::Bound::Above(value),
        Bound::Below(value) => types::Bound::Below(value),
    };
    types::Measurement {
        name: measurement.name().to_owned(),
        value: measurement.value(),
        unit: measurement.unit().to_owned(),
        degraded_at: measurement.degraded_at().map(bound),
        unhealthy_at: measurement.unhealthy_at().map(bound),
    }
}
