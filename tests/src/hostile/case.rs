//! One hostile guest or input: what it does, in which limits, and what is expected of it.
//!
//! The functions begin a row of a group's table with the name of a case and what it does. The
//! methods add limits and grants, then the expectation.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::clients::Crowd;
use super::frame;
use crate::guests::{self, Guest};

/// Cases that belong together and share a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: &'static str,
    /// What the cases try, in a sentence or two.
    pub about: &'static str,
    /// What the configuration of the host has besides, or instead. Braces contain names of the
    /// [`World`](super::world::World).
    pub(super) host: &'static str,
}

/// A hostile guest or input.
pub struct HostileCase {
    pub(super) name: &'static str,
    pub(super) does: &'static str,
    pub(super) body: Body,
    pub(super) timeout: Duration,
    pub(super) settings: String,
    pub(super) is_bulk: bool,
    /// How long the host is watched after the result.
    pub(super) linger: Duration,
    pub(super) expected: Expected,
}

/// How a case comes into its host.
pub(super) enum Body {
    /// A plugin, made when it is needed.
    Made(Box<dyn Fn() -> Vec<u8> + Send + Sync>),
    /// Anything that is made at the path of the plugin.
    Placed(fn(&Path)),
    /// Files that no check names, each with its name without the ending.
    Litter(fn() -> Vec<(String, Vec<u8>)>),
    /// A good guest, after something was made in the plugins directory.
    Beside(fn(&Path)),
    /// Files under the same name, each of which replaces the previous one.
    Series(fn() -> Vec<Vec<u8>>),
    /// A good guest that is written in pieces.
    Trickle,
    /// A good guest, while clients use up the connections of the host.
    Crowd(Crowd),
    /// A guest in the plugins directory, under the name of a good one in the library.
    Impostor(Original),
    /// A good guest in a host that runs out of descriptors while another file arrives.
    Starved,
    /// Requests as they are on the wire, which the host must refuse, and then a good guest.
    Asks(fn() -> Vec<String>),
}

/// What becomes of the good guest in the library beside an impostor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Original {
    /// It stays.
    Kept,
    /// It is removed once the impostor is there.
    Removed,
    /// There never is one.
    Missing,
}

/// What is expected of a case.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    status: &'static str,
    code: Option<&'static str>,
    /// Whether the guest may notice the deadline first, and return an error of its own.
    may_see_it: bool,
    limit: Option<&'static str>,
    asked: Option<&'static str>,
    message: Vec<&'static str>,
    facts: Vec<(&'static str, Is)>,
}

