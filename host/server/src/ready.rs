//! `GET /health/ready`: whether the host, and what it watches, can be relied on.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::answer;
use super::state::PageState;
use vitals_model::Status;

/// 200 when ready; 503 while a critical check is unhealthy, before the first round is over, and
/// from the moment that shutdown begins.
pub(super) async fn ready(State(state): State<Arc<PageState>>) -> Response {
    let health = state.board.health();
    let (status, word) = if state.is_ready(health) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    answer::json(
        status,
        format!(r#"{{"status":"{word}","health":"{health}"}}"#),
    )
}

impl PageState {
    /// Whether the host is ready while the verdict is `health`.
    pub(super) fn is_ready(&self, health: Status) -> bool {
        health != Status::Unhealthy
            && self.board.first_round_is_over()
            && !self.closing.is_cancelled()
    }
}
