//! A blocking HTTP client that observes the run's deadline and reaches only what the operator
//! granted.
//!
//! The host connects, does TLS and checks grants, for every redirect anew. This module makes
//! requests, follows redirects and reads responses. `backend` knows how a request is transported.
//!
//! ```no_run
//! use vitals_sdk::prelude::*;
//!
//! # fn example(url: Url) -> Result<()> {
//! let response = http::post(&url)
//!     .header("authorization", "Bearer …")
//!     .json(&json!({ "deep": true }))
//!     .timeout(Duration::from_secs(2))
//!     .send()?;
//! let body: Value = response.json()?;
//! # Ok(())
//! # }
//! ```

mod error;
mod method;
mod redirect;
mod response;
mod status;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Instant;
use crate::deadline::Limit;
use crate::{Deadline, Url, backend};

pub use error::{Error, Problem, Stage};
pub use method::Method;
pub use response::Response;
pub use status::StatusCode;

/// Makes a GET request.
///
/// ```
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # world.http("GET", "https://shop.example/health").responds("up");
/// # world.run(|| {
/// let url: Url = "https://shop.example/health".parse()?;
/// let response = http::get(&url).timeout(Duration::from_secs(2)).send()?;
/// assert!(response.status().is_success());
/// assert_eq!(response.text(), "up");
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub fn get(url: &Url) -> RequestBuilder {
    request(Method::Get, url)
}

/// Makes a HEAD request.
pub fn head(url: &Url) -> RequestBuilder {
    request(Method::Head, url)
}

/// Makes a POST request.
///
/// ```
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::testing::World;
///
/// # let world = World::new();
/// # world.http("POST", "https://shop.example/query").responds(r#"{ "rows": 3 }"#);
/// # world.run(|| {
/// let url: Url = "https://shop.example/query".parse()?;
/// let page: Value = http::post(&url).json(&json!({ "limit": 10 })).send()?.json()?;
/// assert_eq!(page["rows"], 3);
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub fn post(url: &Url) -> RequestBuilder {
    request(Method::Post, url)
}

/// Makes a PUT request.
pub fn put(url: &Url) -> RequestBuilder {
    request(Method::Put, url)
}

/// Makes a request with any method. User and password of the URL become basic authentication.
///
/// ```
/// use vitals_sdk::http::{self, Method};
/// use vitals_sdk::prelude::*;
/// # use vitals_sdk::testing::{Response, World};
///
/// # let world = World::new();
/// # world.http("PURGE", "http://cache/").responds(Response::new(204));
/// # world.run(|| {
/// let purged = http::request(Method::Other("PURGE".to_owned()), &"http://cache/".parse()?).send()?;
/// assert_eq!(purged.status().to_string(), "204 No Content");
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
pub fn request(method: Method, url: &Url) -> RequestBuilder {
    RequestBuilder {
        method,
        url: url.clone(),
        headers: Vec::new(),
        body: None,
        timeout: None,
        redirects: 0,
        body_limit: BODY_LIMIT,
        takes_prefix: false,
        problem: None,
    }
}

/// A request that has not been sent yet.
#[derive(Clone)]
#[must_use = "the request is sent only by `send`"]
pub struct RequestBuilder {
    method: Method,
    url: Url,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    timeout: Option<Duration>,
    redirects: u32,
    body_limit: usize,
    takes_prefix: bool,
    problem: Option<Problem>,
}

impl RequestBuilder {
    /// Adds a header. Sending fails on headers that only the host sets, such as `host` and
    /// `connection`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the body to JSON, and sets its content type unless one is set.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.body = Some(body),
            Err(error) => self.problem = Some(Problem::Body(error.to_string())),
        }
        if !self.has_header("content-type") {
            self.headers
                .push(("content-type".to_owned(), "application/json".to_owned()));
        }
        self
    }

    /// Limits the time for the whole request: connecting, every redirect and the body. The run's
    /// deadline always applies.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Follows at most this many redirects. Without this call none is followed, and a redirect is
    /// returned as the response. Each target needs its own grant. Headers set here are not sent to
    /// another origin.
    pub fn follow_redirects(mut self, hops: u32) -> Self {
        self.redirects = hops;
        self
    }

    /// Limits the size of the body, 1 MiB without this call. A longer body is an error,
    /// [`Problem::TooLarge`]. The host has a limit of its own, `http_body`.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self.takes_prefix = false;
        self
    }

    /// Reads at most the first `bytes` bytes of the body, or as many as the host allows, and drops
    /// the rest; see [`Response::is_truncated`].
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// # use vitals_sdk::testing::World;
    ///
    /// # let world = World::new();
    /// # world.http("GET", "http://web/").responds("<!doctype html><title>Shop</title>");
    /// # world.run(|| {
    /// let page = http::get(&"http://web/".parse()?).body_prefix(15).send()?;
    /// assert_eq!(page.text(), "<!doctype html>");
    /// assert!(page.is_truncated());
    /// # Ok::<(), Error>(())
    /// # })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn body_prefix(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self.takes_prefix = true;
        self
    }

    /// Sends the request and reads the whole response. A response of any status is `Ok`.
    pub fn send(self) -> Result<Response, Error> {
        let limit = Limit::new(self.timeout.unwrap_or(Duration::MAX));
        let mut request = self;
        let mut hops = 0;
        let started = Instant::now();
        loop {
            let response = request
                .exchange(limit.deadline)
                .map_err(|problem| request.error(problem.within(limit.shown)))?;
            let Some(next) = redirect::next(&request, &response, hops) else {
                if response.truncated && !request.takes_prefix {
                    return Err(request.error(Problem::TooLarge(response.body.len())));
                }
                return Ok(Response::new(
                    request.method,
                    request.url,
                    response,
                    started.elapsed(),
                ));
            };
            request = next.map_err(|problem| request.error(problem))?;
            hops += 1;
        }
    }

    fn exchange(&self, deadline: Deadline) -> Result<RawResponse, Problem> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        if !matches!(self.url.scheme(), "http" | "https") {
            return Err(Problem::Scheme(self.url.scheme().to_owned()));
        }
        let wire = RawRequest {
            method: &self.method,
            url: &self.url,
            headers: self.all_headers(),
            body: self.body.as_deref(),
            body_limit: self.body_limit,
        };
        backend::exchange(&wire, deadline)
    }

    /// Returns the headers that were set and the standard headers of every request.
    fn all_headers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        let mut add = |name: &str, value: String| {
            if !self.has_header(name) {
                headers.push((name.to_owned(), value));
            }
        };
        add("user-agent", USER_AGENT.to_owned());
        add("accept", "*/*".to_owned());
        if let Some((user, password)) = self.url.credentials() {
            let pair = [user.as_slice(), b":", &password].concat();
            add("authorization", format!("Basic {}", base64(&pair)));
        }
        if let Some(body) = &self.body {
            add("content-length", body.len().to_string());
        }
        headers
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    fn error(&self, problem: Problem) -> Error {
        Error::of(&self.method, &self.url, problem)
    }
}

/// Headers and body may contain secrets, so they are not printed.
impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestBuilder({} {})", self.method, self.url)
    }
}

/// A request in the form that the backend sends.
pub(crate) struct RawRequest<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) body_limit: usize,
}

/// A response in the form that the backend receives.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) truncated: bool,
}

impl RawResponse {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            let digit = (bits >> (18 - 6 * position)) & 63;
            text.push(if position > chunk.len() {
                '='
            } else {
                char::from(BASE64[digit as usize])
            });
        }
    }
    text
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BODY_LIMIT: usize = 1 << 20;
const USER_AGENT: &str = concat!("vitals/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
