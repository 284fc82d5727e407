//! `GET /plugins`: what is loaded, and what is idle.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::{Site, answer};

/// The plugins, for who may see details.
pub(super) async fn plugins(State(site): State<Arc<Site>>, request: Request) -> Response {
    match site.access.details(request.headers()) {
        Ok(()) => answer::json(StatusCode::OK, site.plugins.page()),
        Err(refused) => refused.into_response(),
    }
}
