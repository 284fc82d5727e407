//! What the pages read: made ready once, and shared by all of them.
//!
//! Knows neither routes nor what a page says.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::FromRef;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::auth::Tokens;
use super::names::Names;
use super::tools::ToolsPage;
use vitals_config::{Server, UnhealthyStatus};
use vitals_core::board::Board;
use vitals_core::events::{Event, Events, Sink};
use vitals_core::{CatalogPage, Exposition, HostStats, Reloader};

/// What the pages read, made ready once; clones share it.
#[derive(Clone)]
pub struct AppState(pub(super) Arc<PageState>);

/// The inside of [`AppState`], which each page is handed.
pub(super) struct PageState {
    pub(super) board: Arc<Board>,
    pub(super) settings: ServerSettings,
    pub(super) tokens: Tokens,
    pub(super) tools: ToolsPage,
    pub(super) catalog: CatalogPage,
    pub(super) stats: Arc<dyn HostStats>,
    pub(super) closing: CancellationToken,
    /// Nothing while metrics are disabled.
    pub(super) metrics: Option<Arc<dyn Exposition>>,
    pub(super) events: Events,
    pub(super) reloader: Reloader,
    /// One scrape at a time: with many checks it is work.
    pub(super) scraping: Arc<tokio::sync::Mutex<()>>,
}

/// The keys of `[server]` that pages read for each request. A reload replaces all of them at once;
/// clones share them.
#[derive(Clone)]
pub struct ServerSettings(Arc<ArcSwap<Settings>>);

struct Settings {
    unhealthy_status: StatusCode,
    names: Arc<Names>,
}

/// What of the host the pages read and ask.
pub struct PageDeps {
    /// The latest result of each check.
    pub board: Arc<Board>,
    /// What is loaded.
    pub catalog: CatalogPage,
    /// The pages of other tools.
    pub tools: ToolsPage,
    /// The keys of `[server]` that pages read.
    pub settings: ServerSettings,
    /// Which tokens open which pages.
    pub tokens: Tokens,
    /// How the host itself does.
    pub stats: Arc<dyn HostStats>,
    /// The metrics to show; nothing while they are disabled.
    pub metrics: Option<Arc<dyn Exposition>>,
    /// Where a panic over a page is told.
    pub events: Events,
    /// Asked by `POST /-/reload`.
    pub reloader: Reloader,
    /// Cancelled when shutdown begins.
    pub closing: CancellationToken,
}

impl AppState {
    /// The state of the pages of one host.
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
    pub(super) fn names(&self) -> Arc<Names> {
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
            names: Arc::new(Names(server.hosts.clone())),
        }
    }
}

impl FromRef<Arc<PageState>> for ToolsPage {
    fn from_ref(state: &Arc<PageState>) -> Self {
        state.tools.clone()
    }
}
