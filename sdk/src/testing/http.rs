//! HTTP in a world: responses by request, and the requests that were made.

mod redirect;
mod response;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{World, lock, next_in_turn};
use crate::http::{Problem, RawFailure, RawRequest, RawResponse, Stage};
use crate::{Deadline, Url, Value};

use redirect::Hop;
pub use response::Response;

/// The defined responses, and the requests made.
#[derive(Default)]
pub(super) struct Http {
    routes: Vec<DefinedRoute>,
    sent: Vec<SentRequest>,
}

struct DefinedRoute {
    method: String,
    /// As [`Url::expose`] returns it, without user and password.
    url: String,
    /// Whether the route matches every URL with this prefix.
    all_below: bool,
    responses: Arc<Mutex<Responses>>,
}

enum Responses {
    /// One after the other; the last one is repeated.
    InTurn(VecDeque<Response>),
    With(Box<dyn FnMut(&SentRequest) -> Response + Send>),
}

impl World {
    /// Defines the response to requests with this method, or any method for `*`, to this URL, or to
    /// every URL with this prefix if it ends in `*`. The last matching definition wins, so a test
    /// can override what it builds on.
    ///
    /// User and password of a URL are ignored: a request has them in a header.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Response, World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/health").responds("ok");
    /// world.http("*", "http://web/admin/*").responds(401);
    ///
    /// let get = |url: &str| world.run(|| http::get(&url.parse().unwrap()).send());
    /// assert_eq!(get("http://web/health")?.text(), "ok");
    /// assert_eq!(get("http://web/admin/users?all")?.status().as_u16(), 401);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the URL is not valid.
    #[must_use = "define the response with `responds`"]
    pub fn http(&self, method: &str, url: &str) -> Route<'_> {
        let (prefix, all_below) = match url.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (url, false),
        };
        let url = if prefix.is_empty() {
            String::new()
        } else {
            let url: Url = prefix
                .parse()
                .unwrap_or_else(|error| panic!("cannot define a response at `{url}`: {error}"));
            url.without_credentials()
        };
        Route {
            world: self,
            method: method.to_owned(),
            url,
            all_below,
        }
    }

    /// Returns the requests made so far, in order. Each redirect is a request of its own.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::World;
    ///
    /// let world = World::new();
    /// world.http("POST", "http://web/login").responds(204);
    ///
    /// let url = "http://ops:pw@web/login".parse()?;
    /// world.run(|| http::post(&url).json(&json!({ "deep": true })).send())?;
    /// let [sent] = &world.requests()[..] else { panic!("one request") };
    /// assert_eq!(sent.header("authorization"), Some("Basic b3BzOnB3"));
    /// assert_eq!(sent.json(), json!({ "deep": true }));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn requests(&self) -> Vec<SentRequest> {
        lock(&self.0.http).sent.clone()
    }

    pub(crate) fn exchange(
        &self,
        request: &RawRequest<'_>,
        deadline: Deadline,
    ) -> Result<RawResponse, Box<RawFailure>> {
        let mut hop = Hop {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            body: request.body.unwrap_or_default().to_vec(),
        };
        let mut redirects = 0;
        loop {
            let url = (redirects > 0).then(|| hop.url.clone());
            let failed = |mut failure: Box<RawFailure>| {
                failure.url.clone_from(&url);
                failure
            };
            let response = self.respond(&hop, request, deadline).map_err(failed)?;
            match redirect::next(&hop, &response, redirects, request.options.redirects) {
                None => {
                    return Ok(RawResponse {
                        url,
                        redirects,
                        ..response
                    });
                }
                Some(next) => hop = next.map_err(|problem| failed(problem.into()))?,
            }
            redirects += 1;
        }
    }

    fn respond(
        &self,
        hop: &Hop,
        request: &RawRequest<'_>,
        deadline: Deadline,
    ) -> Result<RawResponse, Box<RawFailure>> {
        for (name, value) in &hop.headers {
            header(name, value)?;
        }
        let sent = SentRequest {
            method: hop.method.as_str().to_owned(),
            url: hop.url.clone(),
            headers: hop.headers.clone(),
            body: hop.body.clone(),
        };
        let responses = {
            let mut http = lock(&self.0.http);
            http.sent.push(sent.clone());
            let route = http.routes.iter().rev().find(|route| route.matches(&sent));
            let responses = route.map(|route| Arc::clone(&route.responses));
            responses.ok_or_else(|| http.undefined(&sent))
        };
        // Released before the call: the function may use the world.
        let responses = responses.map_err(|text| Problem::Other(self.unexpected(text)))?;
        let response = lock(&responses).next(&sent);
        response.play(self, hop, request.options, deadline)
    }

    /// Advances the clock, to the deadline at most; beyond it the request times out.
    fn wait(&self, time: Duration, deadline: Deadline, stage: Stage) -> Result<(), Problem> {
        if self.pass(time, deadline) {
            return Ok(());
        }
        Err(Problem::Timeout {
            stage,
            limit: Duration::ZERO,
        })
    }
}

impl Http {
    fn undefined(&self, sent: &SentRequest) -> String {
        let request = format!("{} {}", sent.method, sent.url.without_credentials());
        let defined: Vec<String> = self.routes.iter().map(DefinedRoute::shown).collect();
        let defined = if defined.is_empty() {
            "add one with `World::http`".to_owned()
        } else {
            format!("it defines responses to {}", defined.join(", "))
        };
        format!("the test defines no response to {request}; {defined}")
    }
}

