//! HTTP requests that are kept and never sent, to make the host hold them.

use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest};

use crate::instructions::Instructions;

/// The sizes of the parts of a request, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// The method.
    pub method: usize,
    /// The authority.
    pub authority: usize,
    /// The only header.
    pub header: usize,
    /// The path.
    pub path: usize,
    /// The written part of the body.
    pub body: usize,
}

/// Creates requests with parts of the configured sizes, and keeps them.
///
/// # Errors
///
/// The host rejects a part.
pub fn keep(args: &Instructions) -> Result<String, String> {
    let size = |part| usize::try_from(args.number(part)).unwrap_or(usize::MAX);
    let parts = Parts {
        method: size("method"),
        authority: size("authority"),
        header: size("header"),
        path: size("path"),
        body: size("body"),
    };
    let made = (0..args.number("count")).map(|_| request(parts));
    let kept = made.collect::<Result<Vec<_>, _>>()?;
    Ok(format!("kept {}", kept.len()))
}

/// Creates a request with parts of these sizes.
///
/// # Errors
///
/// The host rejects a part.
pub fn request(parts: Parts) -> Result<OutgoingRequest, String> {
    let fields = Fields::new();
    if parts.header > 0 {
        let appended = fields.append("x", &vec![b'x'; parts.header]);
        appended.map_err(|error| format!("header: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    if parts.method > 0 {
        let method = Method::Other("M".repeat(parts.method));
        request.set_method(&method).map_err(|()| "method")?;
    }
    if parts.authority > 0 {
        let authority = "a".repeat(parts.authority);
        let set = request.set_authority(Some(&authority));
        set.map_err(|()| "authority")?;
    }
    if parts.path > 0 {
        let path = "/".repeat(parts.path);
        let set = request.set_path_with_query(Some(&path));
        set.map_err(|()| "path")?;
    }
    if parts.body > 0 {
        let body = request.body().map_err(|()| "body")?;
        let stream = body.write().map_err(|()| "stream")?;
        stream
            .write(&vec![b'x'; parts.body])
            .map_err(|error| format!("body: {error:?}"))?;
        drop(stream);
        OutgoingBody::finish(body, None).map_err(|error| format!("body: {error:?}"))?;
    }
    Ok(request)
}
