//! A look at the directories: what is new there is loaded.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;

use super::configuration::Configuration;
use super::judge::Arrival;
use super::{FirstLook, Pace, Watcher, reloads};

use crate::catalog::{Files, Wanted};
use crate::check::{CheckName, shown_path};

impl Watcher {
    /// Looks at the directories if one of them has come or gone, or is another one.
    pub(super) async fn glance(&mut self) {
        let directory = self.directory.clone();
        if self.aside(move || directory.is_another()).await == Some(true) {
            self.reconfigure(Pace::Patient).await;
            self.look(Pace::Patient, &BTreeSet::new()).await;
        }
    }

    /// Looks at the directories and loads what is new there. `accepted` names checks for which new
    /// files may grant more than the ones before them.
    pub(super) async fn look(&mut self, pace: Pace, accepted: &BTreeSet<CheckName>) {
        let Some(files) = self.files(pace).await else {
            return;
        };
        self.report_directory(&files);
        self.report_library(&files);
        for plugin in self.catalog.set_files(files) {
            tracing::info!(%plugin, "plugin is gone");
            self.rooms.metrics.plugin_removed(&plugin);
            self.rooms.sentry.forget(&plugin);
            self.reloads.record(&reloads::removed(&plugin));
        }
        if pace == Pace::Now {
            self.catalog.retry_failures();
        }
        for wanted in self.catalog.wanted() {
            self.begin(wanted, accepted.clone());
        }
        self.unsettled = true;
        if self.first_look == FirstLook::Awaited {
            self.first_look = FirstLook::Loading;
        }
    }

    /// What lies in the directories, each of which was watched before it was looked at: what comes
    /// after is told.
    async fn files(&self, pace: Pace) -> Option<Files> {
        let plugins = self.catalog.config().plugins.clone();
        let mut wanted = self.catalog.files().link_targets();
        wanted.extend([plugins.dir.clone(), plugins.library.clone()]);
        let configuration = self.configuration.as_ref();
        wanted.extend(
            configuration
                .into_iter()
                .flat_map(Configuration::directories),
        );
        loop {
            let (directory, plugins, dirs) =
                (self.directory.clone(), plugins.clone(), wanted.clone());
            let look = move || {
                directory.ensure(&dirs);
                Files::look(&plugins)
            };
            let files = self.aside(look).await?;
            let links = files.link_targets();
            if links.is_subset(&wanted) {
                let patient = pace == Pace::Patient;
                let is_open = |file: &Path| patient && self.directory.is_restless(file);
                return Some(files.keeping(self.catalog.files(), is_open));
            }
            wanted.extend(links);
        }
    }

    pub(super) fn begin(&mut self, wanted: Wanted, accepted: BTreeSet<CheckName>) {
        // Also while it is being loaded: it may have gone and come back since.
        self.catalog.begin(&wanted);
        if self.loading.contains_key(&wanted.name) {
            self.again.entry(wanted.name).or_default().extend(accepted);
            return;
        }
        self.loading.insert(wanted.name.clone(), accepted);
        let shelf = self.catalog.shelf(&wanted.name);
        let seen = shelf
            .map(|shelf| shelf.seen(Timestamp::now()))
            .unwrap_or_default();
        let load = self.loader.clone().load(wanted, seen);
        self.arrivals.spawn(async { Arrival::Loaded(load.await) });
    }

    fn report_directory(&self, files: &Files) {
        let path = shown_path(&self.catalog.config().plugins.dir);
        let path = path.as_str();
        let board = &self.rooms.board;
        let was_readable = board.directory_is_readable();
        match files.error() {
            Some(error) if was_readable => tracing::error!(
                path,
                error = error.to_string(),
                "plugins directory cannot be read, what is loaded keeps running"
            ),
            None if !was_readable => {
                tracing::info!(path, "plugins directory can be read again");
            }
            _ => {}
        }
        board.set_directory_readable(files.error().is_none());
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
                    "plugin library cannot be read, what is loaded from it keeps running"
                );
            } else {
                tracing::info!(path, "plugin library can be read again");
            }
            self.library_error = error.cloned();
        }
    }
}
