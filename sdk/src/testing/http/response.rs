//! A response in a world: its content, its delay, and how it ends.

use std::time::Duration;

use serde::Serialize;

use super::World;
use super::redirect::Hop;
use crate::Deadline;
use crate::http::{Exchange, Method, Options, Problem, RawFailure, RawResponse, Stage};
use crate::testing::network::handshake;
use crate::tls::{Certificate, Handshake};

/// The response to a request, or its failure.
///
/// ```
/// use std::time::Duration;
/// use vitals_sdk::prelude::*;
/// use vitals_sdk::testing::{Response, World};
///
/// let world = World::new();
/// let slow = Response::ok("up").header("x-region", "eu").after(Duration::from_millis(700));
/// world.http("GET", "http://web/").responds(slow);
///
/// let response = world.run(|| http::get(&"http://web/".parse().unwrap()).send())?;
/// assert_eq!(response.elapsed(), Duration::from_millis(700));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "the response has no effect until it is added to a world"]
pub struct Response {
    after: Duration,
    /// The failure in place of a response.
    problem: Option<Problem>,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
    body_after: Duration,
    end: End,
    handshake: Option<Handshake>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Complete,
    Closed,
    /// At the host's limit on bodies.
    CutOff,
}

impl Response {
    /// Makes a response with this status and no body.
    pub fn new(status: u16) -> Self {
        Self {
            after: Duration::ZERO,
            problem: None,
            status,
            headers: Vec::new(),
            body: Vec::new(),
            trailers: Vec::new(),
            body_after: Duration::ZERO,
            end: End::Complete,
            handshake: None,
        }
    }

