//! What the host tells one run.

use std::time::Duration;

use crate::{Deadline, Status};

/// What the host tells one run: the optional second parameter of a check function.
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// fn was_healthy(request: &Request) -> bool {
///     request.previous() == Some(Status::Healthy)
/// }
///
/// // In a test:
/// let request = Request::new("orders-db").with_previous(Status::Healthy);
/// assert!(was_healthy(&request));
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    check: String,
    deadline: Deadline,
    previous: Option<Status>,
}

impl Request {
    /// A request for the check of this name, for tests: the first run, with the time of the
    /// [`World`](crate::testing::World) that it is made in, or a day without one.
    pub fn new(check: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            deadline: Deadline::of_run(),
            previous: None,
        }
    }

    /// The same with a run that has this much time.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.deadline = Deadline::within(timeout);
        self
    }

    /// The same after a run that found this.
    #[must_use]
    pub fn with_previous(mut self, previous: Status) -> Self {
        self.previous = Some(previous);
        self
    }

    /// The name of the check that this run is for, as `/health` shows it.
    pub fn check(&self) -> &str {
        &self.check
    }

    /// When this run has to be done.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// What the last run of this check found; nothing on the first one.
    pub fn previous(&self) -> Option<Status> {
        self.previous
    }
}
