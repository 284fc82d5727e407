//! `GET /health/ready`: whether the host and its critical checks are ready.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::answer;
use super::state::PageDeps;
use vitals_model::Status;

/// Returns 200 when ready, and 503 while a critical check is unhealthy, before the end of the first
/// round, and during shutdown.
pub(super) async fn ready(State(deps): State<Arc<PageDeps>>) -> Response {
    let health = deps.board.health();
    let (status, word) = if deps.is_ready(health) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    answer::json(
        status,
        format!(r#"{{"status":"{word}","health":"{health}"}}"#),
    )
}

impl PageDeps {
    /// Returns whether the host is ready with this verdict.
    pub(super) fn is_ready(&self, health: Status) -> bool {
        health != Status::Unhealthy
            && self.board.first_round_is_over()
            && !self.closing.is_cancelled()
    }
}
