//! HTTP in a world: what answers which request, and which requests were made.

mod answer;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{World, lock};
use crate::http::{Problem, Reply, Stage, Wire};
use crate::{Deadline, Url, Value};

pub use answer::Answer;

/// What was given, and what was asked for.
#[derive(Default)]
pub(super) struct Http {
    given: Vec<Given>,
    sent: Vec<Sent>,
}

#[derive(Clone)]
struct Given {
    method: String,
    /// As [`Url::expose`] has it, without user and password.
    url: String,
    /// Whether it is all that begins with the URL.
    all_below: bool,
    answers: Arc<Mutex<Answers>>,
}

enum Answers {
    /// One after the other; the last one stays.
    InTurn(VecDeque<Answer>),
    With(Box<dyn FnMut(&Sent) -> Answer + Send>),
}

impl World {
    /// Says what a request is answered with: of this method, or any with `*`, to this URL, or to all that
    /// begin so where it ends in `*`. Of several that fit the last one counts, so that a test can say it
    /// otherwise than what it builds on.
    ///
    /// User and password of a URL are left aside: a request has them in a header.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Answer, World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/health").answers("ok");
    /// world.http("*", "http://web/admin/*").answers(401);
    ///
    /// let get = |url: &str| world.run(|| http::get(&url.parse().unwrap()).send());
    /// assert_eq!(get("http://web/health")?.text(), "ok");
    /// assert_eq!(get("http://web/admin/users?all")?.status().as_u16(), 401);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If it is no URL.
    #[must_use = "it has to be said what it `answers`"]
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
                .unwrap_or_else(|error| panic!("cannot answer at `{url}`: {error}"));
            bare(&url)
        };
        Route {
            world: self,
            method: method.to_owned(),
            url,
            all_below,
        }
    }

    /// The requests that were made so far, in their order; each hop of a redirect is one.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::World;
    ///
    /// let world = World::new();
    /// world.http("POST", "http://web/login").answers(204);
    ///
    /// let url = "http://ops:pw@web/login".parse()?;
    /// world.run(|| http::post(&url).json(&json!({ "deep": true })).send())?;
    /// let [sent] = &world.requests()[..] else { panic!("one request") };
    /// assert_eq!(sent.header("authorization"), Some("Basic b3BzOnB3"));
    /// assert_eq!(sent.json(), json!({ "deep": true }));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn requests(&self) -> Vec<Sent> {
        lock(&self.0.http).sent.clone()
    }

    pub(crate) fn exchange(&self, wire: &Wire<'_>, deadline: Deadline) -> Result<Reply, Problem> {
        for (name, _) in &wire.headers {
            header(name)?;
        }
        let sent = Sent {
            method: wire.method.as_str().to_owned(),
            url: wire.url.clone(),
            headers: wire.headers.clone(),
            body: wire.body.unwrap_or_default().to_vec(),
        };
        let answers = {
            let mut http = lock(&self.0.http);
            http.sent.push(sent.clone());
            let mut last_first = http.given.iter().rev();
            let given = last_first.find(|given| given.fits(&sent));
            let answers = given.map(|given| Arc::clone(&given.answers));
            answers.ok_or_else(|| http.not_given(&sent))
        };
        // Not under the lock of the world: a function that answers may look at it.
        let answers = answers.map_err(|text| Problem::Other(self.surprise(text)))?;
        let answer = lock(&answers).next(&sent);
        answer.reply(self, wire, deadline)
    }

    /// Lets time go by, to the deadline at most: beyond it lies a timeout.
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
    fn not_given(&self, sent: &Sent) -> String {
        let request = format!("{} {}", sent.method, bare(&sent.url));
        let there: Vec<String> = self.given.iter().map(Given::shown).collect();
        let there = if there.is_empty() {
            "give one with `World::http`".to_owned()
        } else {
            format!("it has them to {}", there.join(", "))
        };
        format!("the test has no answer to {request}; {there}")
    }
}

impl Given {
    fn fits(&self, sent: &Sent) -> bool {
        let url = bare(&sent.url);
        let is_there = if self.all_below {
            url.starts_with(&self.url)
        } else {
            url == self.url
        };
        is_there && (self.method == ANY || self.method == sent.method)
    }

    fn shown(&self) -> String {
        let below = if self.all_below { ANY } else { "" };
        format!("{} {}{below}", self.method, self.url)
    }
}