    /// Makes a response with status 200 and this body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200).body(body)
    }

    /// Makes a redirect to a URL or a relative reference.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Response, World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").responds(Response::redirect(302, "/home"));
    /// world.http("GET", "http://web/home").responds("welcome");
    ///
    /// let url = "http://web/".parse()?;
    /// let response = world.run(|| http::get(&url).follow_redirects(1).send())?;
    /// assert_eq!(response.text(), "welcome");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::new(status).header("location", location)
    }

    /// Makes the request fail with this problem. Failures that the client detects itself, such as a
    /// body that is too long, need only the response.
    ///
    /// ```
    /// use vitals_sdk::http::{self, Problem};
    /// use vitals_sdk::testing::{Response, World};
    ///
    /// let world = World::new();
    /// for problem in [
    ///     Problem::Refused,
    ///     Problem::Lookup("there is no such name".to_owned()),
    ///     Problem::Tls("the certificate is not trusted".to_owned()),
    ///     Problem::Protocol("the response is not valid HTTP".to_owned()),
    /// ] {
    ///     world.http("GET", "https://web/").responds(Response::problem(problem.clone()));
    ///     let result = world.run(|| http::get(&"https://web/".parse().unwrap()).send());
    ///     assert_eq!(result.unwrap_err().problem(), &problem);
    /// }
    /// ```
    pub fn problem(problem: Problem) -> Self {
        Self {
            problem: Some(problem),
            ..Self::new(0)
        }
    }

    /// Never responds: the request times out.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vitals_sdk::http;
    /// use vitals_sdk::testing::{Response, World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").responds(Response::never());
    /// let get = http::get(&"http://web/".parse()?).timeout(Duration::from_secs(2));
    /// let error = world.run(|| get.send()).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "cannot get http://web/: timed out after 2s while waiting for the response"
    /// );
    /// assert_eq!(world.elapsed(), Duration::from_secs(2));
    /// # Ok::<(), vitals_sdk::Error>(())
    /// ```
    pub fn never() -> Self {
        Self::problem(Problem::Timeout {
            stage: Stage::Response,
            limit: Duration::ZERO,
        })
    }

    /// Denies the request, as if the operator had not granted it.
    ///
    /// ```
    /// use vitals_sdk::{http, testing::{Response, World}};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").responds(Response::denied());
    /// let error = world.run(|| http::get(&"http://web/".parse().unwrap()).send()).unwrap_err();
    /// assert!(error.is_denied());
    /// ```
    pub fn denied() -> Self {
        Self::problem(Problem::Denied(String::new()))
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self
    }

    /// Adds a trailer, which follows the body.
    ///
    /// ```
    /// use vitals_sdk::{http, testing::{Response, World}};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").responds(Response::ok("up").trailer("x-sum", "2"));
    /// let get = http::get(&"http://web/".parse()?);
    /// assert_eq!(world.run(|| get.clone().send())?.trailer("X-Sum"), Some("2"));
    /// // They are not received if the body is not read to its end.
    /// assert_eq!(world.run(|| get.body_prefix(1).send())?.trailer("X-Sum"), None);
    /// # Ok::<(), vitals_sdk::Error>(())
    /// ```
    pub fn trailer(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.trailers.push((name.into(), value.into()));
        self
    }

    /// Sets the body to JSON, and its content type.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Response, World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").responds(Response::new(200).json(&json!({ "up": true })));
    /// let response = world.run(|| http::get(&"http://web/".parse().unwrap()).send())?;
    /// assert_eq!(response.json::<Value>()?["up"], true);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the value cannot be serialized as JSON.
    pub fn json(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body)
            .unwrap_or_else(|error| panic!("cannot write the body as JSON: {error}"));
        self.header("content-type", "application/json").body(body)
    }

    /// Delays the response or failure. A response after the request's deadline is a timeout.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// Delays the body after status and headers.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vitals_sdk::http;
    /// use vitals_sdk::testing::{Response, World};
    ///
    /// let world = World::new();
    /// let drip = Response::ok("slow").body_after(Duration::from_secs(60));
    /// world.http("GET", "http://web/").responds(drip);
    /// let error = world.run(|| http::get(&"http://web/".parse().unwrap()).send()).unwrap_err();
    /// assert!(error.to_string().ends_with("timed out after 4s 900ms while reading the response"));
    /// ```
    pub fn body_after(mut self, delay: Duration) -> Self {
        self.body_after = delay;
        self
    }

    /// Closes the connection after this body, before the response is complete.
    ///
    /// ```
    /// use vitals_sdk::{http, testing::{Response, World}};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").responds(Response::ok("half of").closes_early());
    /// let error = world.run(|| http::get(&"http://web/".parse().unwrap()).send()).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "cannot get http://web/: the server closed the connection before the end of the body"
    /// );
    /// ```
    pub fn closes_early(mut self) -> Self {
        self.end = End::Closed;
        self
    }

    /// Cuts the body off where this body ends, as the host's limit `http_body` does.
    ///
    /// ```
    /// use vitals_sdk::{http, testing::{Response, World}};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").responds(Response::ok("the beginning").truncated());
    /// let get = http::get(&"http://web/".parse()?).body_prefix(1 << 20);
    /// assert!(world.run(|| get.send())?.is_truncated());
    /// # Ok::<(), vitals_sdk::Error>(())
    /// ```
    pub fn truncated(mut self) -> Self {
        self.end = End::CutOff;
        self
    }

    /// Shows this certificate in a handshake, which a response trusts and a problem does not.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Response, World};
    ///
    /// let world = World::new();
    /// let certificate = world.certificate("web", 10);
    /// world.http("GET", "https://web/").responds(Response::ok("up").certificate(certificate));
    /// let days = world.run(|| {
    ///     let response = http::get(&"https://web/".parse()?).send()?;
    ///     let handshake = response.exchange().handshake.as_ref();
    ///     let leaf = handshake.and_then(tls::Handshake::leaf);
    ///     Ok::<_, Error>(leaf.map(tls::Certificate::days_left))
    /// })?;
    /// assert_eq!(days, Some(10));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.handshake = Some(handshake(certificate, None));
        self
    }

    /// Plays the response to a client that waits until its deadline.
    pub(super) fn play(
        self,
        world: &World,
        hop: &Hop,
        options: &Options,
        deadline: Deadline,
    ) -> Result<RawResponse, Box<RawFailure>> {
        let (stage, delay) = match &self.problem {
            Some(Problem::Timeout { stage, .. }) => (*stage, Duration::MAX),
            Some(Problem::Refused | Problem::Unreachable(_)) => (Stage::Connect, self.after),
            Some(Problem::Lookup(_)) => (Stage::Lookup, self.after),
            _ => (Stage::Response, self.after),
        };
        world.wait(delay, deadline, stage)?;
        if let Some(problem) = self.problem {
            let handshake = self.handshake.map(|handshake| Handshake {
                verification_error: Some(problem.to_string()),
                ..handshake
            });
            let mut failure = Box::<RawFailure>::from(problem);
            failure.exchange.handshake = handshake;
            return Err(failure);
        }
        let body_time = if options.body_max == 0 {
            Duration::ZERO
        } else {
            self.body_after
        };
        world.wait(body_time, deadline, Stage::Body)?;
        let mut body = self.body;
        if hop.method == Method::Head {
            body.clear();
        }
        let is_longer = body.len() > options.body_max;
        body.truncate(options.body_max);
        if self.end == End::Closed && !is_longer {
            let text = "the server closed the connection before the end of the body";
            return Err(Problem::Protocol(text.to_owned()).into());
        }
        let truncated = is_longer || self.end == End::CutOff;
        let is_whole = options.body_max > 0 && !truncated;
        let mut exchange = Exchange::default();
        exchange.phases.first_byte = self.after;
        exchange.phases.body = body_time;
        exchange.handshake = self.handshake;
        Ok(RawResponse {
            status: self.status,
            headers: self.headers,
            trailers: if is_whole { self.trailers } else { Vec::new() },
            body_size: body.len() as u64,
            body,
            truncated,
            exchange,
            ..RawResponse::default()
        })
    }
}

impl From<u16> for Response {
    fn from(status: u16) -> Self {
        Self::new(status)
    }
}

impl From<&str> for Response {
    fn from(body: &str) -> Self {
        Self::ok(body)
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        Self::problem(problem)
    }
}
