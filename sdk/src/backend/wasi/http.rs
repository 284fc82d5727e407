//! One exchange over `wasi:http`. The host connects, does TLS and checks grants.
//!
//! Every wait ends at the deadline. WASI requires that child resources are dropped before their
//! parents; declaring parents first ensures that.

use std::time::Duration;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    self as wasi, ErrorCode, Fields, HeaderError, IncomingBody, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::time::{is_ready_by, nanoseconds};
use crate::Deadline;
use crate::http::{Method, Problem, RawRequest, RawResponse, Stage};

pub(crate) fn exchange(
    request: &RawRequest<'_>,
    deadline: Deadline,
) -> Result<RawResponse, Problem> {
    let outgoing = outgoing(request)?;
    let body = match request.body {
        None => None,
        Some(_) => Some(
            outgoing
                .body()
                .map_err(|()| unexpected("the request has no body to write"))?,
        ),
    };
    let future = outgoing_handler::handle(outgoing, Some(options(deadline)?))
        .map_err(|code| problem(code, Stage::Connect))?;
    let ready = future.subscribe();
    if let (Some(body), Some(bytes)) = (body, request.body) {
        send(body, bytes, &ready, deadline)?;
    }
    wait(&[&ready], deadline, Stage::Response)?;
    let incoming = future
        .get()
        .and_then(Result::ok)
        .ok_or_else(|| unexpected("the host returned no response"))?
        .map_err(|code| problem(code, Stage::Response))?;
    let headers = incoming
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let status = incoming.status();
    let incoming = incoming
        .consume()
        .map_err(|()| unexpected("the response has no body to read"))?;
    let (body, truncated) = receive(&incoming, request.body_limit, deadline)?;
    Ok(RawResponse {
        status,
        headers,
        body,
        truncated,
    })
}

/// Waits until one of the pollables is ready.
fn wait(ready: &[&Pollable], deadline: Deadline, stage: Stage) -> Result<(), Problem> {
    if is_ready_by(ready, deadline) {
        Ok(())
    } else {
        Err(timed_out(stage))
    }
}

/// Translates the host's error code.
fn problem(code: ErrorCode, stage: Stage) -> Problem {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            Problem::Denied(String::new())
        }
        ErrorCode::InternalError(Some(text)) => match text.strip_prefix("denied: ") {
            Some(what) => Problem::Denied(what.to_owned()),
            None => Problem::Other(text),
        },
        ErrorCode::InternalError(None) => unexpected("the host could not make the request"),
        ErrorCode::ConnectionRefused => Problem::Refused,
        ErrorCode::DnsTimeout => timed_out(Stage::Lookup),
        ErrorCode::DnsError(payload) => {
            Problem::Lookup(payload.rcode.unwrap_or_else(|| "no such name".to_owned()))
        }
        ErrorCode::ConnectionTimeout => timed_out(Stage::Connect),
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => timed_out(stage),
        ErrorCode::ConnectionWriteTimeout => timed_out(Stage::Send),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => Problem::Closed,
        ErrorCode::ConnectionLimitReached => {
            Problem::Unreachable("the run has reached its limit on connections".to_owned())
        }
        ErrorCode::DestinationNotFound => Problem::Unreachable("destination not found".to_owned()),
        ErrorCode::DestinationUnavailable => {
            Problem::Unreachable("destination unavailable".to_owned())
        }
        ErrorCode::DestinationIpUnroutable => Problem::Unreachable("no route to host".to_owned()),
        ErrorCode::TlsCertificateError => Problem::Tls("the certificate is not trusted".to_owned()),
        ErrorCode::TlsProtocolError => Problem::Tls("no common protocol".to_owned()),
        ErrorCode::TlsAlertReceived(alert) => Problem::Tls(
            alert
                .alert_message
                .unwrap_or_else(|| "the server sent a TLS alert".to_owned()),
        ),
        ErrorCode::HttpRequestUriInvalid => unexpected("the host rejected the URL"),
        ErrorCode::HttpRequestMethodInvalid => unexpected("the host rejected the method"),
        ErrorCode::HttpResponseHeaderSectionSize(_) | ErrorCode::HttpResponseHeaderSize(_) => {
            Problem::Protocol("the headers are too large".to_owned())
        }
        ErrorCode::HttpResponseBodySize(_) => {
            Problem::Protocol("the body exceeds the host's limit".to_owned())
        }
        ErrorCode::HttpProtocolError => Problem::Protocol("it is not HTTP".to_owned()),
        // The rest is rare. Formatting the code's name would link the formatting code of all of
        // them.
        _ => Problem::Protocol("HTTP protocol error".to_owned()),
    }
}

/// The caller fills in the limit.
fn timed_out(stage: Stage) -> Problem {
    Problem::Timeout {
        stage,
        limit: Duration::ZERO,
    }
}

