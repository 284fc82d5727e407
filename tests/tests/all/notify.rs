//! Who is notified when a check turns: a real Alertmanager, and webhooks.

mod alertmanager;
mod hostile;
mod proxy;
mod webhook;

use std::sync::{Arc, Mutex, PoisonError};

use vitals_host::Outcome;
use vitals_host::check::Status;
use vitals_tests::{TestHostBuilder, eventually};

/// What a native check of a test finds, as the test says it.
#[derive(Clone, Debug)]
struct Patient(Arc<Mutex<Status>>);

impl Patient {
    fn new(status: Status) -> Self {
        Self(Arc::new(Mutex::new(status)))
    }

    fn is(&self, status: Status) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    /// A host that looks at it all the time, as the check `name`.
    fn watched_as(&self, name: &str, host: TestHostBuilder) -> TestHostBuilder {
        let patient = self.clone();
        host.with(|builder| {
            builder.check(name, move || {
                let status = *patient.0.lock().unwrap_or_else(PoisonError::into_inner);
                async move {
                    match status {
                        Status::Healthy => Outcome::healthy("well"),
                        Status::Degraded => Outcome::degraded("limps"),
                        _ => Outcome::unhealthy("is down").detail("rack", 7),
                    }
                }
            })
        })
    }
}

/// Often, and with time enough on a machine that is busy.
const OFTEN: &str = "[defaults]\ninterval = '1s'\ntimeout = '1s'\n";

/// The value of a series on `/metrics`.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let of_it = |line: &&str| {
        let rest = line.strip_prefix(series);
        rest.is_some_and(|rest| rest.starts_with(' '))
    };
    metrics
        .lines()
        .find(of_it)?
        .rsplit(' ')
        .next()?
        .parse()
        .ok()
}

/// Waits until there are so many of something.
async fn so_many<T: std::fmt::Debug>(what: &str, count: usize, all: impl Fn() -> Vec<T>) -> Vec<T> {
    eventually(&format!("{count} {what}"), async || {
        let all = all();
        if all.len() >= count {
            Ok(all)
        } else {
            Err(format!("{all:#?}"))
        }
    })
    .await
}
