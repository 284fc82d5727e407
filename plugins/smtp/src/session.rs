//! Lines of SMTP, to and fro (RFC 5321). It must not know what is good or bad of an answer.

use std::fmt;

use vitals_sdk::prelude::*;
use vitals_sdk::tls::{Connection, Handshake};

/// A conversation with a server.
pub(crate) struct Session {
    connection: Connection,
    handshake: Option<Handshake>,
    capabilities: Vec<String>,
}

/// What a server answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// Behind the code, of each line.
    lines: Vec<String>,
}

impl Session {
    pub(crate) fn connect(address: &Address, timeout: Duration) -> Result<Self> {
        Ok(Self {
            connection: tls::connect_within(address, timeout)?,
            handshake: None,
            capabilities: Vec::new(),
        })
    }

    /// What the handshake came to, where there was one.
    pub(crate) fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// What the server said last that it can do.
    pub(crate) fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// Whether the server can do something: a keyword, with one or more of its parameters.
    pub(crate) fn offers(&self, wanted: &str) -> bool {
        let mut wanted = wanted.split_whitespace();
        let Some(keyword) = wanted.next() else {
            return true;
        };
        let wanted: Vec<&str> = wanted.collect();
        self.capabilities.iter().any(|offered| {
            let mut offered = offered.split_whitespace();
            let is_it = offered
                .next()
                .is_some_and(|it| it.eq_ignore_ascii_case(keyword));
            let parameters: Vec<&str> = offered.collect();
            let has = |wanted: &&str| parameters.iter().any(|it| it.eq_ignore_ascii_case(wanted));
            is_it && wanted.iter().all(has)
        })
    }

    pub(crate) fn start_tls(&mut self, name: &str, verify: bool) -> Result<()> {
        self.handshake = Some(if verify {
            self.connection.start_tls(name)?
        } else {
            self.connection.start_tls_unverified(name)?
        });
        Ok(())
    }

    /// Says who is there, and hears what the server can do. Answers why the server minds.
    pub(crate) fn hello(&mut self, name: &str) -> Result<Option<Reply>> {
        // What was said in the clear counts for nothing over TLS.
        self.capabilities.clear();
        let reply = self.ask(&format!("EHLO {name}"), "EHLO")?;
        if !reply.is_good() {
            return Ok(Some(reply));
        }
        self.capabilities = reply.lines.into_iter().skip(1).collect();
        Ok(None)
    }

    /// Says a line and waits for the answer. `what` is what it is called where none comes.
    pub(crate) fn ask(&mut self, line: &str, what: &str) -> Result<Reply> {
        self.connection
            .write_all(format!("{line}\r\n").as_bytes())?;
        self.reply(&format!("answer to {what}"))
    }

    /// Waits for an answer.
    pub(crate) fn reply(&mut self, what: &str) -> Result<Reply> {
        let mut lines = Vec::new();
        while lines.len() < LINES {
            let line = self.connection.read_line(LINE);
            let line = line.with_context(|| format!("no {what} came"))?;
            let Some((code, is_last, text)) = parsed(&line) else {
                return Err(Error::new(format_args!(
                    "{} does not speak SMTP: it said `{}`",
                    self.connection.address(),
                    shortened(&line, SHOWN)
                )));
            };
            lines.push(text.to_owned());
            if is_last {
                return Ok(Reply { code, lines });
            }
        }
        Err(Error::new(format_args!(
            "{} answers without end",
            self.connection.address()
        )))
    }

    /// Takes leave, as is polite. What comes of it is of no interest.
    pub(crate) fn quit(&mut self) {
        self.connection.set_timeout(FAREWELL);
        self.ask("QUIT", "QUIT").ok();
    }
}

/// A line: its code, whether it is the last one, and the text.
fn parsed(line: &str) -> Option<(u16, bool, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    if !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let is_last = match rest.as_bytes().first() {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    Some((
        code.parse().ok()?,
        is_last,
        rest.get(1..).unwrap_or_default(),
    ))
}

impl Reply {
    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Whether it may be otherwise later.
    pub(crate) fn is_for_now(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// The text of it, or the code alone where one of these is in the text.
    pub(crate) fn without(&self, secrets: &[String]) -> String {
        let text = self.lines.join(" ");
        if secrets
            .iter()
            .any(|secret| !secret.is_empty() && text.contains(secret))
        {
            return self.code.to_string();
        }
        self.to_string()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}",
            self.code,
            shortened(&self.lines.join(" "), SHOWN)
        )
    }
}

/// The longest line that is read, well above what RFC 5321 allows, and the most of them for one answer.
const LINE: usize = 4096;
const LINES: usize = 100;
/// How many characters of an answer are in a message.
const SHOWN: usize = 256;
/// How long a farewell is waited for.
const FAREWELL: Duration = Duration::from_secs(1);