fn outgoing(request: &RawRequest<'_>) -> Result<OutgoingRequest, Problem> {
    let fields = Fields::new();
    for (name, value) in &request.headers {
        fields.append(name, value.as_bytes()).map_err(|error| {
            let reason = match error {
                HeaderError::Forbidden => "only the host sets it",
                HeaderError::InvalidSyntax => "it is not valid",
                HeaderError::Immutable => "it can't be changed",
            };
            Problem::Header(name.clone(), reason.to_owned())
        })?;
    }
    let outgoing = OutgoingRequest::new(fields);
    let url = request.url;
    let scheme = if url.scheme() == "https" {
        Scheme::Https
    } else {
        Scheme::Http
    };
    outgoing
        .set_method(&method(request.method))
        .map_err(|()| unexpected("the host rejected the method"))?;
    outgoing
        .set_scheme(Some(&scheme))
        .map_err(|()| unexpected("the host rejected the scheme"))?;
    outgoing
        .set_authority(Some(&url.authority()))
        .and_then(|()| outgoing.set_path_with_query(Some(&url.path_and_query())))
        .map_err(|()| unexpected("the host rejected the URL"))?;
    Ok(outgoing)
}

fn method(method: &Method) -> wasi::Method {
    match method {
        Method::Get => wasi::Method::Get,
        Method::Head => wasi::Method::Head,
        Method::Post => wasi::Method::Post,
        Method::Put => wasi::Method::Put,
        Method::Patch => wasi::Method::Patch,
        Method::Delete => wasi::Method::Delete,
        Method::Options => wasi::Method::Options,
        Method::Other(method) => wasi::Method::Other(method.clone()),
    }
}

/// Sets the host's own timers, so that the host closes a connection after the guest stops waiting.
fn options(deadline: Deadline) -> Result<RequestOptions, Problem> {
    let options = RequestOptions::new();
    let left = Some(nanoseconds(deadline.remaining()).max(1));
    options
        .set_connect_timeout(left)
        .and_then(|()| options.set_first_byte_timeout(left))
        .and_then(|()| options.set_between_bytes_timeout(left))
        .map_err(|()| unexpected("the host rejected the timeout"))?;
    Ok(options)
}

/// Writes the body until all is sent or a response arrives: a server may respond, and a connection
/// may fail, before the body is sent.
fn send(
    body: OutgoingBody,
    bytes: &[u8],
    responded: &Pollable,
    deadline: Deadline,
) -> Result<(), Problem> {
    {
        let stream: OutputStream = body
            .write()
            .map_err(|()| unexpected("the request body has no stream"))?;
        let writable = stream.subscribe();
        let mut rest = bytes;
        while !rest.is_empty() {
            wait(&[&writable, responded], deadline, Stage::Send)?;
            if responded.ready() {
                return Ok(());
            }
            // The response carries the reason of the failure.
            let Ok(room) = stream.check_write() else {
                return Ok(());
            };
            let room = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at(room);
            if !now.is_empty() && stream.write(now).is_err() {
                return Ok(());
            }
            rest = later;
        }
    }
    OutgoingBody::finish(body, None).map_err(|code| problem(code, Stage::Send))
}

/// Reads the body to its end or to `limit`, and returns whether it continued.
fn receive(
    body: &IncomingBody,
    limit: usize,
    deadline: Deadline,
) -> Result<(Vec<u8>, bool), Problem> {
    let stream: InputStream = body
        .stream()
        .map_err(|()| unexpected("the response body has no stream"))?;
    let readable = stream.subscribe();
    let mut bytes = Vec::new();
    loop {
        wait(&[&readable], deadline, Stage::Body)?;
        // One byte beyond the limit distinguishes the end of the body from a longer one.
        let wanted = (limit - bytes.len()).saturating_add(1).min(CHUNK);
        match stream.read(wanted as u64) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok((bytes, false)),
            Err(StreamError::LastOperationFailed(error)) => {
                return match body_problem(&error) {
                    None => Ok((bytes, true)),
                    Some(problem) => Err(problem),
                };
            }
        }
        if bytes.len() > limit {
            bytes.truncate(limit);
            return Ok((bytes, true));
        }
    }
}

/// Returns why the body broke off, or `None` where it only reached the host's limit.
///
/// wasmtime 48 has no code for these errors, only their text: `http-error-code` expects a type that
/// its client does not store there.
fn body_problem(error: &wasip2::io::error::Error) -> Option<Problem> {
    match wasi::http_error_code(error) {
        Some(ErrorCode::HttpResponseBodySize(_)) => None,
        Some(code) => Some(problem(code, Stage::Body)),
        None => {
            // The host's backtrace may follow the first line.
            let text = error.to_debug_string();
            let text = text.lines().next().unwrap_or_default();
            if text.contains("body size exceeds limit") {
                None
            } else if text.contains("timeout") {
                Some(timed_out(Stage::Body))
            } else {
                Some(Problem::Closed)
            }
        }
    }
}

fn unexpected(text: &str) -> Problem {
    Problem::Other(text.to_owned())
}

const CHUNK: usize = 64 << 10;
