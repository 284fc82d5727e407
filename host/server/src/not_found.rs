//! The responses to requests that no page handles.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::answer;
use vitals_model::Text;

/// Answers a request for an unknown path.
pub(super) async fn not_found(request: Request) -> Response {
    let path = Text::line(request.uri().path(), SHOWN_BYTES);
    let text = format!("there is nothing at `{path}`; {PAGES}");
    answer::error(StatusCode::NOT_FOUND, &text)
}

/// Answers a method that a page does not support. The router adds `Allow`.
pub(super) async fn only_get() -> Response {
    let text = "this page answers GET and HEAD only";
    answer::error(StatusCode::METHOD_NOT_ALLOWED, text)
}

/// Answers any method but POST on a route that changes something.
pub(super) async fn only_post() -> Response {
    let text = "this changes something, and answers POST only";
    answer::error(StatusCode::METHOD_NOT_ALLOWED, text)
}

/// The limit on the shown part of an unknown path.
const SHOWN_BYTES: usize = 80;
const PAGES: &str = "the pages are /health, /health/live, /health/ready, /health/startup, \
                     /health/checks/{name}, /health/tools, /plugins, /metrics, and for POST \
                     /-/reload";
