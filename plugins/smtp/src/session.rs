//! Exchanges lines of SMTP (RFC 5321). It must not know which replies are good or bad.

use std::fmt;

use vitals_sdk::net::ConnectOptions;
use vitals_sdk::prelude::*;
use vitals_sdk::tls::{Connection, Handshake, TlsOptions};

/// A session with a server.
pub(crate) struct Session {
    connection: Connection,
    handshake: Option<Handshake>,
    capabilities: Vec<String>,
}

/// A reply of the server.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// The text of each line, without the code.
    lines: Vec<String>,
}

impl Session {
    pub(crate) fn connect(address: &Address, options: &ConnectOptions) -> Result<Self> {
        Ok(Self {
            connection: tls::connect_with(address, options)?,
            handshake: None,
            capabilities: Vec::new(),
        })
    }

    /// Returns the result of the TLS handshake, if there was one.
    pub(crate) fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// Returns the capabilities that the server announced last.
    pub(crate) fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// Returns whether the server offers a capability: a keyword, with any parameters that are
    /// named.
    pub(crate) fn offers(&self, wanted: &str) -> bool {
        let mut wanted = wanted.split_whitespace();
        let Some(keyword) = wanted.next() else {
            return true;
        };
        let wanted: Vec<&str> = wanted.collect();
        self.capabilities.iter().any(|offered| {
            let mut offered = offered.split_whitespace();
            let is_keyword = offered
                .next()
                .is_some_and(|it| it.eq_ignore_ascii_case(keyword));
            let parameters: Vec<&str> = offered.collect();
            let has = |wanted: &&str| parameters.iter().any(|it| it.eq_ignore_ascii_case(wanted));
            is_keyword && wanted.iter().all(has)
        })
    }

    pub(crate) fn start_tls(&mut self, options: &TlsOptions) -> Result<()> {
        self.handshake = Some(self.connection.start_tls_with(options)?);
        Ok(())
    }

    /// Sends EHLO and reads the capabilities. Returns the reply if the server rejects EHLO.
    pub(crate) fn hello(&mut self, name: &str) -> Result<Option<Reply>> {
        // Capabilities announced without TLS do not count over TLS.
        self.capabilities.clear();
        let reply = self.ask(&format!("EHLO {name}"), "EHLO")?;
        if !reply.is_good() {
            return Ok(Some(reply));
        }
        self.capabilities = reply.lines.into_iter().skip(1).collect();
        Ok(None)
    }

    /// Sends a line and waits for the reply. `what` names the command in errors.
    pub(crate) fn ask(&mut self, line: &str, what: &str) -> Result<Reply> {
        self.exchange(&format!("{line}\r\n"), &format!("response to {what}"))
    }

    /// Waits for the greeting.
    pub(crate) fn greeting(&mut self) -> Result<Reply> {
        self.exchange("", "greeting")
    }

    fn exchange(&mut self, sent: &str, what: &str) -> Result<Reply> {
        let mut sent = sent.as_bytes();
        let mut lines = Vec::new();
        while lines.len() < MAX_LINES {
            let line = self.connection.exchange_line(sent, MAX_LINE);
            sent = &[];
            let line = line.with_context(|| format!("no {what} received"))?;
            let Some((code, is_last, text)) = parsed(&line) else {
                return Err(Error::new(format_args!(
                    "{} does not speak SMTP: it sent `{}`",
                    self.connection.address(),
                    shortened(&line, CHARS_SHOWN)
                )));
            };
            lines.push(text.to_owned());
            if is_last {
                return Ok(Reply { code, lines });
            }
        }
        Err(Error::new(format_args!(
            "{} sends an endless response",
            self.connection.address()
        )))
    }

    /// Sends QUIT and ignores the result.
    pub(crate) fn quit(&mut self) {
        self.connection.set_timeout(QUIT_TIMEOUT);
        self.ask("QUIT", "QUIT").ok();
    }
}

/// Parses a line: its code, whether it is the last one, and the text.
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

    /// Returns whether the rejection is temporary.
    pub(crate) fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// Returns the text, or only the code if the text contains one of these secrets.
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
            shortened(&self.lines.join(" "), CHARS_SHOWN)
        )
    }
}

/// The limits on the length of a line, well above RFC 5321's, and on the lines of a reply.
const MAX_LINE: usize = 4096;
const MAX_LINES: usize = 100;
/// The number of characters of a reply in a message.
const CHARS_SHOWN: usize = 256;
/// The timeout of QUIT.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
