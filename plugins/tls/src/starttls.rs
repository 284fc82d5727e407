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

/// Exchanges the commands after which the server expects a handshake.
pub(crate) fn negotiate(protocol: Protocol, connection: &mut Connection) -> Result<()> {
    let mut dialog = Dialog {
        protocol,
        connection,
    };
    match protocol {
        // RFC 3207
        Protocol::Smtp => {
            dialog.greeting("220")?;
            dialog.command("EHLO localhost\r\n", "250")?;
            dialog.command("STARTTLS\r\n", "220")
        }
        // RFC 9051, section 6.2.1
        Protocol::Imap => {
            dialog.greeting("* OK")?;
            dialog.write("a STARTTLS\r\n")?;
            for _ in 0..MAX_LINES {
                let line = dialog.line("response to STARTTLS")?;
                // Untagged responses are not the result of the command.
                if !line.starts_with("* ") {
                    return dialog.expect_prefix(&line, "a OK");
                }
            }
            Err(dialog.start_tls_error("the response does not end"))
        }
        // RFC 2595, section 4
        Protocol::Pop3 => {
            dialog.greeting("+OK")?;
            dialog.write("STLS\r\n")?;
            let line = dialog.line("response to STLS")?;
            dialog.expect_prefix(&line, "+OK")
        }
        // RFC 4217
        Protocol::Ftp => {
            dialog.greeting("220")?;
            dialog.command("AUTH TLS\r\n", "234")
        }
        // https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
        Protocol::Postgres => {
            dialog.connection.write_all(&SSL_REQUEST)?;
            let answer = dialog
                .connection
                .read_exact(1)
                .context("no response to the TLS request")?;
            match answer[0] {
                b'S' => Ok(()),
                b'N' => Err(dialog.start_tls_error("the server does not support it")),
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
        let line = self.reply("greeting")?;
        if line.starts_with(wanted) {
            return Ok(());
        }
        Err(self.wrong_protocol(&line))
    }

    /// Sends a line and waits for a response with this prefix.
    fn command(&mut self, line: &str, wanted: &str) -> Result<()> {
        self.write(line)?;
        let answer = self.reply(&format!("response to {}", line.trim_end()))?;
        self.expect_prefix(&answer, wanted)
    }

    fn expect_prefix(&self, answer: &str, wanted: &str) -> Result<()> {
        if answer.starts_with(wanted) {
            Ok(())
        } else {
            Err(self.start_tls_error(&shortened(answer, CHARS_SHOWN)))
        }
    }

    fn write(&mut self, line: &str) -> Result<()> {
        Ok(self.connection.write_all(line.as_bytes())?)
    }

    /// Returns the last line of a reply. In SMTP and FTP the lines before it have `-` after their
    /// code.
    fn reply(&mut self, what: &str) -> Result<String> {
        for _ in 0..MAX_LINES {
            let line = self.line(what)?;
            let has_codes = matches!(self.protocol, Protocol::Smtp | Protocol::Ftp);
            if !has_codes || line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
        Err(self.start_tls_error("the response does not end"))
    }

    fn line(&mut self, what: &str) -> Result<String> {
        let line = self.connection.read_line(MAX_LINE);
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
