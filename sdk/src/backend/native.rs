//! Outside of the host: what needs one says so.

pub(crate) mod machine;
pub(crate) mod time;

use crate::Deadline;
use crate::http::{Problem, Reply, Wire};
use crate::metrics::{MetricsError, Series};
use crate::report::Level;
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

pub(crate) fn exchange(_request: &Wire<'_>, _deadline: Deadline) -> Result<Reply, Problem> {
    Err(Problem::NoHost)
}

pub(crate) fn counter_add(series: &Series, _amount: f64) -> Result<(), MetricsError> {
    no_metrics(series)
}

pub(crate) fn gauge_set(series: &Series, _value: f64) -> Result<(), MetricsError> {
    no_metrics(series)
}

pub(crate) fn histogram_observe(series: &Series, _: &[f64], _: f64) -> Result<(), MetricsError> {
    no_metrics(series)
}

pub(crate) fn log(_level: Level, _message: &str) {}

pub(crate) fn capture(_level: Level, _message: &str) -> Option<String> {
    None
}

fn no_metrics(series: &Series) -> Result<(), MetricsError> {
    Err(MetricsError::NoHost {
        name: series.name.clone(),
    })
}
