//! The host names that requests may use.
//!
//! A web page can resolve its own name to this host's address (DNS rebinding), and the browser of
//! its visitor then treats the responses as if they came from the page. The browser still sends the
//! page's name in the request.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tower::ServiceExt;
use vitals_model::Text;

use super::answer;
use super::state::PageSettings;

/// Passes a request on to its page if each name in it belongs to the host, otherwise to `refused`.
pub(super) async fn check(
    State((settings, refused)): State<(PageSettings, Router)>,
    request: Request,
    page: Next,
) -> Response {
    if settings.load().names.foreign(&request).is_none() {
        return page.run(request).await;
    }
    match refused.with_state(()).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Answers a request by a foreign name, and explains how to allow the name.
pub(super) async fn misdirected(
    State(settings): State<PageSettings>,
    request: Request,
) -> impl IntoResponse {
    let name = settings.load().names.foreign(&request).unwrap_or_default();
    let name = Text::line(&name, SHOWN_BYTES);
    let text = format!(
        "this host does not answer to the name `{name}`: use its IP address, or add the name to \
         `hosts` under `[server]`"
    );
    answer::error(StatusCode::MISDIRECTED_REQUEST, &text)
}

/// The limit on the shown part of a foreign name.
const SHOWN_BYTES: usize = 80;
