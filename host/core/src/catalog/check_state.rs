//! The state of a check: a plugin bound to its configuration and grants, a native check, or the
//! reason why it can't run.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::check_error::{BindError, CheckError, NotRegistered};
use crate::native::NativeCheck;
use crate::schedule::Probe;
use vitals_config::{CheckConfig, Secrets};
use vitals_model::{CheckName, RunReport, Status};
use vitals_sandbox::{Plugin, Task};

/// What a check runs on.
#[derive(Clone, Debug)]
pub(crate) enum CheckState {
    /// A plugin runs the check.
    Guest(Arc<GuestCheck>),
    /// A native check.
    Native(NativeCheck),
    /// The plugin is being loaded for the first time.
    Loading,
    /// The configuration names a native check that is not registered.
    NotRegistered(NotRegistered),
    /// The check can't run, for this reason; code `load`.
    Failed(CheckError),
    /// The plugin was dropped in and needs a configuration before it becomes a check.
    NeedsConfig(BindError),
}

impl CheckState {
    /// Returns whether a check in this state would go on as in the other one.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Loading, Self::Loading) => true,
            (Self::Guest(one), Self::Guest(other)) => Arc::ptr_eq(one, other),
            (Self::Native(one), Self::Native(other)) => one.is_same(other),
            (Self::Failed(one), Self::Failed(other)) => one == other,
            _ => false,
        }
    }
}

/// The state and configuration of every check.
pub(crate) type CheckStates = BTreeMap<CheckName, (Arc<CheckConfig>, CheckState)>;

/// A plugin bound to the configuration and grants of one check.
#[derive(Debug)]
pub(crate) struct GuestCheck {
    pub(crate) plugin: Arc<Plugin>,
    task: ArcSwap<Task>,
}

impl GuestCheck {
    pub(super) fn new(plugin: Arc<Plugin>, task: Task) -> Self {
        Self {
            plugin,
            task: ArcSwap::from_pointee(task),
        }
    }

    /// Returns the task that the plugin runs.
    pub(crate) fn task(&self) -> Arc<Task> {
        self.task.load_full()
    }

    /// Replaces the secrets with those of a new configuration that leaves the check unchanged.
    pub(super) fn renew_secrets(&self, secrets: &Secrets) {
        let task = self.task();
        let secrets = Arc::new(task.secrets.layered_on(secrets));
        let task = Task::clone(&task);
        self.task.store(Arc::new(Task { secrets, ..task }));
    }

    /// Returns the grants as text for display. A grant made from a secret is listed with the secret
    /// redacted.
    pub(crate) fn shown_grants(&self) -> Vec<String> {
        let task = self.task();
        let grants = task.grants.iter().map(ToString::to_string);
        grants
            .map(|grant| task.secrets.line(&grant, GRANT_BYTES).into())
            .collect()
    }
}

impl Probe for GuestCheck {
    fn run(&self, previous: Option<Status>) -> Pin<Box<dyn Future<Output = RunReport> + Send>> {
        let (plugin, task) = (Arc::clone(&self.plugin), self.task());
        Box::pin(async move { plugin.run_here(&task, previous).await })
    }

    fn spawn_loop(&self, check_loop: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.plugin.spawn_on_guest_runtime(check_loop);
    }
}

/// Enough for the longest path and its prefix.
pub(super) const GRANT_BYTES: usize = 8 << 10;
