//! Scans the directories and loads new files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::configuration::Configuration;
use super::evaluate::Finished;
use super::{Debounce, FirstScan, Watcher};
use crate::catalog::{Files, LoadRequest, Source, link_directories};
use crate::events::Event;
use vitals_model::reload::{PluginOutcome, PluginReload};
use vitals_model::{CheckName, shown_path};
use vitals_sandbox::LoadError;

impl Watcher {
    /// Scans the directories if one of them was added, removed or replaced, or has answered again
    /// after a hang.
    pub(super) async fn poll_directories(&mut self) {
        let directory = self.directory.clone();
        let hung = self.disk.hangs(DIRECTORIES);
        let has_changed = self
            .run_blocking(DIRECTORIES, move || directory.has_changed())
            .await;
        let linked = self.linked.clone();
        let leads_elsewhere = self.run_blocking(LINKS, move || linked.has_changed()).await;
        if has_changed.is_ok_and(|has_changed| has_changed || hung) || leads_elsewhere == Ok(true) {
            self.reconfigure(Debounce::On).await;
            self.scan(Debounce::On, &BTreeSet::new()).await;
        }
    }

    /// Scans the directories and loads new files. `accepted` names checks for which new files may
    /// grant more than the previous ones.
    pub(super) async fn scan(&mut self, debounce: Debounce, accepted: &BTreeSet<CheckName>) {
        let files = match self.files(debounce).await {
            Ok(files) => files,
            Err(None) => return,
            Err(Some(why)) => Files::failed_scan(&self.catalog.config().plugins, &why),
        };
        self.report_directory(&files);
        self.report_library(&files);
        let changes = self.catalog.set_files(files);
        for plugin in &changes.removed {
            self.services.emit(&Event::PluginRemoved { plugin });
            let removed = PluginReload::new(plugin.to_string(), PluginOutcome::Removed);
            self.reloads.record(&removed);
        }
        if debounce == Debounce::Off {
            self.catalog.retry_if(LoadError::is_transient);
        }
        self.report_ignored();
        for request in self.catalog.load_requests() {
            self.services.heartbeat.beat();
            self.begin(request, accepted.clone());
        }
        self.needs_reconciling |= changes.changed || self.first_scan == FirstScan::Awaited;
        if self.first_scan == FirstScan::Awaited {
            self.first_scan = FirstScan::Loading;
        }
    }

    /// Returns the files in the directories. Each directory is watched before it is scanned, so
    /// that later changes cause events.
    async fn files(&mut self, debounce: Debounce) -> Result<Files, Option<String>> {
        let plugins = self.catalog.config().plugins.clone();
        let mut dirs = BTreeSet::from([plugins.dir.clone(), plugins.library.clone()]);
        let configuration = self.configuration.as_ref();
        dirs.extend(
            configuration
                .into_iter()
                .flat_map(Configuration::directories),
        );
        let (directory, keep) = (self.directory.clone(), self.catalog.keep());
        let scan = move || {
            directory.set_directories(&dirs);
            Files::scan(&plugins, &keep)
        };
        let files = self.run_blocking(DIRECTORIES, scan).await?;
        self.follow_links(files.links()).await;
        let patient = debounce == Debounce::On;
        let is_open = |file: &Path| {
            patient && (self.directory.is_pending(file) || self.linked.is_pending(file))
        };
        Ok(files.with_missing(self.catalog.files(), is_open))
    }

    /// Watches the directories that links lead through. The author of a link decides what is
    /// examined here. If that hangs, changes there are noticed at the next rescan, and nothing else
    /// is delayed.
    async fn follow_links(&mut self, links: BTreeSet<PathBuf>) {
        let linked = self.linked.clone();
        let watch = move || {
            let mut dirs = link_directories(&links);
            // A link that keeps changing meanwhile is handled at the next scan.
            for _ in 0..MAX_LINK_SCANS {
                linked.set_directories(&dirs);
                let now = link_directories(&links);
                if now.is_subset(&dirs) {
                    break;
                }
                dirs.extend(now);
            }
        };
        // Failures have already been logged.
        let _ = self.run_blocking(LINKS, watch).await;
    }

