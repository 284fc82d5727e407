//! `GET /health/startup`: whether the first round is over.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::answer;
use super::state::PageDeps;

/// Returns 503 until the end of the first round, and 200 from then on.
pub(super) async fn startup(State(deps): State<Arc<PageDeps>>) -> Response {
    if deps.board.first_round_is_over() {
        answer::json(StatusCode::OK, r#"{"status":"started"}"#)
    } else {
        answer::json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"starting"}"#)
    }
}
