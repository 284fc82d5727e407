//! `GET /health/startup`: whether the first round is over.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::{Site, answer};

/// 503 until the first round is over, 200 from then on.
pub(super) async fn startup(State(site): State<Arc<Site>>) -> Response {
    if site.board.first_round_is_over() {
        answer::json(StatusCode::OK, r#"{"status":"started"}"#)
    } else {
        answer::json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"starting"}"#)
    }
}
