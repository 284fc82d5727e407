//! `GET /health/checks/{name}`: everything known about one check.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::answer;
use super::state::PageDeps;
use vitals_model::Text;

/// Returns one check, or 404. Does not wait for the first round: a check without a result is shown
/// as such.
pub(super) async fn check(
    State(deps): State<Arc<PageDeps>>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path(name)) = name else {
        let text = "the name of a check must be UTF-8; `/health` lists all checks";
        return answer::error(StatusCode::NOT_FOUND, text);
    };
    let authorized = deps.settings.load().tokens.shows_details(request.headers());
    let Some(page) = deps.board.check(&name, authorized) else {
        let name = Text::line(&name, SHOWN_BYTES);
        let text = format!("there is no check `{name}`; `/health` lists all checks");
        return answer::error(StatusCode::NOT_FOUND, &text);
    };
    answer::json(StatusCode::OK, page)
}

/// The limit on the shown part of an unknown name.
const SHOWN_BYTES: usize = 80;
