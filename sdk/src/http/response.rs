//! A response, read to its end.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{Error, Method, Problem, RawResponse, StatusCode};
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
            url,
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
        self.raw.header(name)
    }

    /// Returns all headers in the order received. Bytes that are not UTF-8 are replaced.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.raw
            .headers
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

    /// Returns the body, up to its limit.
    pub fn body(&self) -> &[u8] {
        &self.raw.body
    }

    /// Returns whether the body was longer than its limit.
    pub fn is_truncated(&self) -> bool {
        self.raw.truncated
    }

    /// Returns the body as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        // Checking for invalid UTF-8 costs a fraction of replacing it.
        std::str::from_utf8(&self.raw.body)
            .map_or_else(|_| String::from_utf8_lossy(&self.raw.body), Cow::Borrowed)
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
        serde_json::from_slice(&self.raw.body).map_err(|error| {
            wrong(format!(
                "not the expected JSON (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
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
