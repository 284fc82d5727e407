//! The routes: the page of each path, and its access.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get, post};

use super::auth::{self, Access};
use super::page_layer::PageLayer;
use super::state::{AppState, PageState};
use super::{
    check, health, live, metrics, names, not_found, plugins, ready, reload, startup, tools,
};

/// Returns the router of the host's own server: [`router`], an error for any other path, and one
/// for requests by a foreign name.
pub fn site(state: AppState) -> Router {
    let page_layer = PageLayer::new("other", state.0.metrics.as_ref(), &state.0.events);
    let settings = state.0.settings.clone();
    let refused = any(names::misdirected).layer(page_layer.clone());
    let refused = Router::new().fallback_service(refused.with_state(settings.clone()));
    let other = any(not_found::not_found).layer(page_layer);
    router(state)
        .fallback_service(other.with_state(()))
        .layer(from_fn_with_state((settings, refused), names::check))
}

/// Returns all pages, for mounting in a service that answers other paths itself.
pub fn router(state: AppState) -> Router {
    Routes::new(state)
        .add(HEALTH, Access::Public, get(health::health))
        .add_probes()
        .into_router()
}

/// Returns all pages except `/health`, for a service that has its own.
pub fn probes_router(state: AppState) -> Router {
    Routes::new(state).add_probes().into_router()
}

struct Routes {
    router: Router<Arc<PageState>>,
    state: Arc<PageState>,
}

impl Routes {
    fn new(AppState(state): AppState) -> Self {
        Self {
            router: Router::new(),
            state,
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
            .add_with_fallback(
                RELOAD,
                Access::Admin,
                post(reload::reload).fallback(not_found::only_post),
            )
    }

    fn add(self, route: &'static str, access: Access, page: MethodRouter<Arc<PageState>>) -> Self {
        self.add_with_fallback(route, access, page.fallback(not_found::only_get))
    }

    /// Adds a page with its access. Its fallback is public.
    fn add_with_fallback(
        self,
        route: &'static str,
        access: Access,
        page: MethodRouter<Arc<PageState>>,
    ) -> Self {
        let state = &self.state;
        let page_layer = PageLayer::new(route, state.metrics.as_ref(), &state.events);
        let guard = from_fn_with_state((state.tokens.clone(), access), auth::guard);
        Self {
            router: self
                .router
                .route(route, page.route_layer(guard).layer(page_layer)),
            ..self
        }
    }

    fn into_router(self) -> Router {
        self.router.with_state(self.state)
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
