//! What is said before TLS, in protocols that begin without it.

use std::fmt;

use vitals_sdk::prelude::*;
use vitals_sdk::tls::Connection;

/// A protocol that begins in the clear.
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
            Self::Postgres => "the protocol of PostgreSQL",
        })
    }
}

/// Says what has to be said for the server to wait for a handshake.
pub(crate) fn ask_for_tls(protocol: Protocol, connection: &mut Connection) -> Result<()> {
    let mut opening = Opening {
        protocol,
        connection,
    };
    match protocol {
        // RFC 3207
        Protocol::Smtp => {
            opening.greeting("220")?;
            opening.answer("EHLO localhost\r\n", "250")?;
            opening.answer("STARTTLS\r\n", "220")
        }
        // RFC 9051, section 6.2.1
        Protocol::Imap => {
            opening.greeting("* OK")?;
            opening.write("a STARTTLS\r\n")?;
            for _ in 0..LINES {
                let line = opening.line("answer to STARTTLS")?;
                // What begins with `*` is said to everybody.
                if !line.starts_with("* ") {
                    return opening.wants(&line, "a OK");
                }
            }
            Err(opening.refusal("an answer without end"))
        }
        // RFC 2595, section 4
        Protocol::Pop3 => {
            opening.greeting("+OK")?;
            opening.write("STLS\r\n")?;
            let line = opening.line("answer to STLS")?;
            opening.wants(&line, "+OK")
        }
        // RFC 4217
        Protocol::Ftp => {
            opening.greeting("220")?;
            opening.answer("AUTH TLS\r\n", "234")
        }
        // https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
        Protocol::Postgres => {
            opening.connection.write_all(&SSL_REQUEST)?;
            let answer = opening
                .connection
                .read_exact(1)
                .context("no answer to a request for TLS came")?;
            match answer[0] {
                b'S' => Ok(()),
                b'N' => Err(opening.refusal("it has none")),
                _ => Err(opening.stranger(&String::from_utf8_lossy(&answer))),
            }
        }
    }
}

struct Opening<'a> {
    protocol: Protocol,
    connection: &'a mut Connection,
}

impl Opening<'_> {
    /// Waits for what the server says of itself.
    fn greeting(&mut self, wanted: &str) -> Result<()> {
        let line = self.reply("greeting")?;
        if line.starts_with(wanted) {
            return Ok(());
        }
        Err(self.stranger(&line))
    }

    /// Says a line and waits for an answer that begins so.
    fn answer(&mut self, line: &str, wanted: &str) -> Result<()> {
        self.write(line)?;
        let answer = self.reply(&format!("answer to {}", line.trim_end()))?;
        self.wants(&answer, wanted)
    }

    fn wants(&self, answer: &str, wanted: &str) -> Result<()> {
        if answer.starts_with(wanted) {
            Ok(())
        } else {
            Err(self.refusal(&shortened(answer, SHOWN)))
        }
    }

    fn write(&mut self, line: &str) -> Result<()> {
        Ok(self.connection.write_all(line.as_bytes())?)
    }

    /// The last line of a reply; in SMTP and FTP those before it have `-` behind their code.
    fn reply(&mut self, what: &str) -> Result<String> {
        for _ in 0..LINES {
            let line = self.line(what)?;
            let has_codes = matches!(self.protocol, Protocol::Smtp | Protocol::Ftp);
            if !has_codes || line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
        Err(self.refusal("an answer without end"))
    }

    fn line(&mut self, what: &str) -> Result<String> {
        let line = self.connection.read_line(LINE);
        line.with_context(|| format!("no {what} came"))
    }

    fn refusal(&self, why: &str) -> Error {
        let (address, protocol) = (self.connection.address(), self.protocol);
        Error::new(format_args!(
            "{address} does not start TLS within {protocol}: {why}"
        ))
    }

    fn stranger(&self, said: &str) -> Error {
        let (address, protocol) = (self.connection.address(), self.protocol);
        let said = shortened(said, SHOWN);
        Error::new(format_args!(
            "{address} does not speak {protocol}: it began with `{said}`"
        ))
    }
}

/// The length, 8, and the number that stands in the place of a version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// The longest line that is read, and the most of them for one answer.
const LINE: usize = 4096;
const LINES: usize = 100;
/// How many characters of a line are in a message.
const SHOWN: usize = 128;