    pub(super) fn begin(&mut self, request: LoadRequest, accepted: BTreeSet<CheckName>) {
        // Also done during a load: the file may have been removed and added again.
        if let Some(before) = self.catalog.begin(&request) {
            self.report_move(&request, before);
        }
        if self.loading.contains_key(&request.name) {
            self.changed_while_loading
                .entry(request.name)
                .or_default()
                .extend(accepted);
            return;
        }
        let name = request.name.clone();
        let entry = self.catalog.entry(&name);
        let seen = entry
            .map(|entry| entry.last_seen(Timestamp::now()))
            .unwrap_or_default();
        let stamp = request.stamp;
        let stamp = stamp.filter(|stamp| stamp.is_settled(SystemTime::now()));
        if stamp.is_some() && stamp == seen.stamp {
            // The file is unchanged. Its error is reported to a pending reload.
            if let Some(refused) = self.rejected(&name) {
                self.reloads.unchanged_rejection(&refused);
            }
            return;
        }
        let load = self.loader.clone().load(request, seen);
        let load = self
            .running_tasks
            .spawn(async { Finished::Loaded(load.await) });
        self.tasks.insert(load.id(), name.clone());
        self.loading.insert(name, accepted);
    }

    /// Reports that a plugin now comes from the other directory: another person may control it
    /// there.
    fn report_move(&mut self, request: &LoadRequest, before: Source) {
        let (from, to) = (before.to_string(), request.source.to_string());
        self.services.emit(&Event::PluginMoved {
            plugin: &request.name,
            from: &from,
            to: &to,
            path: &request.path,
        });
        self.needs_reconciling = true;
    }

    /// Logs the plugins with an unused file in the plugins directory, because checks without `dir =
    /// true` run on the library's.
    fn report_ignored(&mut self) {
        let ignored_in_dir = self.catalog.ignored_in_dir();
        for plugin in ignored_in_dir.difference(&self.ignored_in_dir) {
            tracing::warn!(
                %plugin,
                "plugin file in the plugins directory is ignored, a check uses the library"
            );
        }
        self.ignored_in_dir = ignored_in_dir;
    }

    fn report_directory(&mut self, files: &Files) {
        let path = shown_path(&self.catalog.config().plugins.dir);
        let path = path.as_str();
        let was_readable = self.services.board.directory_is_readable();
        match &files.error {
            Some(error) if was_readable => tracing::error!(
                path,
                error = error.to_string(),
                "plugins directory cannot be read, loaded plugins keep running"
            ),
            None if !was_readable => {
                tracing::info!(path, "plugins directory can be read again");
            }
            _ => {}
        }
        let readable = files.error.is_none();
        // An unreadable directory says nothing about the number of files.
        let excess = if readable {
            files.excess()
        } else {
            self.excess.clone()
        };
        match (&excess, &self.excess) {
            (Some(excess), None) => tracing::error!(
                path,
                error = excess.to_string(),
                "too many files in the plugins directory, loaded plugins keep running"
            ),
            (None, Some(_)) => {
                tracing::info!(path, "plugins directory is within its file limit again");
            }
            _ => {}
        }
        self.services
            .board
            .set_directory(readable, excess.is_none());
        self.excess = excess;
    }

    fn report_library(&mut self, files: &Files) {
        let error = &files.library_error;
        if *error != self.library_error {
            let path = shown_path(&self.catalog.config().plugins.library);
            let path = path.as_str();
            if let Some(error) = error {
                tracing::warn!(
                    path,
                    error = error.to_string(),
                    "plugin library cannot be read, loaded plugins keep running"
                );
            } else {
                tracing::info!(path, "plugin library can be read again");
            }
            self.library_error.clone_from(error);
        }
    }
}

/// The names of disk accesses in the log.
const DIRECTORIES: &str = "plugins directory and library";
const LINKS: &str = "targets of links among the plugin files";
/// How often links are followed until they lead to no new directory.
const MAX_LINK_SCANS: usize = 8;
