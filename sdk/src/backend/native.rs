//! The backend outside the host: a test's world. Without a world, functions that need the host
//! return an error.

pub(crate) mod machine;
mod tcp;
pub(crate) mod time;
mod tls;
mod udp;

use crate::Deadline;
use crate::http::{Problem, RawRequest, RawResponse};
use crate::metrics::{MetricsError, Series};
use crate::report::Level;
use crate::testing::{World, current};

pub(crate) use tcp::TcpConnection;
pub(crate) use tls::TlsConnection;
pub(crate) use udp::{UdpConnection, look_up};

pub(crate) fn exchange(
    request: &RawRequest<'_>,
    deadline: Deadline,
) -> Result<RawResponse, Problem> {
    current()
        .ok_or(Problem::NoHost)?
        .exchange(request, deadline)
}

pub(crate) fn counter_add(series: &Series, amount: f64) -> Result<(), MetricsError> {
    world_of(series)?.counter_add(series, amount)
}

pub(crate) fn gauge_set(series: &Series, value: f64) -> Result<(), MetricsError> {
    world_of(series)?.gauge_set(series, value)
}

pub(crate) fn histogram_observe(
    series: &Series,
    buckets: &[f64],
    value: f64,
) -> Result<(), MetricsError> {
    world_of(series)?.histogram_observe(series, buckets, value)
}

pub(crate) fn log(level: Level, message: &str) {
    if let Some(world) = current() {
        world.log(level, message);
    }
}

pub(crate) fn capture(level: Level, message: &str) -> Option<String> {
    current()?.capture(level, message)
}

fn world_of(series: &Series) -> Result<World, MetricsError> {
    current().ok_or_else(|| MetricsError::NoHost {
        name: series.name.clone(),
    })
}
