//! `GET /health`: the verdict and every check.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;

use super::answer;
use super::state::PageDeps;
use vitals_model::Status;

/// Answers from the latest results. Before the end of the first round, the response waits for it.
pub(super) async fn health(State(deps): State<Arc<PageDeps>>, request: Request) -> Response {
    let authorized = deps.settings.load().tokens.shows_details(request.headers());
    if !deps.board.first_round_is_over() {
        tokio::select! {
            () = deps.board.first_round() => {}
            () = deps.closing.cancelled() => {}
        }
    }
    let page = deps.board.page(Timestamp::now());
    let status = match page.health() {
        Status::Unhealthy => deps.settings.load().unhealthy_status,
        Status::Healthy | Status::Degraded | Status::Unknown => StatusCode::OK,
    };
    answer::json(status, page.body(authorized))
}
