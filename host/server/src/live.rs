//! `GET /health/live`: whether the host's own loops make progress. No plugin can change this
//! answer.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::answer;
use super::state::PageDeps;

/// Returns 200 while every loop makes progress, otherwise 503 with the name of a stalled loop.
pub(super) async fn live(State(deps): State<Arc<PageDeps>>) -> Response {
    match deps.stats.stalled_loop() {
        None => answer::json(StatusCode::OK, r#"{"status":"alive"}"#),
        Some(name) => {
            let body = json!({"status": "stalled", "loop": name});
            answer::json(StatusCode::SERVICE_UNAVAILABLE, body.to_string())
        }
    }
}
