//! Outside of the host: a test's world, and where there is none, what needs a host says so.

pub(crate) mod machine;
pub(crate) mod time;

use crate::Deadline;
use crate::http::{Problem, Reply, Wire};
use crate::metrics::{MetricsError, Series};
use crate::report::Level;
use crate::testing::{World, current};
use crate::{Address, tls};

/// No connection is ever made here, so that there is none to use.
#[derive(Debug)]
pub(crate) enum TlsConnection {}

impl TlsConnection {
    pub(crate) fn connect(_: &Address, _: Deadline) -> Result<Self, tls::Problem> {
        Err(tls::Problem::NoHost)
    }

    pub(crate) fn read(&self, _: usize, _: Deadline) -> Result<Vec<u8>, tls::Problem> {
        match *self {}
    }

    pub(crate) fn write(&self, _: &[u8], _: Deadline) -> Result<(), tls::Problem> {
        match *self {}
    }

    pub(crate) fn start_tls(
        &self,
        _: &str,
        _: bool,
        _: Deadline,
    ) -> Result<tls::Handshake, tls::Problem> {
        match *self {}
    }
}

pub(crate) fn exchange(request: &Wire<'_>, deadline: Deadline) -> Result<Reply, Problem> {
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
