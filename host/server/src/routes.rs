//! The routes: the page of each path, and its access.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get, post};

use super::auth::Access;
use super::page_layer::PageLayer;
use super::state::{AppState, PageSettings};
use super::{
    check, health, live, metrics, names, not_found, plugins, ready, reload, startup, tools,
};

/// Returns the router of the host's own server: [`router`], an error for any other path, and one
/// for requests by a foreign name.
pub fn site(state: AppState) -> Router {
    let deps = &state.deps;
    let page_layer = PageLayer::new("other", deps.metrics.as_ref(), &deps.events);
    let settings = deps.settings.clone();
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
        .add("/health", Access::Public, get(health::health))
        .add_probes()
        .into_router()
}

/// Returns all pages except `/health`, for a service that has its own.
pub fn probes_router(state: AppState) -> Router {
    Routes::new(state).add_probes().into_router()
}

struct Routes {
    router: Router<AppState>,
    state: AppState,
}

impl Routes {
    fn new(state: AppState) -> Self {
        let router = Router::new();
        Self { router, state }
    }

    fn add_probes(self) -> Self {
        let reload = post(reload::reload).fallback(not_found::only_post);
        self.add("/health/live", Access::Public, get(live::live))
            .add("/health/ready", Access::Public, get(ready::ready))
            .add("/health/startup", Access::Public, get(startup::startup))
            .add("/health/checks/{name}", Access::Public, get(check::check))
            .add("/health/tools", Access::Details, get(tools::tools))
            .add("/plugins", Access::Details, get(plugins::plugins))
            .add("/metrics", Access::Metrics, get(metrics::metrics))
            .add_with_fallback("/-/reload", Access::Admin, reload)
    }

    fn add(self, route: &'static str, access: Access, page: MethodRouter<AppState>) -> Self {
        self.add_with_fallback(route, access, page.fallback(not_found::only_get))
    }

    /// Adds a page with its access. Its fallback is public.
    fn add_with_fallback(
        self,
        route: &'static str,
        access: Access,
        page: MethodRouter<AppState>,
    ) -> Self {
        let deps = &self.state.deps;
        let page_layer = PageLayer::new(route, deps.metrics.as_ref(), &deps.events);
        let guard = from_fn_with_state((deps.settings.clone(), access), guard);
        let page = page.route_layer(guard).layer(page_layer);
        Self {
            router: self.router.route(route, page),
            ..self
        }
    }

    fn into_router(self) -> Router {
        self.router.with_state(self.state)
    }
}

/// Passes a request on to its page if the access of the route allows it.
async fn guard(
    State((settings, access)): State<(PageSettings, Access)>,
    request: Request,
    page: Next,
) -> Response {
    match settings.load().tokens.admit(access, request.headers()) {
        Ok(()) => page.run(request).await,
        Err(refused) => refused.into_response(),
    }
}
