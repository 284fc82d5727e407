//! Scans the directories and loads new files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::configuration::Configuration;
use super::judge::Arrival;
use super::{FirstLook, Pace, Watcher, reloads};
use crate::catalog::{Files, Source, Wanted, through};
use crate::events::Event;
use vitals_model::{CheckName, shown_path};

impl Watcher {
    /// Scans the directories if one of them was added, removed or replaced, or has answered again
    /// after a hang.
    pub(super) async fn poll_directories(&mut self) {
        let directory = self.directory.clone();
        let hung = self.disk.hangs(DIRECTORIES);
        let is_another = self
            .on_disk(DIRECTORIES, move || directory.is_another())
            .await;
        let linked = self.linked.clone();
        let leads_elsewhere = self.on_disk(LINKS, move || linked.is_another()).await;
        if is_another.is_ok_and(|is_another| is_another || hung) || leads_elsewhere == Ok(true) {
            self.reconfigure(Pace::Patient).await;
            self.look(Pace::Patient, &BTreeSet::new()).await;
        }
    }

    /// Scans the directories and loads new files. `accepted` names checks for which new files may
    /// grant more than the previous ones.
    pub(super) async fn look(&mut self, pace: Pace, accepted: &BTreeSet<CheckName>) {
        let files = match self.files(pace).await {
            Ok(files) => files,
            Err(None) => return,
            Err(Some(why)) => Files::unseen(&self.catalog.config().plugins, &why),
        };
        self.report_directory(&files);
        self.report_library(&files);
        let taken = self.catalog.set_files(files);
        for plugin in &taken.gone {
            self.services.emit(&Event::PluginRemoved { plugin });
            self.reloads.record(&reloads::removed(plugin));
        }
        if pace == Pace::Now {
            self.catalog.retry_failures();
        }
        self.report_passed_over();
        for wanted in self.catalog.wanted() {
            self.services.beat.turn();
            self.begin(wanted, accepted.clone());
        }
        self.needs_reconciling |= taken.is_change || self.first_look == FirstLook::Awaited;
        if self.first_look == FirstLook::Awaited {
            self.first_look = FirstLook::Loading;
        }
    }

    /// Returns the files in the directories. Each directory is watched before it is scanned, so
    /// that later changes cause events.
    async fn files(&mut self, pace: Pace) -> Result<Files, Option<String>> {
        let plugins = self.catalog.config().plugins.clone();
        let mut dirs = BTreeSet::from([plugins.dir.clone(), plugins.library.clone()]);
        let configuration = self.configuration.as_ref();
        dirs.extend(
            configuration
                .into_iter()
                .flat_map(Configuration::directories),
        );
        let (directory, keep) = (self.directory.clone(), self.catalog.keep());
        let look = move || {
            directory.ensure(&dirs);
            Files::look(&plugins, &keep)
        };
        let files = self.on_disk(DIRECTORIES, look).await?;
        self.follow_links(files.links()).await;
        let patient = pace == Pace::Patient;
        let is_open = |file: &Path| {
            patient && (self.directory.is_restless(file) || self.linked.is_restless(file))
        };
        Ok(files.keeping(self.catalog.files(), is_open))
    }

    /// Watches the directories that links lead through. The author of a link decides what is
    /// examined here. If that hangs, changes there are noticed at the next rescan, and nothing else
    /// is delayed.
    async fn follow_links(&mut self, links: BTreeSet<PathBuf>) {
        let linked = self.linked.clone();
        let watch = move || {
            let mut dirs = through(&links);
            // A link that keeps changing meanwhile is handled at the next scan.
            for _ in 0..MOST_LOOKS {
                linked.ensure(&dirs);
                let now = through(&links);
                if now.is_subset(&dirs) {
                    break;
                }
                dirs.extend(now);
            }
        };
        // Failures have already been logged.
        let _ = self.on_disk(LINKS, watch).await;
    }

    pub(super) fn begin(&mut self, wanted: Wanted, accepted: BTreeSet<CheckName>) {
        // Also done during a load: the file may have been removed and added again.
        if let Some(before) = self.catalog.begin(&wanted) {
            self.report_move(&wanted, before);
        }
        if self.loading.contains_key(&wanted.name) {
            self.again.entry(wanted.name).or_default().extend(accepted);
            return;
        }
        let name = wanted.name.clone();
        let entry = self.catalog.entry(&name);
        let seen = entry
            .map(|entry| entry.seen(Timestamp::now()))
            .unwrap_or_default();
        let stamp = wanted.stamp;
        let stamp = stamp.filter(|stamp| stamp.is_settled(SystemTime::now()));
        if stamp.is_some() && stamp == seen.stamp {
            // The file is unchanged. Its error is reported to a pending reload.
            if let Some(refused) = self.refused(&name) {
                self.reloads.still(&refused);
            }
            return;
        }
        let load = self.loader.clone().load(wanted, seen);
        let load = self.arrivals.spawn(async { Arrival::Loaded(load.await) });
        self.tasks.insert(load.id(), name.clone());
        self.loading.insert(name, accepted);
    }

    /// Reports that a plugin now comes from the other directory: another person may control it
    /// there.
    fn report_move(&mut self, wanted: &Wanted, before: Source) {
        let (from, to) = (before.to_string(), wanted.source.to_string());
        self.services.emit(&Event::PluginMoved {
            plugin: &wanted.name,
            from: &from,
            to: &to,
            path: &wanted.path,
        });
        self.needs_reconciling = true;
    }

    /// Logs the plugins with an unused file in the plugins directory, because checks without `dir =
    /// true` run on the library's.
    fn report_passed_over(&mut self) {
        let passed_over = self.catalog.passed_over();
        for plugin in passed_over.difference(&self.passed_over) {
            tracing::warn!(
                %plugin,
                "plugin file in the plugins directory is ignored, a check uses the library"
            );
        }
        self.passed_over = passed_over;
    }

    fn report_directory(&mut self, files: &Files) {
        let path = shown_path(&self.catalog.config().plugins.dir);
        let path = path.as_str();
        let was_readable = self.services.board.directory_is_readable();
        match files.error() {
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
        let readable = files.error().is_none();
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
                tracing::info!(path, "plugins directory is within its file limit again")
            }
            _ => {}
        }
        self.services
            .board
            .set_directory(readable, excess.is_none());
        self.excess = excess;
    }

    fn report_library(&mut self, files: &Files) {
        let error = files.library_error();
        if error != self.library_error.as_ref() {
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
            self.library_error = error.cloned();
        }
    }
}

/// The names of disk accesses in the log.
const DIRECTORIES: &str = "plugins directory and library";
const LINKS: &str = "targets of links among the plugin files";
/// How often links are followed until they lead to no new directory.
const MOST_LOOKS: usize = 8;
