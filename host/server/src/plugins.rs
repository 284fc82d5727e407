//! `GET /plugins`: the loaded plugins and the idle ones.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::answer;
use super::state::PageDeps;

/// Returns the plugins.
pub(super) async fn plugins(State(deps): State<Arc<PageDeps>>) -> Response {
    answer::json(StatusCode::OK, deps.catalog.page())
}
