//! The part of the metrics that is read from the host at each scrape.

use prometheus::proto::MetricFamily;

use super::family::{self, Family, number, truth};
use crate::check::{CheckName, Status};

/// The state of the host at a scrape.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// The status of each check; a stale result is `unknown` here.
    pub(crate) statuses: Vec<(CheckName, Status)>,
    /// The verdict over all checks.
    pub(crate) health: Status,
    /// Whether the host answers as ready.
    pub(crate) ready: bool,
    /// Whether the last scan could read the plugins directory.
    pub(crate) directory_readable: bool,
    /// The number of runs in flight.
    pub(crate) runs_in_flight: usize,
    /// The limit on concurrent runs.
    pub(crate) max_runs: usize,
    /// Ticks of the epoch clock since the start.
    pub(crate) epoch_ticks: u64,
}

#[cfg(test)]
impl Default for Moment {
    /// The state of a host without checks.
    fn default() -> Self {
        Self {
            statuses: Vec::new(),
            health: Status::Healthy,
            ready: true,
            directory_readable: true,
            runs_in_flight: 0,
            max_runs: 64,
            epoch_ticks: 0,
        }
    }
}

impl Moment {
    pub(super) fn families(&self) -> impl Iterator<Item = MetricFamily> {
        let states = |family: &Family, labels: &[&str], status: Status| {
            Status::ALL.map(|state| {
                let labels = [labels, &[state.as_str()]].concat();
                family.gauge(&labels, truth(state == status))
            })
        };
        let check = |(name, status): &(CheckName, Status)| {
            states(&family::CHECK_STATE, &[name.as_str()], *status)
        };
        let single = |family: &Family, value| family.of(vec![family.gauge(&[], value)]);
        let slots = |state, count: usize| family::GUEST_SLOTS.gauge(&[state], number(count as u64));
        let busy = self.runs_in_flight;
        let free = self.max_runs.saturating_sub(busy);
        let ticks = family::EPOCH_TICKS.counter(&[], self.epoch_ticks);
        [
            family::CHECK_STATE.of(self.statuses.iter().flat_map(check).collect()),
            family::HEALTH_STATE.of(states(&family::HEALTH_STATE, &[], self.health).into()),
            single(&family::READY, truth(self.ready)),
            single(
                &family::PLUGINS_DIR_READABLE,
                truth(self.directory_readable),
            ),
            single(&family::RUNS_IN_FLIGHT, number(busy as u64)),
            family::GUEST_SLOTS.of(vec![slots("busy", busy), slots("free", free)]),
            family::EPOCH_TICKS.of(vec![ticks]),
        ]
        .into_iter()
        .flatten()
    }
}
