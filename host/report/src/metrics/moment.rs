//! The part of the metrics that is read from the host at each scrape.

use super::family::{self, FamilySeries, bool_value, number};
use vitals_core::Moment;
use vitals_model::Status;

/// Adds the metrics of a moment.
pub(super) fn add(moment: &Moment, series: &mut FamilySeries) {
    for (check, status) in &moment.statuses {
        for state in Status::ALL {
            let labels = [check.as_str(), state.as_str()];
            series.gauge(&family::CHECK_STATE, &labels, bool_value(state == *status));
        }
    }
    for state in Status::ALL {
        let is_it = bool_value(state == moment.health);
        series.gauge(&family::HEALTH_STATE, &[state.as_str()], is_it);
    }
    let readable = bool_value(moment.directory_readable);
    let (busy, max) = (moment.runs_in_flight, moment.max_runs);
    series.gauge(&family::READY, &[], bool_value(moment.ready));
    series.gauge(&family::PLUGINS_DIR_READABLE, &[], readable);
    series.gauge(&family::RUNS_IN_FLIGHT, &[], number(busy as u64));
    for (state, count) in [("busy", busy), ("free", max.saturating_sub(busy))] {
        series.gauge(&family::GUEST_SLOTS, &[state], number(count as u64));
    }
    series.counter(&family::EPOCH_TICKS, &[], moment.epoch_ticks);
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
