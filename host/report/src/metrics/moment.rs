//! The part of the metrics that is read from the host at each scrape.

use prometheus::proto::MetricFamily;

use super::family::{self, Family, bool_value, number};
use vitals_core::Moment;
use vitals_model::{CheckName, Status};

/// Returns the metrics of a moment.
pub(super) fn families(moment: &Moment) -> impl Iterator<Item = MetricFamily> {
    let states = |family: &Family, labels: &[&str], status: Status| {
        Status::ALL.map(|state| {
            let labels = [labels, &[state.as_str()]].concat();
            family.gauge(&labels, bool_value(state == status))
        })
    };
    let check = |(name, status): &(CheckName, Status)| {
        states(&family::CHECK_STATE, &[name.as_str()], *status)
    };
    let single = |family: &Family, value| family.of(vec![family.gauge(&[], value)]);
    let slots = |state, count: usize| family::GUEST_SLOTS.gauge(&[state], number(count as u64));
    let busy = moment.runs_in_flight;
    let free = moment.max_runs.saturating_sub(busy);
    let ticks = family::EPOCH_TICKS.counter(&[], moment.epoch_ticks);
    [
        family::CHECK_STATE.of(moment.statuses.iter().flat_map(check).collect()),
        family::HEALTH_STATE.of(states(&family::HEALTH_STATE, &[], moment.health).into()),
        single(&family::READY, bool_value(moment.ready)),
        single(
            &family::PLUGINS_DIR_READABLE,
            bool_value(moment.directory_readable),
        ),
        single(&family::RUNS_IN_FLIGHT, number(busy as u64)),
        family::GUEST_SLOTS.of(vec![slots("busy", busy), slots("free", free)]),
        family::EPOCH_TICKS.of(vec![ticks]),
    ]
    .into_iter()
    .flatten()
}

/// Returns the state of a host without checks.
#[cfg(test)]
pub(crate) fn idle() -> Moment {
    Moment {
        statuses: Vec::new(),
        health: Status::Healthy,
        ready: true,
        directory_readable: true,
        runs_in_flight: 0,
        max_runs: 64,
        epoch_ticks: 0,
    }
}
