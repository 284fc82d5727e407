//! The limits of one run as the sandbox arms them.

use std::ops::Deref;
use std::time::Duration;

use vitals_model::Limits;

/// The limits of one run, and how long it may take.
#[derive(Clone, Debug)]
pub(super) struct RunLimits {
    pub(super) timeout: Duration,
    pub(super) limits: Limits,
}

impl Deref for RunLimits {
    type Target = Limits;

    fn deref(&self) -> &Limits {
        &self.limits
    }
}

/// Streams, pollables and other handles that one run may hold.
pub(super) const MAX_RESOURCES: usize = 1_000;
