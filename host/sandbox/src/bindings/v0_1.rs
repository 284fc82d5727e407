//! `vitals:health@0.1.0`: its types, their conversions, and the calls into a guest.
//!
//! The modules below implement the interfaces that the world imports.

mod files;
mod http;
mod metrics;
mod net;
mod reporting;
mod system;

use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

use self::generated::Plugin;
pub(super) use self::generated::PluginPre;
use self::generated::vitals::health::types;
use crate::contract::{CheckAnswer, CheckRequest, RawDescription};
use crate::state::State;
use vitals_model::{Bound, Detail, DetailValue, Measurement, OutcomeParts, Status};

mod generated {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "plugin",
        imports: {
            "vitals:health/files": async | trappable,
            "vitals:health/http": async | trappable,
            "vitals:health/net": async | trappable,
            "vitals:health/system": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        require_store_data_send: true,
        with: { "vitals:health/net.connection": crate::net::Connection },
    });
}

pub(super) const VERSION: &str = "0.1.0";
/// The interfaces of the package that a component may import.
pub(super) const INTERFACES: &[&str] = &[
    "types",
    "metrics",
    "reporting",
    "net",
    "http",
    "files",
    "system",
];

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    Plugin::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

pub(super) async fn describe(
    plugin: &PluginPre<State>,
    store: &mut Store<State>,
) -> wasmtime::Result<RawDescription> {
    let instance = plugin.instantiate_async(&mut *store).await?;
    let plugin = instance.vitals_health_health_check();
    Ok(plugin.call_describe(store).await?.into())
}

pub(super) async fn check(
    plugin: &PluginPre<State>,
    store: &mut Store<State>,
    request: &CheckRequest<'_>,
) -> wasmtime::Result<CheckAnswer> {
    let instance = plugin.instantiate_async(&mut *store).await?;
    let plugin = instance.vitals_health_health_check();
    let answer = plugin.call_check(store, &request.into()).await?;
    Ok(answer.map(from_outcome))
}

impl types::Host for State {}

impl From<&CheckRequest<'_>> for types::Request {
    fn from(request: &CheckRequest<'_>) -> Self {
        Self {
            check: request.check.to_string(),
            config: request.config.to_owned(),
            timeout_ms: u32::try_from(request.timeout.as_millis()).unwrap_or(u32::MAX),
            previous: request.previous.and_then(to_status),
        }
    }
}

impl From<types::Description> for RawDescription {
    fn from(description: types::Description) -> Self {
        let types::Description {
            code,
            version,
            summary,
            config_schema,
            annotations,
        } = description;
        Self {
            code,
            version,
            summary,
            config_schema,
            annotations,
        }
    }
}

fn from_outcome(outcome: types::Outcome) -> (Status, OutcomeParts) {
    let status = match outcome.status {
        types::Status::Healthy => Status::Healthy,
        types::Status::Degraded => Status::Degraded,
        types::Status::Unhealthy => Status::Unhealthy,
    };
    let details = outcome.details.into_iter().map(Detail::from).collect();
    let measurements = outcome.measurements.into_iter();
    let measurements = measurements.map(Measurement::from).collect();
    (
        status,
        OutcomeParts::new(outcome.message, details, measurements),
    )
}

impl From<types::Detail> for Detail {
    fn from(detail: types::Detail) -> Self {
        let value = match detail.value {
            types::Value::Text(text) => DetailValue::Text(text),
            types::Value::Integer(number) => DetailValue::Integer(number),
            types::Value::Decimal(number) => DetailValue::Decimal(number),
            types::Value::Boolean(truth) => DetailValue::Boolean(truth),
            types::Value::Json(document) => DetailValue::Json(document),
        };
        Self::new(detail.key, value)
    }
}

impl From<types::Measurement> for Measurement {
    fn from(measurement: types::Measurement) -> Self {
        Self::new(measurement.name, measurement.value, measurement.unit)
            .degraded(measurement.degraded_at.map(Bound::from))
            .unhealthy(measurement.unhealthy_at.map(Bound::from))
    }
}

impl From<types::Bound> for Bound {
    fn from(bound: types::Bound) -> Self {
        match bound {
            types::Bound::Above(value) => Self::Above(value),
            types::Bound::Below(value) => Self::Below(value),
        }
    }
}

/// Converts a status. The contract has no `unknown`.
fn to_status(status: Status) -> Option<types::Status> {
    match status {
        Status::Healthy => Some(types::Status::Healthy),
        Status::Degraded => Some(types::Status::Degraded),
        Status::Unhealthy => Some(types::Status::Unhealthy),
        Status::Unknown => None,
    }
}
