//! `GET /plugins`: the loaded plugins and the idle ones.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::answer;
use super::state::PageState;

/// Returns the plugins.
pub(super) async fn plugins(State(state): State<Arc<PageState>>) -> Response {
    answer::json(StatusCode::OK, state.catalog.page())
}
