//! The answers to requests that no page takes.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::answer;
use vitals_model::Text;

/// A path that there is nothing at.
pub(super) async fn not_found(request: Request) -> Response {
    let path = Text::line(request.uri().path(), SHOWN_BYTES);
    let text = format!("there is nothing at `{path}`; {PAGES}");
    answer::error(StatusCode::NOT_FOUND, &text)
}

/// A method that a page does not take. `Allow` is added by the router.
pub(super) async fn only_get() -> Response {
    let text = "this page answers GET and HEAD only";
    answer::error(StatusCode::METHOD_NOT_ALLOWED, text)
}

/// A method that what changes something does not take.
pub(super) async fn only_post() -> Response {
    let text = "this changes something, and answers POST only";
    answer::error(StatusCode::METHOD_NOT_ALLOWED, text)
}

/// How much of an unknown path is repeated.
const SHOWN_BYTES: usize = 80;
const PAGES: &str = "the pages are /health, /health/live, /health/ready, /health/startup, \
                     /health/checks/{name}, /health/tools, /plugins, /metrics, and for POST \
                     /-/reload";
