//! Starts TLS in protocols that begin without it.

use std::fmt;

use vitals_sdk::prelude::*;
use vitals_sdk::tls::Connection;

/// A protocol that begins unencrypted.
#[derive(Config, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Smtp,
    Imap,
    Pop3,
    Ftp,
    Postgres,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smtp => "SMTP",
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
            Self::Ftp => "FTP",
            Self::Postgres => "the PostgreSQL protocol",
        })
    }
}

/// Rejects a name that would not be one word in EHLO.
pub(crate) fn validate_hello(hello: &str) -> Result<()> {
    let is_forbidden = |character: char| character.is_control() || character.is_whitespace();
    if hello.is_empty() || hello.contains(is_forbidden) {
        return Err(Error::new(
            "`hello` is empty or contains spaces or line breaks",
        ));
    }
    Ok(())
}

/// Exchanges the commands after which the server expects a handshake.
pub(crate) fn negotiate(
    protocol: Protocol,
    hello: &str,
    connection: &mut Connection,
) -> Result<()> {
    let mut dialog = Dialog {
        protocol,
        connection,
    };
    match protocol {
        // RFC 3207
        Protocol::Smtp => {
            dialog.greeting("220")?;
            dialog.command(&format!("EHLO {hello}\r\n"), "250")?;
            dialog.command("STARTTLS\r\n", "220")
        }
        // RFC 9051, section 6.2.1
        Protocol::Imap => {
            dialog.greeting("* OK")?;
            let mut command = "a STARTTLS\r\n";
            for _ in 0..MAX_LINES {
                let line = dialog.line(command, "response to STARTTLS")?;
                // Untagged responses are not the result of the command.
                if !line.starts_with("* ") {
                    return dialog.expect_prefix(&line, "a OK");
                }
                command = "";
            }
            Err(dialog.start_tls_error("the response does not end"))
        }
        // RFC 2595, section 4
        Protocol::Pop3 => {
            dialog.greeting("+OK")?;
            dialog.command("STLS\r\n", "+OK")
        }
        // RFC 4217
        Protocol::Ftp => {
            dialog.greeting("220")?;
            dialog.command("AUTH TLS\r\n", "234")
        }
        // https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
        Protocol::Postgres => {
            let answer = dialog
                .connection
                .exchange_exact(&SSL_REQUEST, 1)
                .context("no response to the TLS request")?;
            match answer[..] {
                [b'S'] => Ok(()),
                [b'N'] => Err(dialog.start_tls_error("the server does not support it")),
                _ => Err(dialog.wrong_protocol(&String::from_utf8_lossy(&answer))),
            }
        }
    }
}

struct Dialog<'a> {
    protocol: Protocol,
    connection: &'a mut Connection,
}

impl Dialog<'_> {
    /// Waits for the server's greeting.
    fn greeting(&mut self, wanted: &str) -> Result<()> {
        let line = self.reply("", "greeting")?;
        if line.starts_with(wanted) {
            return Ok(());
        }
        Err(self.wrong_protocol(&line))
    }

    /// Sends a line and waits for a response with this prefix.
    fn command(&mut self, line: &str, wanted: &str) -> Result<()> {
        let answer = self.reply(line, &format!("response to {}", line.trim_end()))?;
        self.expect_prefix(&answer, wanted)
    }

    fn expect_prefix(&self, answer: &str, wanted: &str) -> Result<()> {
        if answer.starts_with(wanted) {
            Ok(())
        } else {
            Err(self.start_tls_error(&shortened(answer, CHARS_SHOWN)))
        }
    }

    /// Sends a line, if there is one, and returns the last line of the reply. In SMTP and FTP a
    /// reply that begins with a code and `-` ends with a line of the same code and a space. In FTP
    /// the lines between them may be anything (RFC 959, section 4.2).
    fn reply(&mut self, sent: &str, what: &str) -> Result<String> {
        let first = self.line(sent, what)?;
        let has_codes = matches!(self.protocol, Protocol::Smtp | Protocol::Ftp);
        let Some(code) = first
            .get(..3)
            .filter(|_| first.as_bytes().get(3) == Some(&b'-'))
        else {
            return Ok(first);
        };
        if !has_codes {
            return Ok(first);
        }
        for _ in 1..MAX_LINES {
            let line = self.line("", what)?;
            let rest = line.strip_prefix(code);
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')) {
                return Ok(line);
            }
        }
        Err(self.start_tls_error("the response does not end"))
    }

    /// Sends a line, if there is one, and waits for a line.
    fn line(&mut self, sent: &str, what: &str) -> Result<String> {
        let line = self.connection.exchange_line(sent.as_bytes(), MAX_LINE);
        line.with_context(|| format!("no {what} received"))
    }

    fn start_tls_error(&self, why: &str) -> Error {
        let (address, protocol) = (self.connection.address(), self.protocol);
        Error::new(format_args!(
            "{address} does not start TLS in {protocol}: {why}"
        ))
    }

    fn wrong_protocol(&self, received: &str) -> Error {
        let (address, protocol) = (self.connection.address(), self.protocol);
        let received = shortened(received, CHARS_SHOWN);
        Error::new(format_args!(
            "{address} does not speak {protocol}: it sent `{received}`"
        ))
    }
}

/// The length, 8, and the code that takes the place of a protocol version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// The limits on the length of a line, and on the lines of a response.
const MAX_LINE: usize = 4096;
const MAX_LINES: usize = 100;
/// The number of characters of a line in a message.
const CHARS_SHOWN: usize = 128;
