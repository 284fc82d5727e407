//! `GET /health/tools`: the pages of other tools.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;

use super::{Site, answer};
use crate::config::Tools;

/// Each tool with its URL, null where none is set.
pub(super) async fn tools(State(site): State<Arc<Site>>) -> Response {
    answer::json(StatusCode::OK, site.tools.clone())
}

/// The answer; it never changes.
pub(super) fn body(tools: &Tools) -> Bytes {
    serde_json::to_vec(&tools.0)
        .expect("the keys are strings")
        .into()
}
