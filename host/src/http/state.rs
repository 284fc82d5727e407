//! The state that the pages share, prepared once.
//!
//! It knows neither routes nor the content of pages.

use std::sync::Arc;

use axum::extract::FromRef;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::auth::Tokens;
use super::names::Names;
use super::tools::ToolsPage;
use crate::board::Board;
use crate::config::{self, UnhealthyStatus};
use crate::events::Events;
use crate::metrics::Metrics;
use crate::watch::{CatalogPage, Reloader};

/// The state that the pages share. Clones share it.
#[derive(Clone)]
pub(crate) struct AppState(pub(super) Arc<PageState>);

/// The content of [`AppState`], which each page gets.
pub(super) struct PageState {
    pub(super) board: Arc<Board>,
    pub(super) unhealthy_status: StatusCode,
    pub(super) tokens: Tokens,
    pub(super) names: Arc<Names>,
    pub(super) tools: ToolsPage,
    pub(super) catalog: CatalogPage,
    pub(super) stats: Arc<dyn HostStats>,
    pub(super) closing: CancellationToken,
    pub(super) metrics: Metrics,
    pub(super) events: Events,
    pub(super) reloader: Reloader,
    /// Serializes scrapes, which cost CPU time with many checks.
    pub(super) scraping: Arc<tokio::sync::Mutex<()>>,
}

/// Statistics of the host, for `GET /health/live` and `GET /metrics`. No plugin can change the
/// former.
pub(crate) trait HostStats: Send + Sync {
    /// Returns the name of a stalled loop of the host.
    fn stalled_loop(&self) -> Option<&'static str>;

    /// Returns the number of runs in flight.
    fn runs_in_flight(&self) -> usize;

    /// Returns the limit on concurrent runs.
    fn max_runs(&self) -> usize;

    /// Returns the ticks of the epoch clock since the start.
    fn epoch_ticks(&self) -> u64;
}

/// The parts of the host that the pages use.
pub(crate) struct PageDeps {
    pub(crate) board: Arc<Board>,
    pub(crate) catalog: CatalogPage,
    pub(crate) tools: ToolsPage,
    pub(crate) tokens: Tokens,
    pub(crate) stats: Arc<dyn HostStats>,
    pub(crate) metrics: Metrics,
    pub(crate) events: Events,
    pub(crate) reloader: Reloader,
    /// Cancelled when shutdown begins.
    pub(crate) closing: CancellationToken,
}

impl AppState {
    /// Creates the state of the pages with the settings of `server`.
    pub(crate) fn new(server: &config::Server, inside: PageDeps) -> Self {
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
        } = inside;
        let unhealthy_status = match server.unhealthy_status {
            UnhealthyStatus::Ok => StatusCode::OK,
            UnhealthyStatus::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(Arc::new(PageState {
            board,
            unhealthy_status,
            tokens,
            names: Arc::new(Names(server.hosts.clone())),
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
