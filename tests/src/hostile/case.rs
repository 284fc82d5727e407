//! One hostile guest or input: what it is, what it is given, and what must become of it.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::clients::Crowd;
use super::frame;
use crate::guests::Guest;

/// What belongs together, and lives in one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: &'static str,
    /// What is tried there, in one line.
    pub about: &'static str,
    /// What its host is told besides or instead, as lines of its configuration; what stands in braces is
    /// an address of the world.
    pub(super) host: &'static str,
}

/// A hostile guest or input.
pub struct HostileCase {
    pub(super) name: String,
    pub(super) does: &'static str,
    pub(super) body: Body,
    pub(super) timeout: Duration,
    pub(super) settings: String,
    pub(super) is_bulk: bool,
    /// How long the host is watched after the result.
    pub(super) linger: Duration,
    pub(super) expected: Expected,
}

/// What is dropped into the plugins directory.
pub(super) enum Body {
    /// A built guest.
    Built(Guest),
    /// Bytes that are made when they are needed.
    Made(Box<dyn Fn() -> Vec<u8> + Send + Sync>),
    /// Something else than a file with bytes, made at this path.
    Placed(fn(&Path)),
    /// Files that no check names, each by its name without the ending.
    Litter(fn() -> Vec<(String, Vec<u8>)>),
    /// A good guest, after something was made in the plugins directory.
    Beside(fn(&Path), Guest),
    /// A series of files under the one name, each replacing the one before.
    Series(fn() -> Vec<Vec<u8>>),
    /// The bytes of a good guest, written piece by piece so that the file is seen unfinished.
    Trickle(Guest),
    /// Clients of the host, and then a good guest whose result has to come and be seen in spite of
    /// them.
    Crowd(Crowd),
    /// A guest that is dropped in under the name of a good one in the library, which is another
    /// directory.
    Impostor(Guest, Original),
    /// A good guest in a host that can open hardly anything while another file comes.
    Starved,
    /// Requests as they are on the wire, which the host must refuse, and then a good guest.
    Asks(fn() -> Vec<String>),
}

/// What becomes of the good guest in the library beside an impostor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Original {
    /// It stays where it is.
    Kept,
    /// It is removed when the impostor is there.
    Removed,
    /// There never is one.
    Missing,
}

/// What must become of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) status: &'static str,
    pub(super) code: Option<&'static str>,
    /// Whether the guest may be quick enough to see the end coming and say so itself.
    pub(super) may_see_it: bool,
    pub(super) limit: Option<&'static str>,
    pub(super) asked: Option<&'static str>,
    pub(super) message: Vec<&'static str>,
    pub(super) facts: Vec<Fact>,
}

/// One more thing that must be so, somewhere in all that is known of the check.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) pointer: &'static str,
    pub(super) is: Is,
}

