//! The state that the pages share, prepared once.
//!
//! It knows neither routes nor the content of pages.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::FromRef;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::auth::Tokens;
use super::host_names::HostNames;
use super::tools::ToolsPage;
use vitals_config::{Server, UnhealthyStatus};
use vitals_core::board::Board;
use vitals_core::events::{Event, Events, Sink};
use vitals_core::{CatalogPage, Exposition, HostStats, Reloader};

/// The state that the pages share. Clones share it.
#[derive(Clone)]
pub struct AppState(pub(super) Arc<PageState>);

/// The content of [`AppState`], which each page gets.
pub(super) struct PageState {
    pub(super) board: Arc<Board>,
    pub(super) settings: ServerSettings,
    pub(super) tokens: Tokens,
    pub(super) tools: ToolsPage,
    pub(super) catalog: CatalogPage,
    pub(super) stats: Arc<dyn HostStats>,
    pub(super) closing: CancellationToken,
    /// `None` while metrics are disabled.
    pub(super) metrics: Option<Arc<dyn Exposition>>,
    pub(super) events: Events,
    pub(super) reloader: Reloader,
    /// Serializes scrapes, which cost CPU time with many checks.
    pub(super) scraping: Arc<tokio::sync::Mutex<()>>,
}

/// The keys of `[server]` that pages read for each request. A reload replaces all of them at once;
/// clones share them.
#[derive(Clone)]
pub struct ServerSettings(Arc<ArcSwap<Settings>>);

struct Settings {
    unhealthy_status: StatusCode,
    names: Arc<HostNames>,
}

/// The parts of the host that the pages use.
pub struct PageDeps {
    /// The latest result of each check.
    pub board: Arc<Board>,
    /// The loaded plugins.
    pub catalog: CatalogPage,
    /// The links to other tools.
    pub tools: ToolsPage,
    /// The keys of `[server]` that pages read.
    pub settings: ServerSettings,
    /// The tokens that grant access.
    pub tokens: Tokens,
    /// The statistics of the host.
    pub stats: Arc<dyn HostStats>,
    /// The metrics to show, or `None` while they are disabled.
    pub metrics: Option<Arc<dyn Exposition>>,
    /// The stream for reports of panics in pages.
    pub events: Events,
    /// The handle for `POST /-/reload`.
    pub reloader: Reloader,
    /// Cancelled when shutdown begins.
    pub closing: CancellationToken,
}

impl AppState {
    /// Creates the state of the pages.
    pub fn new(deps: PageDeps) -> Self {
        let PageDeps {
            board,
            catalog,
            tools,
            settings,
            tokens,
            stats,
            metrics,
            events,
            reloader,
            closing,
        } = deps;
        Self(Arc::new(PageState {
            board,
            settings,
            tokens,
            tools,
            catalog,
            stats,
            closing,
            metrics,
            events,
            reloader,
            scraping: Arc::default(),
        }))
    }
}

impl ServerSettings {
    /// The settings of one configuration.
    pub fn new(server: &Server) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Settings::new(server))))
    }

    /// The status of `GET /health` while the verdict is unhealthy.
    pub(super) fn unhealthy_status(&self) -> StatusCode {
        self.0.load().unhealthy_status
    }

    /// The names by which requests may address this host.
    pub(super) fn names(&self) -> Arc<HostNames> {
        Arc::clone(&self.0.load().names)
    }
}

/// Replaces the settings by those of a new configuration.
impl Sink for ServerSettings {
    fn on(&self, event: &Event<'_>) {
        if let Event::ConfigurationApplied(applied) = event {
            let settings = Settings::new(&applied.config.server);
            self.0.store(Arc::new(settings));
        }
    }
}

impl Settings {
    fn new(server: &Server) -> Self {
        let unhealthy_status = match server.unhealthy_status {
            UnhealthyStatus::Ok => StatusCode::OK,
            UnhealthyStatus::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self {
            unhealthy_status,
            names: Arc::new(HostNames(server.hosts.clone())),
        }
    }
}

impl FromRef<Arc<PageState>> for ToolsPage {
    fn from_ref(state: &Arc<PageState>) -> Self {
        state.tools.clone()
    }
}
