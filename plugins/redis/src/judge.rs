//! Judges the responses: a status, and the message.

use vitals_sdk::Quantity as _;
use vitals_sdk::prelude::*;

use crate::info::{Info, Link, Memory};
use crate::{Role, Settings};

/// Judges a server that answered PING, and its INFO, if it was requested.
///
/// `parts` are what was judged of the cluster and by a Sentinel.
pub(crate) fn judge(
    settings: &Settings,
    info: Option<&Info>,
    parts: Vec<(Status, String)>,
) -> Outcome {
    let Some(info) = info else {
        if parts.is_empty() {
            return Outcome::healthy(format!("redis {} answered PING", settings.address));
        }
        return Outcome::worst(parts);
    };
    let mut judged = Judged {
        parts,
        measurements: Vec::new(),
    };
    judged.role(info.role(), settings.role);
    if let Some(link) = info.link {
        judged.replication(link, settings);
    }
    judged.memory(info.memory, settings);
    judged.clients(info.clients, settings);
    if settings.saves && !info.failed_saves.is_empty() {
        let text = format!("the last save failed: {}", info.failed_saves.join(", "));
        judged.parts.push((Status::Degraded, text));
    }
    judged
        .measurements
        .into_iter()
        .fold(Outcome::worst(judged.parts), Outcome::measure)
        .detail("role", info.role().name())
}

/// The judged parts so far.
struct Judged {
    parts: Vec<(Status, String)>,
    measurements: Vec<Measurement>,
}

impl Judged {
    fn role(&mut self, role: Role, wanted: Option<Role>) {
        self.parts.push(match wanted {
            Some(wanted) if wanted != role => (
                Status::Unhealthy,
                format!("the server is a {}, not a {}", role.name(), wanted.name()),
            ),
            _ => (Status::Healthy, format!("the server is a {}", role.name())),
        });
    }

    fn replication(&mut self, link: Link, settings: &Settings) {
        let lag = |of: u32| {
            seconds("replication_lag", of)
                .degraded(Bound::above(settings.lag_degraded_above))
                .unhealthy(Bound::above(settings.lag_unhealthy_above))
        };
        let (status, text) = match link {
            Link::Up(ago) => {
                let lag = lag(ago);
                let text = format!(
                    "the replica last heard from its master {} ago{}",
                    lag.value_text(),
                    lag.remark()
                );
                let status = lag.status();
                self.measurements.push(lag);
                (status, text)
            }
            Link::Down(since) => {
                let lag = lag(since);
                let text = format!(
                    "the replica lost its master {} ago{}",
                    lag.value_text(),
                    lag.remark()
                );
                let status = lag.status().max(Status::Degraded);
                self.measurements.push(lag);
                (status, text)
            }
            Link::Syncing => (
                Status::Degraded,
                "the replica is in full synchronization with its master".to_owned(),
            ),
            Link::Never => (
                Status::Unhealthy,
                "the replica has not reached its master since it started".to_owned(),
            ),
        };
        self.parts.push((status, text));
    }

    fn memory(&mut self, memory: Option<Memory>, settings: &Settings) {
        let measured = |share: f64| {
            ratio("memory_used", share)
                .degraded(Bound::above(settings.memory_degraded_above))
                .unhealthy(Bound::above(settings.memory_unhealthy_above))
        };
        let Some(memory) = memory else {
            if is_bounded(&measured(0.0)) {
                let text = "the server does not report its memory: remove the bounds on memory";
                self.parts.push((Status::Unhealthy, text.to_owned()));
            }
            return;
        };
        let used = measured(memory.used.quantity() / memory.limit.quantity());
        if is_bounded(&used) {
            let text = format!(
                "{} of the memory is in use{}, {} of {}",
                used.value_text(),
                used.remark(),
                bytes_text(memory.used),
                bytes_text(memory.limit)
            );
            self.parts.push((used.status(), text));
        }
        self.measurements.push(used);
    }

    fn clients(&mut self, clients: Option<(f64, f64)>, settings: &Settings) {
        let measured = |share: f64| {
            ratio("clients_used", share)
                .degraded(Bound::above(settings.clients_degraded_above))
                .unhealthy(Bound::above(settings.clients_unhealthy_above))
        };
        let Some((connected, most)) = clients else {
            if is_bounded(&measured(0.0)) {
                let text =
                    "the server does not report its limit on clients: remove the bounds on clients";
                self.parts.push((Status::Unhealthy, text.to_owned()));
            }
            return;
        };
        let used = measured(connected / most);
        if is_bounded(&used) {
            let text = format!(
                "{} of {most} clients are connected{}",
                used.value_text(),
                used.remark()
            );
            self.parts.push((used.status(), text));
        }
        self.measurements.push(used);
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Replica => "replica",
        }
    }
}

/// Returns whether a bound is configured.
fn is_bounded(measurement: &Measurement) -> bool {
    measurement
        .degraded_at()
        .or(measurement.unhealthy_at())
        .is_some()
}
