//! What a check stands on: a plugin bound to its configuration and grants, a native check, or the
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

/// What a check stands on.
#[derive(Clone, Debug)]
pub(crate) enum CheckState {
    /// A plugin that can run it.
    Guest(Arc<GuestCheck>),
    /// A native check.
    Native(NativeCheck),
    /// Its plugin is being loaded for the first time.
    Loading,
    /// The configuration has it for a native check, and none of its name is registered.
    NotRegistered(NotRegistered),
    /// Nothing runs, and this is why: code `load`.
    Failed(CheckError),
    /// The plugin was dropped in and needs a configuration first; it is no check yet.
    NeedsConfig(BindError),
}

/// What every check stands on, with its configuration.
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

    /// What the plugin is asked to do.
    pub(crate) fn task(&self) -> Arc<Task> {
        self.task.load_full()
    }

    /// Takes in the secrets of another configuration, in which the check is the same.
    pub(super) fn renew_secrets(&self, secrets: &Secrets) {
        let task = self.task();
        let secrets = Arc::new(task.secrets.layered_on(secrets));
        let task = Task::clone(&task);
        self.task.store(Arc::new(Task { secrets, ..task }));
    }

    /// What it may reach, as texts that may leave the host: a grant made of a secret shows that there
    /// is one, and not the secret.
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

/// Room for the longest path, and what stands before it.
pub(super) const GRANT_BYTES: usize = 8 << 10;
