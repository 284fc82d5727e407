//! The state of each check that was last applied to the schedule and the board.

use std::sync::Arc;

use crate::catalog::{CheckError, CheckState, GuestCheck};
use crate::native::NativeCheck;
use vitals_config::CheckConfig;

/// The last applied state of a check.
pub(super) struct Applied {
    pub(super) check: Arc<CheckConfig>,
    pub(super) runner: Runner,
}

/// What runs the check.
pub(super) enum Runner {
    Loading,
    Guest(Arc<GuestCheck>),
    Native(NativeCheck),
    Failed(CheckError),
}

impl Applied {
    /// Returns whether the check is already in this state.
    pub(super) fn matches(&self, check: &CheckConfig, state: &CheckState) -> bool {
        let same = match (&self.runner, state) {
            (Runner::Loading, CheckState::Loading) => true,
            (Runner::Guest(one), CheckState::Guest(other)) => Arc::ptr_eq(one, other),
            (Runner::Native(one), CheckState::Native(other)) => one.is_same(other),
            (Runner::Failed(one), CheckState::Failed(other)) => one == other,
            _ => false,
        };
        same && *self.check == *check
    }
}
