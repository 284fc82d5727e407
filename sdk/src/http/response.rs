//! A response, read to its end.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{
    Error, Exchange, Method, Problem, RawResponse, StatusCode, Version, charset, value_of,
};
use crate::Url;

/// A response, read to its end or to the limit of its body.
///
/// ```
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::testing::{Response, World};
///
/// # let world = World::new();
/// # world.http("GET", "http://web/").responds(Response::new(503).header("Retry-After", "120"));
/// # world.run(|| {
/// let response = http::get(&"http://web/".parse()?).send()?;
/// assert_eq!(response.status().as_u16(), 503);
/// assert_eq!(response.header("retry-after"), Some("120"));
/// assert!(response.body().is_empty());
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub struct Response {
    method: Method,
    url: Url,
    raw: RawResponse,
    elapsed: Duration,
}

impl Response {
    pub(super) fn new(method: Method, url: Url, raw: RawResponse, elapsed: Duration) -> Self {
        Self {
            method,
            url: raw.url.clone().unwrap_or(url),
            raw,
            elapsed,
        }
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        StatusCode::new(self.raw.status)
    }

    /// Returns the first header with this name, ignoring case.
    pub fn header(&self, name: &str) -> Option<&str> {
        value_of(&self.raw.headers, name)
    }

    /// Returns all headers in the order received. Bytes that are not UTF-8 are replaced.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.raw
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the first trailer with this name, ignoring case. Trailers follow the body in HTTP/2 and
    /// in chunked HTTP/1.1; there are none if the body was not read to its end. Some servers send
    /// them only to a request with the header `te: trailers`.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// # use vitals_sdk::testing::{Response, World};
    ///
    /// # let world = World::new();
    /// # world.http("GET", "http://web/").responds(Response::ok("up").trailer("Grpc-Status", "0"));
    /// # world.run(|| {
    /// let response = http::get(&"http://web/".parse()?).header("te", "trailers").send()?;
    /// assert_eq!(response.trailer("grpc-status"), Some("0"));
    /// assert_eq!(response.header("grpc-status"), None);
    /// # Ok::<(), Error>(())
    /// # })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn trailer(&self, name: &str) -> Option<&str> {
        value_of(&self.raw.trailers, name)
    }

    /// Returns all trailers in the order received. Bytes that are not UTF-8 are replaced.
    pub fn trailers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.raw
            .trailers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the URL that responded: after redirects, the last one.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the time from the start of the request, over all redirects, to the end of the body.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns how many redirects were followed.
    pub fn redirects(&self) -> u8 {
        self.raw.redirects
    }

    /// Returns the version of HTTP.
    pub fn version(&self) -> Version {
        self.raw.version
    }

    /// Returns what is known of the exchange: its phases, the server's address, the TLS handshake.
    pub fn exchange(&self) -> &Exchange {
        &self.raw.exchange
    }

    /// Returns the bytes of the body that were received, before decoding.
    pub fn received_size(&self) -> u64 {
        self.raw.body_size
    }

    /// Returns the decoded body, up to its limit.
    pub fn body(&self) -> &[u8] {
        &self.raw.body
    }

    /// Returns whether the body was longer than its limit.
    pub fn is_truncated(&self) -> bool {
        self.raw.truncated
    }

    /// Returns the body as text, in the charset of its byte order mark or of its content type: UTF-8,
    /// UTF-16 or Latin-1. What is not valid is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        charset::decode(&self.raw.body, self.header("content-type"))
    }

    /// Parses the body as JSON, for example into a [`Value`](crate::Value). An error never shows
    /// the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let wrong = |text: String| Error::of(&self.method, &self.url, Problem::Body(text));
        if self.raw.truncated {
            let kept = self.raw.body.len();
            return Err(wrong(format!(
                "it is longer than {kept} bytes and was cut off"
            )));
        }
        serde_json::from_str(&self.text()).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let mut text = format!("not the expected JSON (line {line}, column {column})");
            if let Some(coding) = self.remaining_coding() {
                text = format!("its coding `{coding}` is not one that the host decodes");
            }
            wrong(text)
        })
    }

    /// Returns the content coding that the body still has, because the host does not decode it.
    pub fn remaining_coding(&self) -> Option<&str> {
        let coding = self.header("content-encoding")?;
        let mut decoded = DECODED.iter();
        let is_decoded = decoded.any(|known| known.eq_ignore_ascii_case(coding));
        (!is_decoded).then_some(coding)
    }
}

/// Headers and body may contain secrets, so they are not printed.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Response({} {}: {})",
            self.method,
            self.url,
            self.status()
        )
    }
}

/// The content codings that the host decodes.
const DECODED: [&str; 6] = ["identity", "gzip", "x-gzip", "deflate", "br", "zstd"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn response(body: &str, truncated: bool) -> Response {
        let headers = vec![("X-Mode".to_owned(), "a".to_owned())];
        let raw = RawResponse {
            status: 200,
            headers,
            body: body.into(),
            truncated,
            ..RawResponse::default()
        };
        Response::new(
            Method::Get,
            "http://a/".parse().unwrap(),
            raw,
            Duration::ZERO,
        )
    }

    #[test]
    fn a_body_is_read_as_json() {
        let value: Value = response(r#"{"up": true}"#, false).json().unwrap();
        assert_eq!(value["up"], true);
        assert_eq!(response("", false).header("x-mode"), Some("a"));
    }

    #[test]
    fn an_error_about_the_body_does_not_show_it() {
        let error = response("secret", false)
            .json::<Value>()
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "cannot get http://a/: the body is not valid: not the expected JSON (line 1, column 1)"
        );
        let error = response("1234", true)
            .json::<Value>()
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("it is longer than 4 bytes and was cut off"),
            "{error}"
        );
    }
}
