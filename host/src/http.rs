//! The pages: one file each. They read the board and what else is handed to them in [`AppState`];
//! one asks for a reload.
//!
//! No page runs a check, and none knows how one is run.

mod answer;
mod auth;
mod check;
mod health;
mod live;
mod metrics;
mod names;
mod not_found;
mod page_layer;
mod plugins;
mod ready;
mod reload;
mod server;
mod stall;
mod startup;
mod tools;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get, post};
use http::StatusCode;
use tokio_util::sync::CancellationToken;

pub(crate) use auth::Tokens;
pub(crate) use server::serve;
pub(crate) use tools::ToolsPage;

use crate::board::Board;
use crate::config::{self, UnhealthyStatus};
use crate::events::Events;
use crate::metrics::Metrics;
use crate::watch::{CatalogPage, Reloader};
use auth::Access;
use names::Names;
use page_layer::PageLayer;

/// What the pages read, made ready once; clones share it.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Site>);

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
        Self(Arc::new(Site {
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

/// Everything that the host's own server answers: [`router`], an error for any other path, and one
/// for requests by a name that is not the host's.
pub(crate) fn site(state: AppState) -> Router {
    let finish = PageLayer::new("other", &state.0.metrics, &state.0.events);
    let names = Arc::clone(&state.0.names);
    let refused = any(names::misdirected).layer(finish.clone());
    let refused = Router::new().fallback_service(refused.with_state(Arc::clone(&names)));
    let other = any(not_found::not_found).layer(finish);
    router(state)
        .fallback_service(other.with_state(()))
        .layer(from_fn_with_state((names, refused), names::check))
}

/// Every page, to be mounted in a service that answers other paths itself.
pub(crate) fn router(state: AppState) -> Router {
    Routes::new(state)
        .add(HEALTH, Access::Public, get(health::health))
        .add_probes()
        .into_router()
}

/// Every page but `/health` itself, for a service that has its own.
pub(crate) fn probes_router(state: AppState) -> Router {
    Routes::new(state).add_probes().into_router()
}

struct Site {
    board: Arc<Board>,
    unhealthy_status: StatusCode,
    tokens: Tokens,
    names: Arc<Names>,
    tools: ToolsPage,
    catalog: CatalogPage,
    stats: Arc<dyn HostStats>,
    closing: CancellationToken,
    metrics: Metrics,
    events: Events,
    reloader: Reloader,
    /// One scrape at a time: with many checks it is work.
    scraping: Arc<tokio::sync::Mutex<()>>,
}

struct Routes {
    router: Router<Arc<Site>>,
    site: Arc<Site>,
}

impl Routes {
    fn new(AppState(site): AppState) -> Self {
        Self {
            router: Router::new(),
            site,
        }
    }

    fn add_probes(self) -> Self {
        self.add(LIVE, Access::Public, get(live::live))
            .add(READY, Access::Public, get(ready::ready))
            .add(STARTUP, Access::Public, get(startup::startup))
            .add(CHECK, Access::Public, get(check::check))
            .add(TOOLS, Access::Details, get(tools::tools))
            .add(PLUGINS, Access::Details, get(plugins::plugins))
            .add(METRICS, Access::Metrics, get(metrics::metrics))
            .place(
                RELOAD,
                Access::Admin,
                post(reload::reload).fallback(not_found::only_post),
            )
    }

    fn add(self, route: &'static str, access: Access, page: MethodRouter<Arc<Site>>) -> Self {
        self.place(route, access, page.fallback(not_found::only_get))
    }

    /// Places a page, and says for whom it is. Its fallback is for everybody.
    fn place(self, route: &'static str, access: Access, page: MethodRouter<Arc<Site>>) -> Self {
        let site = &self.site;
        let finish = PageLayer::new(route, &site.metrics, &site.events);
        let guard = from_fn_with_state((Arc::clone(site), access), auth::guard);
        Self {
            router: self
                .router
                .route(route, page.route_layer(guard).layer(finish)),
            ..self
        }
    }

    fn into_router(self) -> Router {
        self.router.with_state(self.site)
    }
}

const HEALTH: &str = "/health";
const LIVE: &str = "/health/live";
const READY: &str = "/health/ready";
const STARTUP: &str = "/health/startup";
const CHECK: &str = "/health/checks/{name}";
const TOOLS: &str = "/health/tools";
const PLUGINS: &str = "/plugins";
const METRICS: &str = "/metrics";
const RELOAD: &str = "/-/reload";

#[cfg(test)]
mod tests;
