//! Notifications about transitions: a real Alertmanager, and webhooks.

mod alertmanager;
mod hostile;
mod proxy;
mod webhook;

use std::sync::Arc;

use parking_lot::Mutex;
use vitals_host::Outcome;
use vitals_host::check::Status;
use vitals_tests::{TestHost, TestHostBuilder, eventually};

/// The status of the native check `native`, which a test changes.
#[derive(Clone, Debug)]
struct Patient(Arc<Mutex<Status>>);

impl Patient {
    fn new(status: Status) -> Self {
        Self(Arc::new(Mutex::new(status)))
    }

    fn is(&self, status: Status) {
        *self.0.lock() = status;
    }

    /// A host that runs this check every second.
    fn watched(&self, config: &str) -> TestHostBuilder {
        let patient = self.clone();
        let check = move || {
            let outcome = match *patient.0.lock() {
                Status::Healthy => Outcome::healthy("well"),
                Status::Degraded => Outcome::degraded("limps"),
                _ => Outcome::unhealthy("is down").detail("rack", 7),
            };
            async move { outcome }
        };
        let builder = TestHost::builder().config(OFTEN).config(config);
        builder.with(|host| host.check("native", check))
    }
}

/// Often, and with enough time on a busy machine.
const OFTEN: &str = "[defaults]\ninterval = '1s'\ntimeout = '1s'\n";

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
