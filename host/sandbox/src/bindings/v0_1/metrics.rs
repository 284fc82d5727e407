//! `vitals:health/metrics@0.1.0`.

use super::generated::vitals::health::metrics::{Host, Label, MetricsError};
use crate::contract;
use crate::state::State;
use vitals_model::MetricUpdate;

type Taken = Result<(), MetricsError>;

impl Host for State {
    fn counter_add(
        &mut self,
        name: String,
        help: String,
        labels: Vec<Label>,
        amount: f64,
    ) -> wasmtime::Result<Taken> {
        let update = MetricUpdate::Add(amount);
        Ok(sample(self, &name, &help, labels, update))
    }

    fn gauge_set(
        &mut self,
        name: String,
        help: String,
        labels: Vec<Label>,
        value: f64,
    ) -> wasmtime::Result<Taken> {
        let update = MetricUpdate::Set(value);
        Ok(sample(self, &name, &help, labels, update))
    }

    fn histogram_observe(
        &mut self,
        name: String,
        help: String,
        labels: Vec<Label>,
        buckets: Vec<f64>,
        value: f64,
    ) -> wasmtime::Result<Taken> {
        let buckets = &buckets;
        let update = MetricUpdate::Observe { value, buckets };
        Ok(sample(self, &name, &help, labels, update))
    }
}

fn sample(
    state: &State,
    name: &str,
    help: &str,
    labels: Vec<Label>,
    update: MetricUpdate<'_>,
) -> Taken {
    let label = |Label { name, value }| contract::Label { name, value };
    let labels: Vec<_> = labels.into_iter().map(label).collect();
    let taken = state.run_log.sample(name, help, &labels, update);
    taken.map_err(MetricsError::from)
}

convert_cases! {
    MetricsError { Invalid(why), Conflict(how), TooManySeries }
}
