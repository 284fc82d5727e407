//! `GET /health`: the verdict and every check.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;

use super::answer;
use super::state::PageState;
use vitals_model::Status;

/// Answers from the latest results. Before the end of the first round, the response waits for it.
pub(super) async fn health(State(state): State<Arc<PageState>>, request: Request) -> Response {
    let authorized = state.tokens.shows_details(request.headers());
    if !state.board.first_round_is_over() {
        tokio::select! {
            () = state.board.first_round() => {}
            () = state.closing.cancelled() => {}
        }
    }
    let page = state.board.page(Timestamp::now());
    let status = match page.health() {
        Status::Unhealthy => state.settings.unhealthy_status(),
        Status::Healthy | Status::Degraded | Status::Unknown => StatusCode::OK,
    };
    answer::json(status, page.body(authorized))
}
