//! The backend outside the host: a test's world. Without a world, functions that need the host
//! return an error.

pub(crate) mod machine;
mod net;
pub(crate) mod time;
mod udp;

use vitals_values::MetricUpdate;

use crate::Deadline;
use crate::http::{Problem, RawFailure, RawRequest, RawResponse};
use crate::metrics::{self, Series};
use crate::report::Level;
use crate::testing::current;

pub(crate) use net::{NetConnection, look_up, ping};
pub(crate) use udp::{UdpConnection, exchange_datagrams};

pub(crate) fn exchange(
    request: &RawRequest<'_>,
    deadline: Deadline,
) -> Result<RawResponse, Box<RawFailure>> {
    current()
        .ok_or(Problem::NoHost)?
        .exchange(request, deadline)
}

pub(crate) fn record(series: &Series, update: MetricUpdate<'_>) -> Result<(), metrics::Problem> {
    current()
        .ok_or(metrics::Problem::NoHost)?
        .record(series, update)
}

pub(crate) fn log(level: Level, message: &str) {
    if let Some(world) = current() {
        world.log(level, message);
    }
}

pub(crate) fn capture(level: Level, message: &str) -> Option<String> {
    Some(current()?.capture(level, message))
}
