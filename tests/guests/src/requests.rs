//! HTTP requests that are kept and never sent: what the host holds for them.

use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest};

use crate::told::Told;

/// How large the parts of a request are, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// Of its method.
    pub method: usize,
    /// Of its authority.
    pub authority: usize,
    /// Of its one header.
    pub header: usize,
    /// Of its path.
    pub path: usize,
    /// Of what is written of its body.
    pub body: usize,
}

/// Makes requests and keeps them, with parts as large as is told.
///
/// # Errors
///
/// The host does not take a part.
pub fn keep(told: &Told) -> Result<String, String> {
    let size = |part| usize::try_from(told.number(part)).unwrap_or(usize::MAX);
    let parts = Parts {
        method: size("method"),
        authority: size("authority"),
        header: size("header"),
        path: size("path"),
        body: size("body"),
    };
    let made = (0..told.number("count")).map(|_| request(parts));
    let kept = made.collect::<Result<Vec<_>, _>>()?;
    Ok(format!("kept {}", kept.len()))
}

/// Makes a request, with parts of this size.
///
/// # Errors
///
/// The host does not take a part.
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
