//! The state that the pages share, prepared once.
//!
//! It knows neither routes nor the content of pages.

use std::sync::Arc;

use axum::extract::FromRef;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::auth::Tokens;
use super::names::HostNames;
use super::tools::ToolsPage;
use vitals_config::UnhealthyStatus;
use vitals_core::board::Board;
use vitals_core::events::Events;
use vitals_core::{CatalogPage, Exposition, HostStats, Reloader};

/// The state that the pages share. Clones share it.
#[derive(Clone)]
pub struct AppState(pub(super) Arc<PageState>);

/// The content of [`AppState`], which each page gets.
pub(super) struct PageState {
    pub(super) board: Arc<Board>,
    pub(super) unhealthy_status: StatusCode,
    pub(super) tokens: Tokens,
    pub(super) names: Arc<HostNames>,
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

/// The parts of the host that the pages use.
pub struct PageDeps {
    /// The latest result of each check.
    pub board: Arc<Board>,
    /// The loaded plugins.
    pub catalog: CatalogPage,
    /// The links to other tools.
    pub tools: ToolsPage,
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
    /// Creates the state of the pages with the settings of `server`.
    pub fn new(server: &vitals_config::Server, deps: PageDeps) -> Self {
        let PageDeps {
            board,
            catalog,
            tools,
            tokens,
            stats,
            metrics,
            events,
            reloader,
            closing,
        } = deps;
        let unhealthy_status = match server.unhealthy_status {
            UnhealthyStatus::Ok => StatusCode::OK,
            UnhealthyStatus::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(Arc::new(PageState {
            board,
            unhealthy_status,
            tokens,
            names: Arc::new(HostNames(server.hosts.clone())),
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

impl FromRef<Arc<PageState>> for ToolsPage {
    fn from_ref(state: &Arc<PageState>) -> Self {
        state.tools.clone()
    }
}
