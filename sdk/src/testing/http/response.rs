//! A response in a world: its content, its delay, and how it may break off.

use std::time::Duration;

use serde::Serialize;

use super::World;
use crate::Deadline;
use crate::http::{Method, Problem, RawRequest, RawResponse, Stage};

/// The response to a request, or its failure.
///
/// ```
/// use std::time::Duration;
/// use vitals_sdk::prelude::*;
/// use vitals_sdk::testing::{Response, World};
///
/// let world = World::new();
/// let slow = Response::new(200).header("x-region", "eu").body("ok").after(Duration::from_millis(700));
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
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Reply {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        body_after: Duration,
        end: End,
    },
    Problem(Problem),
}

#[derive(Clone, Copy, Debug)]
enum End {
    Whole,
    Broken,
    AtTheHostsLimit,
}

impl Response {
    /// Makes a response with this status and no body.
    pub fn new(status: u16) -> Self {
        Self::of(Content::Reply {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            body_after: Duration::ZERO,
            end: End::Whole,
        })
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
    ///     Problem::Protocol("it is not HTTP".to_owned()),
    ///     Problem::Closed,
    /// ] {
    ///     world.http("GET", "https://web/").responds(Response::problem(problem.clone()));
    ///     let answer = world.run(|| http::get(&"https://web/".parse().unwrap()).send());
    ///     assert_eq!(answer.unwrap_err().problem(), &problem);
    /// }
    /// ```
    pub fn problem(problem: Problem) -> Self {
        Self::of(Content::Problem(problem))
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
        if let Content::Reply { headers, .. } = &mut self.content {
            headers.push((name.into(), value.into()));
        }
        self
    }

    /// Sets the body.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        if let Content::Reply { body, .. } = &mut self.content {
            *body = bytes.into();
        }
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
            .unwrap_or_else(|error| panic!("cannot answer with JSON: {error}"));
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
        if let Content::Reply { body_after, .. } = &mut self.content {
            *body_after = delay;
        }
        self
    }

    /// Breaks the connection after the given body.
    ///
    /// ```
    /// use vitals_sdk::{http, testing::{Response, World}};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").responds(Response::ok("half of").closes_early());
    /// let error = world.run(|| http::get(&"http://web/".parse().unwrap()).send()).unwrap_err();
    /// assert_eq!(error.problem(), &http::Problem::Closed);
    /// ```
    pub fn closes_early(self) -> Self {
        self.ends(End::Broken)
    }

    /// Cuts the body off where the given body ends, as the host's limit `http_body` does.
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
    pub fn truncated(self) -> Self {
        self.ends(End::AtTheHostsLimit)
    }

    fn of(content: Content) -> Self {
        Self {
            after: Duration::ZERO,
            content,
        }
    }

    fn ends(mut self, how: End) -> Self {
        if let Content::Reply { end, .. } = &mut self.content {
            *end = how;
        }
        self
    }

    /// Plays the response to a client that waits until its deadline.
    pub(super) fn reply(
        self,
        world: &World,
        wire: &RawRequest<'_>,
        deadline: Deadline,
    ) -> Result<RawResponse, Problem> {
        let stage = match &self.content {
            Content::Problem(Problem::Timeout { stage, .. }) => *stage,
            Content::Problem(Problem::Refused | Problem::Unreachable(_)) => Stage::Connect,
            Content::Problem(Problem::Lookup(_)) => Stage::Lookup,
            _ => Stage::Response,
        };
        world.wait(self.after, deadline, stage)?;
        match self.content {
            Content::Problem(Problem::Timeout { stage, .. }) => {
                world.wait(Duration::MAX, deadline, stage)?;
                Err(Problem::Closed)
            }
            Content::Problem(Problem::Denied(text)) if text.is_empty() => {
                let (scheme, to) = (wire.url.scheme(), wire.url.authority());
                Err(Problem::Denied(format!(
                    "http {scheme}://{to} (add it to `allow.http` of the check)"
                )))
            }
            Content::Problem(problem) => Err(problem),
            Content::Reply {
                status,
                headers,
                mut body,
                body_after,
                end,
            } => {
                world.wait(body_after, deadline, Stage::Body)?;
                if *wire.method == Method::Head {
                    body.clear();
                }
                let is_longer = body.len() > wire.body_limit;
                body.truncate(wire.body_limit);
                match end {
                    End::Broken if !is_longer => Err(Problem::Closed),
                    _ => Ok(RawResponse {
                        status,
                        headers,
                        body,
                        truncated: is_longer || matches!(end, End::AtTheHostsLimit),
                    }),
                }
            }
        }
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
