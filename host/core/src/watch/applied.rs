//! What schedule and board were last brought in line with, check by check.

use std::sync::Arc;

use crate::catalog::{CheckError, CheckState, GuestCheck};
use crate::native::NativeCheck;
use vitals_config::CheckConfig;

/// What a check was brought in line with.
pub(super) struct Applied {
    pub(super) check: Arc<CheckConfig>,
    pub(super) on: Runner,
}

/// What it runs on.
pub(super) enum Runner {
    Loading,
    Guest(Arc<GuestCheck>),
    Native(NativeCheck),
    Failed(CheckError),
}

impl Applied {
    /// Whether there is nothing to do.
    pub(super) fn is(&self, check: &CheckConfig, state: &CheckState) -> bool {
        let same = match (&self.on, state) {
            (Runner::Loading, CheckState::Loading) => true,
            (Runner::Guest(one), CheckState::Guest(other)) => Arc::ptr_eq(one, other),
            (Runner::Native(one), CheckState::Native(other)) => one.is(other),
            (Runner::Failed(one), CheckState::Failed(other)) => one == other,
            _ => false,
        };
        same && *self.check == *check
    }
}
