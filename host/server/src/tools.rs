//! `GET /health/tools`: links to other tools.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::answer;
use super::state::PageDeps;

/// Returns the URL of each tool, or null where none is set.
pub(super) async fn tools(State(deps): State<Arc<PageDeps>>) -> Response {
    answer::json(StatusCode::OK, deps.settings.load().tools.clone())
}
