//! What the pages read: made ready once, and shared by all of them.
//!
//! Knows neither routes nor what a page says.

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

/// What the pages read, made ready once; clones share it.
#[derive(Clone)]
pub(crate) struct AppState(pub(super) Arc<PageState>);

/// The inside of [`AppState`], which each page is handed.
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
    /// One scrape at a time: with many checks it is work.
    pub(super) scraping: Arc<tokio::sync::Mutex<()>>,
}

/// How the host itself does, for `GET /health/live` and `GET /metrics`. No plugin can change the
/// former.
pub(crate) trait HostStats: Send + Sync {
    /// The name of a loop of the host that stands still.
    fn stalled_loop(&self) -> Option<&'static str>;

    /// Runs that are being made.
    fn runs_in_flight(&self) -> usize;

    /// Runs that may be made at once.
    fn max_runs(&self) -> usize;

    /// Turns of the clock that interrupts guests, since start.
    fn epoch_ticks(&self) -> u64;
}

/// What of the host the pages read and ask.
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
    /// What the pages read, answered as `server` says.
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