impl DefinedRoute {
    fn matches(&self, sent: &SentRequest) -> bool {
        let url = sent.url.without_credentials();
        let is_match = if self.all_below {
            url.starts_with(&self.url)
        } else {
            url == self.url
        };
        is_match && (self.method == ANY || self.method == sent.method)
    }

    fn shown(&self) -> String {
        let below = if self.all_below { ANY } else { "" };
        format!("{} {}{below}", self.method, self.url)
    }
}

impl Responses {
    fn next(&mut self, sent: &SentRequest) -> Response {
        match self {
            Self::With(respond) => respond(sent),
            Self::InTurn(responses) => next_in_turn(responses)
                .expect("the list is not empty, and its last response is never removed"),
        }
    }
}

/// A route of a [`World`], to define its response.
#[derive(Debug)]
pub struct Route<'a> {
    world: &'a World,
    method: String,
    url: String,
    all_below: bool,
}

impl Route<'_> {
    /// Responds to every request with this: a [`Response`], a status, a body with status 200, or a
    /// [`Problem`](crate::http::Problem).
    ///
    /// ```
    /// use vitals_sdk::{http, testing::World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").responds(http::Problem::Refused);
    /// let error = world.run(|| http::get(&"http://web/".parse().unwrap()).send()).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot get http://web/: connection refused");
    /// ```
    pub fn responds(self, response: impl Into<Response>) {
        self.responds_in_turn([response]);
    }

    /// Responds with one after the other, then repeats the last one.
    ///
    /// ```
    /// use vitals_sdk::{http, testing::World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").responds_in_turn([503, 200]);
    /// let url = "http://web/".parse()?;
    /// for status in [503, 200, 200] {
    ///     let response = world.run(|| http::get(&url).send())?;
    ///     assert_eq!(response.status().as_u16(), status);
    /// }
    /// # Ok::<(), vitals_sdk::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    pub fn responds_in_turn(self, responses: impl IntoIterator<Item = impl Into<Response>>) {
        let responses: VecDeque<Response> = responses.into_iter().map(Into::into).collect();
        assert!(
            !responses.is_empty(),
            "cannot respond to {} {}: the list of responses is empty",
            self.method,
            self.url
        );
        self.define(Responses::InTurn(responses));
    }

    /// Responds with the result of a function.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Response, World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/*").responds_with(|request| {
    ///     Response::ok(request.url().path().to_owned())
    /// });
    /// let response = world.run(|| http::get(&"http://web/a".parse().unwrap()).send())?;
    /// assert_eq!(response.text(), "/a");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn responds_with(self, respond: impl FnMut(&SentRequest) -> Response + Send + 'static) {
        self.define(Responses::With(Box::new(respond)));
    }

    fn define(self, responses: Responses) {
        lock(&self.world.0.http).routes.push(DefinedRoute {
            method: self.method,
            url: self.url,
            all_below: self.all_below,
            responses: Arc::new(Mutex::new(responses)),
        });
    }
}

/// A request that was made in a [`World`]. See [`World::requests`].
///
/// ```
/// use vitals_sdk::{http, testing::World};
///
/// let world = World::new();
/// world.http("PUT", "http://web/a").responds(204);
/// let put = http::put(&"http://web/a".parse()?).header("x-key", "k").body("deep");
/// world.run(|| put.send())?;
///
/// let sent = &world.requests()[0];
/// assert_eq!((sent.method(), sent.url().path()), ("PUT", "/a"));
/// assert_eq!(sent.header("X-Key"), Some("k"));
/// assert_eq!((sent.body(), &*sent.text()), (&b"deep"[..], "deep"));
/// assert_eq!(sent.headers(), [("x-key".to_owned(), "k".to_owned())]);
/// # Ok::<(), vitals_sdk::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SentRequest {
    method: String,
    url: Url,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl SentRequest {
    /// Returns the method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the first header with this name, ignoring case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns all headers that the check and the SDK set.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Returns the body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the body as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Returns the body as JSON, or null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// Applies the host's rules for headers.
fn header(name: &str, value: &str) -> Result<(), Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || TOKEN_SYMBOLS.contains(&byte);
    if name.is_empty() || !name.bytes().all(is_allowed) {
        return Err(Problem::Invalid(format!("header `{name}` is not valid")));
    }
    let name = name.to_ascii_lowercase();
    if FORBIDDEN_HEADERS.contains(&name.as_str()) {
        let instead = if name == "host" {
            "; set `server-name`"
        } else {
            ""
        };
        let text = format!("only the host sets `{name}`{instead}");
        return Err(Problem::Invalid(text));
    }
    if name == "te" && value != "trailers" {
        return Err(Problem::Invalid("`te` may only be `trailers`".to_owned()));
    }
    Ok(())
}

const ANY: &str = "*";
/// RFC 9110, section 5.6.2.
const TOKEN_SYMBOLS: &[u8] = b"!#$%&'*+-.^_`|~";
/// The headers that only the host sets.
const FORBIDDEN_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "host",
    "http2-settings",
];

#[cfg(test)]
mod tests;
