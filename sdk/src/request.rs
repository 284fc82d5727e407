//! What the host passes to a run.

use crate::Status;

/// What the host passes to a run: the optional second parameter of a check function.
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
    previous: Option<Status>,
}

impl Request {
    /// Makes a request for tests: the first run of the check with this name.
    pub fn new(check: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            previous: None,
        }
    }

    /// Sets the status of the previous run.
    #[must_use]
    pub fn with_previous(mut self, previous: Status) -> Self {
        self.previous = Some(previous);
        self
    }

    /// Returns the name of the check, as `/health` shows it.
    pub fn check(&self) -> &str {
        &self.check
    }

    /// Returns the status of the previous run of this check, or `None` for the first run.
    pub fn previous(&self) -> Option<Status> {
        self.previous
    }
}
