//! HTTP requests that are kept and never sent, to make the host hold them.

use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest};

/// Creates a request whose method, authority, header, path and body have these sizes in bytes; a
/// part of size 0 is not set.
///
/// # Errors
///
/// The host rejects a part.
pub fn request(size: impl Fn(&str) -> usize) -> Result<OutgoingRequest, String> {
    let text = |part, letter: &str| Some(letter.repeat(size(part))).filter(|it| !it.is_empty());
    let fields = Fields::new();
    if let Some(value) = text("header", "x") {
        let appended = fields.append("x", value.as_bytes());
        appended.map_err(|error| format!("header: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    if let Some(method) = text("method", "M") {
        let set = request.set_method(&Method::Other(method));
        set.map_err(|()| "method")?;
    }
    if let Some(authority) = text("authority", "a") {
        let set = request.set_authority(Some(&authority));
        set.map_err(|()| "authority")?;
    }
    if let Some(path) = text("path", "/") {
        let set = request.set_path_with_query(Some(&path));
        set.map_err(|()| "path")?;
    }
    if let Some(bytes) = text("body", "x") {
        let body = request.body().map_err(|()| "body")?;
        let stream = body.write().map_err(|()| "stream")?;
        let written = stream.write(bytes.as_bytes());
        written.map_err(|error| format!("body: {error:?}"))?;
        drop(stream);
        OutgoingBody::finish(body, None).map_err(|error| format!("body: {error:?}"))?;
    }
    Ok(request)
}
