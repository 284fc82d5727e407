//! Redirects: makes the next request.

use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::response::Parts;
use http::{HeaderName, Method, StatusCode};
use percent_encoding::{AsciiSet, percent_encode};
use url::Url;

use super::error::shown;
use super::request::{Hop, peer_of};
use crate::contract::{HttpError, Verification};

/// The request that a redirect leads to; `None` if the response is the last one.
pub(super) fn next(
    hop: &Hop,
    response: &Parts,
    redirects: u8,
    max: u8,
) -> Result<Option<Hop>, HttpError> {
    let is_redirect = matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    // A redirect without a location is an ordinary response.
    let location = response
        .headers
        .get(LOCATION)
        .filter(|_| is_redirect && max > 0);
    let Some(location) = location else {
        return Ok(None);
    };
    if redirects == max {
        return Err(HttpError::Redirect(format!("more than {max} in a row")));
    }
    let location = percent_encode(location.as_bytes(), NOT_IN_URLS).to_string();
    let refused = |why: &str| HttpError::Redirect(format!("to `{}`: {why}", shown(&location)));
    let url = hop
        .url
        .join(&location)
        .map_err(|_| refused("it is not a URL"))?;
    let peer = peer_of(&url).map_err(refused)?;
    Ok(Some(follow(hop, response.status, url, peer)))
}

fn follow(hop: &Hop, status: StatusCode, url: Url, peer: crate::grants::Peer) -> Hop {
    let mut next = hop.clone();
    if url.origin() != hop.url.origin() {
        // Any header may be a credential; only the author knows which are.
        let headers = std::mem::take(&mut next.headers);
        next.headers = headers
            .into_iter()
            .scan(None, |last: &mut Option<HeaderName>, (name, value)| {
                *last = name.or_else(|| last.take());
                Some((last.clone()?, value))
            })
            .filter(|(name, _)| CROSS_ORIGIN_HEADERS.contains(name))
            .collect();
        next.server = peer.host.clone();
        next.verification = Verification::ChainAndName;
        next.client_certificate = None;
    }
    // RFC 9110, section 15.4: 303 changes the method, 307 and 308 never do, 301 and 302 do for POST.
    let becomes_get = match status.as_u16() {
        303 => hop.method != Method::HEAD,
        301 | 302 => hop.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        next.method = Method::GET;
        next.body.clear();
        let names = next.headers.keys().cloned().collect::<Vec<_>>();
        for name in names
            .iter()
            .filter(|name| name.as_str().starts_with("content-"))
        {
            next.headers.remove(name);
        }
    }
    next.url = url;
    next.url.set_fragment(None);
    next.peer = peer;
    next
}

/// The headers that are sent to another origin.
const CROSS_ORIGIN_HEADERS: [HeaderName; 5] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CONTENT_TYPE,
    USER_AGENT,
];
/// Bytes of a location that are percent-encoded before it is parsed: those that are not ASCII are.
const NOT_IN_URLS: &AsciiSet = percent_encoding::CONTROLS;
