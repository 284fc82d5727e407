//! Judges the numbers of a result: the worst one decides.

use std::cmp::Ordering;

use vitals_sdk::prelude::*;

use crate::{NoData, SHOWN, Sample, Settings, Unit};

/// The bounds of the value.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    degraded: Option<Bound>,
    unhealthy: Option<Bound>,
}

impl Bounds {
    pub(crate) fn of(settings: &Settings) -> Result<Self> {
        Ok(Self {
            degraded: one("degraded", settings.degraded_above, settings.degraded_below)?,
            unhealthy: one(
                "unhealthy",
                settings.unhealthy_above,
                settings.unhealthy_below,
            )?,
        })
    }

    /// Orders two values by which is worse, or closer to a bound.
    fn order(self, one: f64, other: f64) -> Ordering {
        match self.unhealthy.or(self.degraded) {
            Some(Bound::Below(_)) => other.total_cmp(&one),
            Some(Bound::Above(_)) | None => one.total_cmp(&other),
        }
    }
}

fn one(what: &str, above: Option<f64>, below: Option<f64>) -> Result<Option<Bound>> {
    match (above, below) {
        (Some(_), Some(_)) => Err(Error::new(format!(
            "`{what}_above` and `{what}_below` cannot both be set: use two checks"
        ))),
        _ => Ok(Bound::above(above).or(Bound::below(below))),
    }
}

pub(crate) fn judge(settings: &Settings, bounds: Bounds, samples: &[Sample]) -> Outcome {
    let numbers: Vec<_> = samples
        .iter()
        .filter(|sample| !sample.value.is_nan())
        .collect();
    let measured = |sample: &Sample| {
        measure(settings.unit, sample.value)
            .degraded(bounds.degraded)
            .unhealthy(bounds.unhealthy)
    };
    let worst = numbers.iter().max_by(|one, other| {
        let by_status = measured(one).status().cmp(&measured(other).status());
        by_status.then_with(|| bounds.order(one.value, other.value))
    });
    let Some(worst) = worst else {
        return no_data(settings, samples.len());
    };
    let value = measured(worst);
    let mut message = format!(
        "{} is {}{}",
        name(settings, worst),
        value.value_text(),
        value.remark()
    );
    if numbers.len() > 1 {
        let is_beyond = |sample: &&&Sample| measured(sample).status() != Status::Healthy;
        let all = numbers.len();
        message = match numbers.iter().filter(is_beyond).count() {
            0 => format!("{message}, the worst of {all} series"),
            1 => format!("{message}; 1 of {all} series is beyond its bound"),
            beyond => format!("{message}; {beyond} of {all} series are beyond their bounds"),
        };
    }
    Outcome::new(value.status(), message).measure(value)
}

fn no_data(settings: &Settings, series: usize) -> Outcome {
    let status = match settings.no_data {
        NoData::Healthy => Status::Healthy,
        NoData::Degraded => Status::Degraded,
        NoData::Unhealthy => Status::Unhealthy,
    };
    let what = settings.name.as_deref().unwrap_or(&settings.query);
    let what = shortened(what, SHOWN);
    Outcome::new(
        status,
        if series == 0 {
            format!("{what} has no series")
        } else {
            format!("{what} is not a number")
        },
    )
}

/// Returns the name of a number.
fn name(settings: &Settings, sample: &Sample) -> String {
    match &settings.name {
        None if sample.series.is_empty() => shortened(&settings.query, SHOWN),
        None => sample.series.clone(),
        Some(name) => match sample.series.split_once('{') {
            Some((_, labels)) => format!("{name} of {{{labels}"),
            None => name.clone(),
        },
    }
}

fn measure(unit: Unit, value: f64) -> Measurement {
    match unit {
        Unit::Count => count(MEASUREMENT, value),
        Unit::Seconds => seconds(MEASUREMENT, value),
        Unit::Bytes => bytes(MEASUREMENT, value),
        Unit::Ratio => ratio(MEASUREMENT, value),
    }
}

const MEASUREMENT: &str = "value";
