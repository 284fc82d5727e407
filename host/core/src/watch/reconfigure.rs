//! Reloads the configuration, after a change or on request.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::configuration::{Configuration, ReadOutcome};
use super::directory::DEBOUNCE;
use super::{Debounce, Watcher};
use crate::events::{ConfigurationApplied, Event};
use vitals_config::Config;
use vitals_model::CheckName;
use vitals_model::reload::ReloadReport;
use vitals_sandbox::ClientSettings;
use vitals_sandbox::LoadError;

impl Watcher {
    /// Reads configuration and files for a caller who waits for the outcome. Rejected files are
    /// evaluated again.
    pub(super) async fn reload(
        &mut self,
        accepted: BTreeSet<CheckName>,
        answer: oneshot::Sender<ReloadReport>,
    ) {
        self.is_scan_due = false;
        self.reloads.begin(answer);
        self.reconfigure(Debounce::Off).await;
        let checks = &self.catalog.config().checks;
        for unknown in accepted.iter().filter(|name| !checks.contains_key(*name)) {
            let problem = format!("there is no check `{unknown}` whose grants could be accepted");
            self.reloads.problem(problem);
        }
        self.catalog.retry_if(LoadError::depends_on_configuration);
        self.scan(Debounce::Off, &accepted).await;
        let directory = self.catalog.files().error.as_ref().map(ToString::to_string);
        let excess = self.excess.as_ref().map(ToString::to_string);
        let library = self.library_error.as_ref().map(ToString::to_string);
        for problem in directory.into_iter().chain(excess).chain(library) {
            self.reloads.problem(problem);
        }
        self.reloads.wait_for(self.loading.keys().cloned());
    }

    /// Reads the configuration if it has changed, and applies it.
    pub(super) async fn reconfigure(&mut self, debounce: Debounce) {
        let Some(configuration) = self.configuration.clone() else {
            return;
        };
        let scan = self.run_blocking(CONFIGURATION, move || configuration.check(debounce));
        let (configuration, found) = match scan.await {
            Ok(found) => found,
            Err(None) => return,
            Err(Some(why)) => {
                let problem =
                    format!("cannot read the configuration, the previous one stays active: {why}");
                return self.reloads.problem(problem);
            }
        };
        let errors = configuration.errors().to_vec();
        self.configuration = Some(configuration);
        match found {
            ReadOutcome::Unchanged if errors.is_empty() => {}
            ReadOutcome::Unchanged => self.reloads.configuration_rejected(&errors),
            ReadOutcome::Unstable => {
                let scan = self.scan_sender.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(DEBOUNCE).await;
                    // Another request may be pending by then, or the watcher may be gone.
                    let _ = scan.try_send(());
                });
            }
            ReadOutcome::Invalid(errors) => {
                let path = self.configuration.as_ref().and_then(Configuration::path);
                self.services.emit(&Event::ConfigurationRejected {
                    path: path.as_deref(),
                    errors: &errors,
                });
                self.reloads.configuration_rejected(&errors);
                self.needs_reconciling = true;
            }
            ReadOutcome::Changed(config, clients, changed_roots) => {
                self.apply(*config, clients, &changed_roots);
            }
        }
    }

    /// Applies a configuration, except for keys that need a restart.
    fn apply(
        &mut self,
        config: Config,
        clients: ClientSettings,
        changed_roots: &BTreeSet<PathBuf>,
    ) {
        let running = Arc::clone(self.catalog.config());
        let (config, restart_needed) = config.merge_reloadable(&running);
        let other_clients = self.services.sandbox.set_clients(clients);
        let is_same = changed_roots.is_empty()
            && !other_clients
            && restart_needed == self.restart_needed
            && config.is_equivalent(&running);
        let config = Arc::new(config);
        let changes = self.catalog.apply(Arc::clone(&config), changed_roots);
        self.services.names.set(&config);
        let path = self.configuration.as_ref().and_then(Configuration::path);
        self.services
            .emit(&Event::ConfigurationApplied(&ConfigurationApplied {
                config: &config,
                is_change: !is_same,
                changes: &changes,
                roots_changed: !changed_roots.is_empty(),
                path: path.as_deref(),
            }));
        if restart_needed != self.restart_needed && !restart_needed.is_empty() {
            let keys = restart_needed.join(", ");
            tracing::warn!(keys, "configuration keys need a restart");
        }
        if !is_same {
            self.reloads.applied(&changes, &restart_needed);
        }
        self.restart_needed = restart_needed;
        self.needs_reconciling = true;
    }
}

/// The name of the disk access in the log.
const CONFIGURATION: &str = "configuration";
