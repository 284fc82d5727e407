//! Judges the findings: a status, and the message.

use vitals_sdk::prelude::*;

use crate::session::Row;
use crate::state::{Standby, State};
use crate::{Role, SHOWN, Settings};

/// The facts gathered about a server.
pub(crate) struct Findings {
    /// The first row that the query returned.
    pub(crate) value: Option<Row>,
    pub(crate) state: Option<State>,
    pub(crate) elapsed: Duration,
}

/// A part of the message, with its status.
type Part = (Status, String);

impl Findings {
    pub(crate) fn judge(self, settings: &Settings) -> Outcome {
        let value = self.value.map(|row| row.into_iter().next().flatten());
        let number = value
            .as_ref()
            .and_then(|value| value.as_deref()?.parse().ok());
        let number = number.filter(|number: &f64| !number.is_nan());
        let measured = number.map(|number| {
            count("value", number)
                .degraded(bound(
                    settings.value_degraded_above,
                    settings.value_degraded_below,
                ))
                .unhealthy(bound(
                    settings.value_unhealthy_above,
                    settings.value_unhealthy_below,
                ))
        });
        let mut parts = vec![value_part(settings, value.as_ref(), measured.as_ref())];
        let mut measurements: Vec<_> = measured.into_iter().collect();
        if let Some(state) = &self.state {
            let judged = JudgedState::new(state, settings);
            parts.extend(judged.parts);
            measurements.extend(judged.measurements);
        }
        let mut outcome = Outcome::worst(parts);
        outcome = measurements.into_iter().fold(outcome, Outcome::measure);
        if let Some(value) = value.flatten() {
            outcome = outcome.detail("value", shortened(&value, SHOWN));
        }
        if let Some(state) = &self.state {
            let role = if state.standby.is_some() {
                "standby"
            } else {
                "primary"
            };
            outcome = outcome.detail("role", role);
        }
        outcome.timed(
            self.elapsed,
            Thresholds {
                degraded_above: settings.degraded_above,
                unhealthy_above: settings.unhealthy_above,
            },
        )
    }
}

/// Judges the result of the query: no rows, NULL, or a text.
fn value_part(
    settings: &Settings,
    value: Option<&Option<String>>,
    measured: Option<&Measurement>,
) -> Part {
    let returned = match value {
        None => "the query returned no rows".to_owned(),
        Some(None) => "the query returned NULL".to_owned(),
        Some(Some(text)) => format!("the query returned {}", shortened(text, SHOWN)),
    };
    if let Some(expected) = &settings.expect
        && value != Some(&Some(expected.clone()))
    {
        let text = format!("{returned}, expected {}", shortened(expected, SHOWN));
        return (Status::Unhealthy, text);
    }
    match measured {
        Some(measured) => (
            measured.status(),
            format!("{returned}{}", measured.remark()),
        ),
        None if settings.wants_a_number() => (
            Status::Unhealthy,
            format!("{returned}, which is not a number"),
        ),
        None => (Status::Healthy, returned),
    }
}

/// The judged state of the server.
struct JudgedState {
    parts: Vec<Part>,
    measurements: Vec<Measurement>,
}

impl JudgedState {
    fn new(state: &State, settings: &Settings) -> Self {
        let mut judged = Self {
            parts: vec![role_part(state, settings.role)],
            measurements: Vec::new(),
        };
        if let Some(standby) = &state.standby {
            judged.replication(standby, settings);
        }
        judged.connections(state, settings);
        judged
    }

    fn replication(&mut self, standby: &Standby, settings: &Settings) {
        let disconnected = if standby.is_streaming {
            ""
        } else {
            ", not connected to its primary"
        };
        let Some(lag) = standby.lag else {
            let status = match settings.lag_limit() {
                Some(_) => Status::Degraded,
                None => Status::Healthy,
            };
            let text = format!(
                "the replication lag is unknown: the standby has replayed nothing since it started{disconnected}"
            );
            self.parts.push((status, text));
            return;
        };
        let lag = seconds("replication_lag", lag)
            .degraded(Bound::above(settings.lag_degraded_above))
            .unhealthy(Bound::above(settings.lag_unhealthy_above));
        let text = format!(
            "the standby is {} behind{disconnected}{}",
            lag.value_text(),
            lag.remark()
        );
        self.parts.push((lag.status(), text));
        self.measurements.push(lag);
    }

    fn connections(&mut self, state: &State, settings: &Settings) {
        let used = ratio(
            "connections_used",
            state.connections / state.max_connections,
        )
        .degraded(Bound::above(settings.connections_degraded_above))
        .unhealthy(Bound::above(settings.connections_unhealthy_above));
        if used.degraded_at().or(used.unhealthy_at()).is_some() {
            let text = format!(
                "{} of {} connections are in use{}",
                used.value_text(),
                state.max_connections,
                used.remark()
            );
            self.parts.push((used.status(), text));
        }
        self.measurements.push(used);
    }
}

fn role_part(state: &State, wanted: Option<Role>) -> Part {
    let role = match state.standby {
        Some(_) => Role::Standby,
        None => Role::Primary,
    };
    match wanted {
        Some(wanted) if wanted != role => {
            let text = format!("the server is a {}, not a {}", role.name(), wanted.name());
            (Status::Unhealthy, text)
        }
        _ => (Status::Healthy, format!("the server is a {}", role.name())),
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
        }
    }
}

impl Settings {
    fn wants_a_number(&self) -> bool {
        let bounds = [
            self.value_degraded_above,
            self.value_degraded_below,
            self.value_unhealthy_above,
            self.value_unhealthy_below,
        ];
        bounds.iter().any(Option::is_some)
    }
}

/// Returns the bound that is set.
fn bound(above: Option<f64>, below: Option<f64>) -> Option<Bound> {
    above.map(Bound::Above).or(below.map(Bound::Below))
}