#[derive(Clone, Debug)]
pub(super) enum Is {
    Equal(Value),
    Containing(String),
    Without(&'static [char]),
    AtMost(f64),
    AtLeast(f64),
    Long(usize),
    /// At most so many characters of text, or entries.
    ShorterThan(usize),
    Missing,
}

impl HostileCase {
    /// A case by its name, with what it does; it gets 300 ms.
    pub(super) fn new(name: impl Into<String>, does: &'static str) -> Self {
        Self {
            name: name.into(),
            does,
            body: Body::Made(Box::new(Vec::new)),
            timeout: Duration::from_millis(300),
            settings: String::new(),
            is_bulk: false,
            linger: Duration::ZERO,
            expected: Expected::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does.
    pub fn does(&self) -> &str {
        self.does
    }

    /// What must become of it, in a few words.
    pub fn expected(&self) -> String {
        self.expected.to_string()
    }

    /// It is the guest `hostile/<its name>.wat`.
    pub(super) fn wat(self) -> Self {
        let name = self.name.clone();
        self.wat_of(&name)
    }

    /// It is the guest `hostile/<name>.wat`.
    pub(super) fn wat_of(self, name: &str) -> Self {
        let name = name.to_owned();
        self.made(move || frame::guest(&name))
    }

    /// It is made when it is needed.
    pub(super) fn made(mut self, make: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> Self {
        self.body = Body::Made(Box::new(make));
        self
    }

    /// It is a built guest.
    pub(super) fn built(mut self, guest: Guest) -> Self {
        self.body = Body::Built(guest);
        self
    }

    /// It is `body`.
    pub(super) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Its runs may take so many milliseconds.
    pub(super) fn timeout(mut self, milliseconds: u64) -> Self {
        self.timeout = Duration::from_millis(milliseconds);
        self
    }

    /// A line of its check: `limits`, `config`, `allow`. What stands in braces is an address of the
    /// [`World`](super::world::World).
    pub(super) fn with(mut self, line: &str) -> Self {
        self.settings.push_str(line);
        self.settings.push('\n');
        self
    }

    /// It has so much fuel that time is what ends it.
    pub(super) fn endless_fuel(self) -> Self {
        self.with("limits = { fuel = 1_000_000_000_000 }")
    }

    /// What follows from its result takes so many seconds, for which the host is watched.
    pub(super) fn lingers(mut self, seconds: u64) -> Self {
        self.linger = Duration::from_secs(seconds);
        self
    }

    /// One of its instructions may go on over the deadline, by its own length.
    pub(super) fn bulk(mut self) -> Self {
        self.is_bulk = true;
        self
    }

    /// A limit, a trap or an exit ends it.
    pub(super) fn ends(mut self, code: &'static str) -> Self {
        self.expected.status = "unhealthy";
        self.expected.code = Some(code);
        self
    }

    /// Its time ends it.
    pub(super) fn times_out(self, message: &'static str) -> Self {
        self.ends("timeout").message(message)
    }

    /// Its time ends it, unless it sees that coming and says so itself.
    pub(super) fn times_out_or_sees_it(mut self) -> Self {
        self.expected.may_see_it = true;
        self.ends("timeout")
    }

    /// It comes to an end by itself, with this status and no error.
    pub(super) fn survives(mut self, status: &'static str) -> Self {
        self.expected.status = status;
        self
    }

    /// It is not loaded, for a reason in which `why` stands.
    pub(super) fn refused(self, why: &'static str) -> Self {
        self.ends("load").message(why)
    }

    /// The limit that is named.
    pub(super) fn limit(mut self, limit: &'static str) -> Self {
        self.expected.limit = Some(limit);
        self
    }

    /// What is said that it asked for.
    pub(super) fn asked(mut self, asked: &'static str) -> Self {
        self.expected.asked = Some(asked);
        self
    }

    /// A piece of the message.
    pub(super) fn message(mut self, piece: &'static str) -> Self {
        self.expected.message.push(piece);
        self
    }

    /// One more thing that is so, by JSON pointer into `GET /health/checks/{name}`.
    pub(super) fn fact(mut self, pointer: &'static str, is: Is) -> Self {
        self.expected.facts.push(Fact { pointer, is });
        self
    }

    /// The message and all that it is shown with are one clean line.
    pub(super) fn clean(self) -> Self {
        self.fact("/message", Is::Without(FOUL))
    }

    /// A refusal of this kind is recorded, with `words` in it.
    pub(super) fn denied(self, kind: &'static str, words: &'static str) -> Self {
        self.fact("/result/denials/0/kind", Is::Equal(kind.into()))
            .fact(
                "/result/denials/0/message",
                Is::Containing(words.to_owned()),
            )
    }
}

impl Expected {
    /// What of a check's page is not as it must be.
    pub(super) fn faults(&self, page: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let error = &page["error"];
        let mut differs = |what: &str, expected: &str, seen: &Value| {
            if seen != expected {
                faults.push(format!("{what} is {seen}, not {expected}"));
            }
        };
        differs("the status", self.status, &page["status"]);
        match self.code {
            Some(_) if self.may_see_it && error.is_null() => {}
            Some(code) => differs("the code", code, &error["code"]),
            None if error.is_object() => faults.push(format!("there is an error: {error}")),
            None => {}
        }
        for (what, expected) in [("limit", self.limit), ("asked", self.asked)] {
            if let Some(expected) = expected
                && error[what] != expected
            {
                faults.push(format!("`{what}` is {}, not {expected}", error[what]));
            }
        }
        let message = page["message"].as_str().unwrap_or_default();
        for piece in &self.message {
            if !message.contains(piece) {
                faults.push(format!("`{piece}` is not in the message `{message}`"));
            }
        }
        for Fact { pointer, is } in &self.facts {
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
            Self::Without(foul) => text.is_some_and(|text| !text.contains(*foul)),
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
            Self::Without(_) => f.write_str("one clean line"),
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
            let why = self.message.iter();
            return why.into_iter().try_for_each(|why| write!(f, ": {why}"));
        }
        let kind = |fact: &&Fact| fact.pointer == "/result/denials/0/kind";
        if let Some(Fact {
            is: Is::Equal(kind),
            ..
        }) = self.facts.iter().find(kind)
        {
            write!(f, ", refused: {}", kind.as_str().unwrap_or_default())?;
        }
        Ok(())
    }
}

/// What no text that anybody sees may have in it.
pub(super) const FOUL: &[char] = &[
    '\n',
    '\r',
    '\t',
    '\u{1b}',
    '\u{7}',
    '\0',
    '\u{202e}',
    '\u{2066}',
    '\u{2028}',
    '\u{200b}',
    '\u{feff}',
    '\u{7f}',
    '\u{9b}',
    '\u{ad}',
    '\u{e0041}',
    '\u{fe0f}',
];
