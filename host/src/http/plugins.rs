//! `GET /plugins`: what is loaded, and what is idle.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::{Site, answer};

/// The plugins.
pub(super) async fn plugins(State(site): State<Arc<Site>>) -> Response {
    answer::json(StatusCode::OK, site.catalog.page())
}
