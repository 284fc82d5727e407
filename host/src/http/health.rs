//! `GET /health`: the verdict and every check.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;

use super::{Site, answer};
use crate::check::Status;

/// Answers from the last results. Asked before the first round is over it waits for that; who goes
/// away meanwhile leaves nothing behind.
pub(super) async fn health(State(site): State<Arc<Site>>, request: Request) -> Response {
    let authorized = site.tokens.shows_details(request.headers());
    if !site.board.first_round_is_over() {
        tokio::select! {
            () = site.board.first_round() => {}
            () = site.closing.cancelled() => {}
        }
    }
    let page = site.board.page(Timestamp::now());
    let status = match page.health() {
        Status::Unhealthy => site.unhealthy_status,
        Status::Healthy | Status::Degraded | Status::Unknown => StatusCode::OK,
    };
    answer::json(status, page.body(authorized))
}