/// What is expected at one place of everything known of a check.
#[derive(Clone, Debug)]
pub(super) enum Is {
    Equal(Value),
    Containing(&'static str),
    /// One line, without the characters of [`is_foul`].
    Clean,
    AtMost(f64),
    AtLeast(f64),
    /// So many characters of text, or entries.
    Long(usize),
    ShorterThan(usize),
    Missing,
}

/// A case with any body. It has 300 ms.
pub(super) fn case(name: &'static str, does: &'static str, body: Body) -> HostileCase {
    HostileCase {
        name,
        does,
        body,
        timeout: Duration::from_millis(300),
        settings: String::new(),
        is_bulk: false,
        linger: Duration::ZERO,
        expected: Expected::default(),
    }
}

/// A plugin that is made when it is needed.
pub(super) fn made(
    name: &'static str,
    does: &'static str,
    make: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> HostileCase {
    case(name, does, Body::Made(Box::new(make)))
}

/// The guest `tests/guests/wat/hostile/<name>.wat`.
pub(super) fn wat(name: &'static str, does: &'static str) -> HostileCase {
    made(name, does, move || frame::guest(name))
}

/// A guest in Rust.
pub(super) fn built(name: &'static str, does: &'static str, guest: Guest) -> HostileCase {
    made(name, does, move || guest.bytes())
}

/// The guest `hostile-local` with these settings. It has 3 s.
pub(super) fn local(name: &'static str, does: &'static str, settings: &str) -> HostileCase {
    let case = built(name, does, guests::HOSTILE_LOCAL);
    case.config(settings).timeout(3000)
}

/// The guest `hostile-net` with these settings. It has 3 s.
pub(super) fn net(name: &'static str, does: &'static str, settings: &str) -> HostileCase {
    let case = built(name, does, guests::HOSTILE_NET);
    case.config(settings).timeout(3000)
}

impl Group {
    pub(super) const fn new(name: &'static str, about: &'static str) -> Self {
        let host = "";
        Self { name, about, host }
    }

    pub(super) const fn host(self, host: &'static str) -> Self {
        Self { host, ..self }
    }
}

impl HostileCase {
    /// The name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its guest is `tests/guests/wat/hostile/<file>.wat`.
    pub(super) fn wat_of(mut self, file: &'static str) -> Self {
        self.body = Body::Made(Box::new(move || frame::guest(file)));
        self
    }

    /// The timeout of its runs in milliseconds.
    pub(super) fn timeout(mut self, milliseconds: u64) -> Self {
        self.timeout = Duration::from_millis(milliseconds);
        self
    }

    /// A line in the configuration of its check. Braces contain names of the
    /// [`World`](super::world::World).
    pub(super) fn with(mut self, line: &str) -> Self {
        self.settings.push_str(line);
        self.settings.push('\n');
        self
    }

    /// The settings that the guest is given.
    pub(super) fn config(self, settings: &str) -> Self {
        self.with(&format!("config = {{ {settings} }}"))
    }

    /// The grants of its check.
    pub(super) fn allow(self, grants: &str) -> Self {
        self.with(&format!("allow = {{ {grants} }}"))
    }

    /// The limits of its check.
    pub(super) fn limits(self, limits: &str) -> Self {
        self.with(&format!("limits = {{ {limits} }}"))
    }

    /// It has so much fuel that its timeout ends it.
    pub(super) fn endless_fuel(self) -> Self {
        self.limits("fuel = 1_000_000_000_000")
    }

    /// The host is watched for so many seconds after the result.
    pub(super) fn lingers(mut self, seconds: u64) -> Self {
        self.linger = Duration::from_secs(seconds);
        self
    }

    /// One of its instructions may exceed the deadline by its own length.
    pub(super) fn bulk(mut self) -> Self {
        self.is_bulk = true;
        self
    }

    /// It ends by itself, healthy.
    pub(super) fn healthy(mut self) -> Self {
        self.expected.status = "healthy";
        self
    }

    /// It ends by itself, unhealthy.
    pub(super) fn unhealthy(mut self) -> Self {
        self.expected.status = "unhealthy";
        self
    }

    /// A limit, a trap, an exit or a denial ends it.
    pub(super) fn ends(mut self, code: &'static str) -> Self {
        self.expected.code = Some(code);
        self.unhealthy()
    }

    /// It exceeds this limit, which has this value.
    pub(super) fn exceeds(self, code: &'static str, limit: &'static str) -> Self {
        self.ends(code).limit(limit)
    }

    /// It exceeds its timeout; the message contains `piece`.
    pub(super) fn times_out(self, piece: &'static str) -> Self {
        self.ends("timeout").message(piece)
    }

    /// It exceeds its timeout, or notices that first and returns an error of its own.
    pub(super) fn times_out_or_sees_it(mut self) -> Self {
        self.expected.may_see_it = true;
        self.ends("timeout")
    }

    /// It is not loaded; the reason contains `why`.
    pub(super) fn refused(self, why: &'static str) -> Self {
        self.ends("load").message(why)
    }

    /// An attempt of this kind is denied, with `words` in the reason.
    pub(super) fn denied(self, kind: &'static str, words: &'static str) -> Self {
        self.ends("denied")
            .fact(DENIED_KIND, Is::Equal(kind.into()))
            .fact("/result/denials/0/message", Is::Containing(words))
    }

    /// The value of the limit, as the error has it.
    pub(super) fn limit(mut self, limit: &'static str) -> Self {
        self.expected.limit = Some(limit);
        self
    }

    /// What it asked for, as the error has it.
    pub(super) fn asked(mut self, asked: &'static str) -> Self {
        self.expected.asked = Some(asked);
        self
    }

    /// A piece of the message.
    pub(super) fn message(mut self, piece: &'static str) -> Self {
        self.expected.message.push(piece);
        self
    }

    /// What is at a JSON pointer into `GET /health/checks/{name}`.
    pub(super) fn fact(mut self, pointer: &'static str, is: Is) -> Self {
        self.expected.facts.push((pointer, is));
        self
    }

    /// The message is one clean line.
    pub(super) fn clean(self) -> Self {
        self.fact("/message", Is::Clean)
    }
}

impl Expected {
    /// The differences between a check's page and what is expected.
    pub(super) fn faults(&self, page: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let error = &page["error"];
        let mut differs = |what: &str, expected: Option<&str>, seen: &Value| {
            if let Some(expected) = expected
                && seen != expected
            {
                faults.push(format!("{what} is {seen}, not {expected}"));
            }
        };
        differs("the status", Some(self.status), &page["status"]);
        if !(self.may_see_it && error.is_null()) {
            differs("the code", self.code, &error["code"]);
        }
        differs("`limit`", self.limit, &error["limit"]);
        differs("`asked`", self.asked, &error["asked"]);
        if self.code.is_none() && error.is_object() {
            faults.push(format!("there is an error: {error}"));
        }
        let message = page["message"].as_str().unwrap_or_default();
        for piece in &self.message {
            if !message.contains(piece) {
                faults.push(format!("`{piece}` is not in the message `{message}`"));
            }
        }
        for (pointer, is) in &self.facts {
            let seen = page.pointer(pointer).unwrap_or(&Value::Null);
            if !is.so(seen) {
                faults.push(format!("{pointer} is {seen}, not {is}"));
            }
        }
        faults
    }
}

impl Is {
    fn so(&self, seen: &Value) -> bool {
        let text = seen.as_str();
        let length = || {
            text.map(|text| text.chars().count())
                .or_else(|| seen.as_array().map(Vec::len))
                .or_else(|| seen.as_object().map(serde_json::Map::len))
        };
        match self {
            Self::Equal(value) => seen == value,
            Self::Containing(piece) => text.map_or_else(
                || seen.to_string().contains(piece),
                |text| text.contains(piece),
            ),
            Self::Clean => text.is_some_and(|text| !text.contains(is_foul)),
            Self::AtMost(most) => seen.as_f64().is_some_and(|number| number <= *most),
            Self::AtLeast(least) => seen.as_f64().is_some_and(|number| number >= *least),
            Self::Long(long) => length() == Some(*long),
            Self::ShorterThan(long) => length().is_some_and(|length| length < *long),
            Self::Missing => seen.is_null(),
        }
    }
}

impl fmt::Display for Is {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal(value) => write!(f, "{value}"),
            Self::Containing(piece) => write!(f, "with `{piece}` in it"),
            Self::Clean => f.write_str("one clean line"),
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::Long(long) => write!(f, "{long} long"),
            Self::ShorterThan(long) => write!(f, "shorter than {long}"),
            Self::Missing => f.write_str("missing"),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) if self.may_see_it => write!(f, "`{code}`, or its own word for it")?,
            Some(code) => write!(f, "`{code}`")?,
            None => f.write_str(self.status)?,
        }
        if let Some(limit) = self.limit {
            write!(f, " {limit}")?;
        }
        if self.code == Some("load") {
            return self.message.iter().try_for_each(|why| write!(f, ": {why}"));
        }
        let mut kinds = self
            .facts
            .iter()
            .filter(|(pointer, _)| *pointer == DENIED_KIND);
        if let Some((_, Is::Equal(Value::String(kind)))) = kinds.next() {
            write!(f, ", refused: {kind}")?;
        }
        Ok(())
    }
}

/// Whether no text that anybody sees may contain a character.
pub(super) fn is_foul(character: char) -> bool {
    const FOUL: &str = "\n\r\t\u{1b}\u{7}\0\u{202e}\u{2066}\u{2028}\u{200b}\u{feff}\u{7f}\u{9b}\
                        \u{ad}\u{e0041}\u{fe0f}";
    FOUL.contains(character)
}

const DENIED_KIND: &str = "/result/denials/0/kind";