impl Answers {
    fn next(&mut self, sent: &Sent) -> Answer {
        match self {
            Self::With(answer) => answer(sent),
            Self::InTurn(answers) if answers.len() > 1 => {
                answers.pop_front().unwrap_or_else(|| Answer::new(500))
            }
            Self::InTurn(answers) => answers
                .front()
                .cloned()
                .expect("there is one from the first on, and the last one stays"),
        }
    }
}

/// What is asked of a [`World`] over HTTP, for saying what comes back.
#[derive(Debug)]
pub struct Route<'a> {
    world: &'a World,
    method: String,
    url: String,
    all_below: bool,
}

impl Route<'_> {
    /// Every time with this: an [`Answer`], a status, a text with status 200, or a
    /// [`Problem`](crate::http::Problem).
    ///
    /// ```
    /// use vitals_sdk::{http, testing::World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").answers(http::Problem::Refused);
    /// let error = world.run(|| http::get(&"http://web/".parse().unwrap()).send()).unwrap_err();
    /// assert_eq!(error.to_string(), "cannot get http://web/: connection refused");
    /// ```
    pub fn answers(self, answer: impl Into<Answer>) {
        self.answers_in_turn([answer]);
    }

    /// With one after the other, and from then on with the last one.
    ///
    /// ```
    /// use vitals_sdk::{http, testing::World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/").answers_in_turn([503, 200]);
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
    /// If there is none.
    pub fn answers_in_turn(self, answers: impl IntoIterator<Item = impl Into<Answer>>) {
        let answers: VecDeque<Answer> = answers.into_iter().map(Into::into).collect();
        assert!(
            !answers.is_empty(),
            "cannot answer {} {}: there is no answer",
            self.method,
            self.url
        );
        self.give(Answers::InTurn(answers));
    }

    /// With what a function makes of the request.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    /// use vitals_sdk::testing::{Answer, World};
    ///
    /// let world = World::new();
    /// world.http("GET", "http://web/*").answers_with(|request| {
    ///     Answer::ok(request.url().path().to_owned())
    /// });
    /// let response = world.run(|| http::get(&"http://web/a".parse().unwrap()).send())?;
    /// assert_eq!(response.text(), "/a");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn answers_with(self, answer: impl FnMut(&Sent) -> Answer + Send + 'static) {
        self.give(Answers::With(Box::new(answer)));
    }

    fn give(self, answers: Answers) {
        lock(&self.world.0.http).given.push(Given {
            method: self.method,
            url: self.url,
            all_below: self.all_below,
            answers: Arc::new(Mutex::new(answers)),
        });
    }
}

/// A request that was made in a [`World`]. See [`World::requests`].
///
/// ```
/// use vitals_sdk::{http, testing::World};
///
/// let world = World::new();
/// world.http("PUT", "http://web/a").answers(204);
/// let put = http::put(&"http://web/a".parse()?).header("x-key", "k").body("deep");
/// world.run(|| put.send())?;
///
/// let sent = &world.requests()[0];
/// assert_eq!((sent.method(), sent.url().path()), ("PUT", "/a"));
/// assert_eq!(sent.header("X-Key"), Some("k"));
/// assert_eq!((sent.body(), &*sent.text()), (&b"deep"[..], "deep"));
/// assert!(sent.headers().contains(&("content-length".to_owned(), "4".to_owned())));
/// # Ok::<(), vitals_sdk::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sent {
    method: String,
    url: Url,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Where it went.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All headers that the check and the SDK set.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What the host says of headers.
fn header(name: &str) -> Result<(), Problem> {
    let wrong = |why: &str| Err(Problem::Header(name.to_owned(), why.to_owned()));
    let may_be_in_a_name = |byte: u8| byte.is_ascii_alphanumeric() || SIGNS.contains(&byte);
    if name.is_empty() || !name.bytes().all(may_be_in_a_name) {
        return wrong("it is not valid");
    }
    if FORBIDDEN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return wrong("it is the host's to set");
    }
    Ok(())
}

/// The URL without user and password.
fn bare(url: &Url) -> String {
    format!(
        "{}://{}{}",
        url.scheme(),
        url.authority(),
        url.path_and_query()
    )
}

const ANY: &str = "*";
/// RFC 9110, section 5.6.2.
const SIGNS: &[u8] = b"!#$%&'*+-.^_`|~";
/// Those of wasmtime's client.
const FORBIDDEN: [&str; 9] = [
    "connection",
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
