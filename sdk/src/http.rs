//! A blocking HTTP client that observes the run's deadline and reaches only what the operator
//! granted.
//!
//! The host connects, does TLS, checks grants, follows redirects and decodes bodies, all in one call.
//! This module describes requests and responses. `backend` makes the call.
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

mod charset;
mod error;
mod exchange;
mod method;
mod options;
mod response;
mod settings;
mod status;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Instant;
use crate::deadline::Limit;
use crate::{Deadline, Url, backend};

pub use crate::net::Family;
pub use crate::tls::Verification;
pub use error::{Error, Problem, Stage};
pub use exchange::{Exchange, Phases, Version};
pub use method::Method;
pub(crate) use options::Options;
pub use options::VersionOption;
pub use response::Response;
pub use settings::{RequestSettings, ServerSettings};
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
        options: Options::default(),
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
    options: Options,
    takes_prefix: bool,
    problem: Option<Problem>,
}

impl RequestBuilder {
    /// Adds a header. Sending fails on headers that only the host sets, such as `content-length` and
    /// `connection`; for `host` see [`RequestBuilder::server_name`].
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

    /// Follows at most this many redirects, 255 at the most. Without this call none is followed, and
    /// a redirect is returned as the response. Each target needs its own grant. Headers and cookies
    /// are not sent to another origin, where [`RequestBuilder::server_name`],
    /// [`RequestBuilder::verification`] and [`RequestBuilder::client_certificate`] do not apply.
    pub fn follow_redirects(mut self, hops: u32) -> Self {
        self.options.redirects = u8::try_from(hops).unwrap_or(u8::MAX);
        self
    }

    /// Drops the cookies that a redirect sets. Without this call they are sent to its origin.
    pub fn without_cookies(mut self) -> Self {
        self.options.cookies = false;
        self
    }

    /// Returns the body as it was sent. Without this call the host asks for gzip, deflate, Brotli and
    /// Zstandard, and decodes them.
    pub fn without_decoding(mut self) -> Self {
        self.options.decode = false;
        self
    }

    /// Selects the version of HTTP. Without this call it is HTTP/2 if the server selects that in TLS,
    /// otherwise HTTP/1.1.
    pub fn version(mut self, version: VersionOption) -> Self {
        self.options.version = version;
        self
    }

    /// Connects only to addresses of one family.
    pub fn family(mut self, family: Family) -> Self {
        self.options.family = family;
        self
    }

    /// Sets the name in `host` and in TLS, in place of the host of the URL, to check one of several
    /// servers by its address.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.options.server_name = Some(name.into());
        self
    }

    /// Sets what is required of the server's certificate. Without this call its chain must lead to a
    /// trusted root, and it must be valid for the name.
    pub fn verification(mut self, verification: Verification) -> Self {
        self.options.verification = verification;
        self
    }

    /// Shows the server a certificate of the client: the name of a table `tls.identities` in the
    /// host's configuration.
    pub fn client_certificate(mut self, name: impl Into<String>) -> Self {
        self.options.client_certificate = Some(name.into());
        self
    }

    /// Connects through a proxy: the name of a table `proxies` in the host's configuration.
    pub fn proxy(mut self, name: impl Into<String>) -> Self {
        self.options.proxy = Some(name.into());
        self
    }

    /// Limits the size of the decoded body, 1 MiB without this call. A longer body is an error,
    /// [`Problem::TooLarge`]. The host has a limit of its own, `http_body`.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.options.body_max = bytes;
        self.takes_prefix = false;
        self
    }

    /// Reads at most the first `bytes` bytes of the decoded body, or as many as the host allows, and
    /// drops the rest; see [`Response::is_truncated`]. With 0, a response whose body never ends is
    /// complete with its headers.
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
        self.options.body_max = bytes;
        self.takes_prefix = true;
        self
    }

    /// Sends the request and reads the whole response. A response of any status is `Ok`.
    pub fn send(self) -> Result<Response, Error> {
        let limit = Limit::new(self.timeout.unwrap_or(Duration::MAX));
        let started = Instant::now();
        let response = match self.exchange(limit.deadline) {
            Ok(response) => response,
            Err(failure) => return Err(self.error(failure, limit)),
        };
        if response.truncated && !self.takes_prefix {
            let problem = Problem::TooLarge(response.body.len());
            return Err(self.error(problem.into(), limit));
        }
        Ok(Response::new(
            self.method,
            self.url,
            response,
            started.elapsed(),
        ))
    }

    fn exchange(&self, deadline: Deadline) -> Result<RawResponse, Box<RawFailure>> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone().into());
        }
        if !matches!(self.url.scheme(), "http" | "https") {
            return Err(Problem::Scheme(self.url.scheme().to_owned()).into());
        }
        let request = RawRequest {
            method: &self.method,
            url: &self.url,
            headers: self.all_headers(),
            body: self.body.as_deref(),
            options: &self.options,
        };
        backend::exchange(&request, deadline)
    }

    /// Returns the headers that were set, and the one that follows from the URL.
    fn all_headers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        if let Some((user, password)) = self.url.credentials()
            && !self.has_header("authorization")
        {
            let pair = [user.as_slice(), b":", &password].concat();
            let value = format!("Basic {}", base64(&pair));
            headers.push(("authorization".to_owned(), value));
        }
        headers
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    fn error(&self, failure: Box<RawFailure>, limit: Limit) -> Error {
        let url = failure.url.as_ref().unwrap_or(&self.url);
        let problem = failure.problem.within(limit.shown);
        Error::of(&self.method, url, problem).with_exchange(failure.exchange)
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
    pub(crate) options: &'a Options,
}

/// A response in the form that the backend receives.
#[derive(Debug, Default)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    pub(crate) version: Version,
    /// The last URL, if a redirect was followed.
    pub(crate) url: Option<Url>,
    pub(crate) redirects: u8,
    pub(crate) headers: Vec<(String, String)>,
    /// What followed the body.
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Before decoding.
    pub(crate) body_size: u64,
    pub(crate) truncated: bool,
    pub(crate) exchange: Exchange,
}

/// Returns the first value of a name, ignoring case.
fn value_of<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// A request without a response.
pub(crate) struct RawFailure {
    pub(crate) problem: Problem,
    /// The last URL, if a redirect was followed.
    pub(crate) url: Option<Url>,
    pub(crate) exchange: Exchange,
}

impl From<Problem> for Box<RawFailure> {
    fn from(problem: Problem) -> Self {
        Self::new(RawFailure {
            problem,
            url: None,
            exchange: Exchange::default(),
        })
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

#[cfg(test)]
mod tests;
