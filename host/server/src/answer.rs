//! Responses with a body.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

/// Returns a response with a JSON body.
pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// Returns a JSON response that describes what is wrong with the request.
pub(super) fn error(status: StatusCode, text: &str) -> Response {
    #[derive(Serialize)]
    struct Page<'a> {
        error: &'a str,
    }
    let body = serde_json::to_vec(&Page { error: text });
    json(status, body.expect("a text can always be written"))
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
