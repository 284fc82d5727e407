//! What is exchanged on an open WebSocket: a ping, a text and the messages of the server. It must
//! not know how the WebSocket was opened.

use std::io::{self, ErrorKind};

use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Bytes, Message, WebSocket};
use vitals_sdk::prelude::*;

use crate::stream::Stream;
use crate::{CHARS_SHOWN, Settings};

pub(crate) struct Exchange {
    socket: WebSocket<Stream>,
}

impl Exchange {
    pub(crate) fn new(stream: Stream) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .max_message_size(Some(MESSAGE_LIMIT))
            .max_frame_size(Some(MESSAGE_LIMIT));
        Self {
            socket: WebSocket::from_raw_socket(stream, Role::Client, Some(config)),
        }
    }

    /// Sends what the settings say and waits for the answers. Returns the expected message, or
    /// what went wrong.
    pub(crate) fn run(&mut self, settings: &Settings) -> Result<Option<String>, String> {
        let timeout = settings.timeout;
        let stream = self.socket.get_mut();
        stream.begin_step(settings.timeout(), BYTES_LIMIT);
        if let Some(text) = &settings.send {
            let sent = self.socket.send(Message::text(text.as_str()));
            sent.map_err(|error| format!("cannot send the text: {}", problem(error, timeout)))?;
        }
        let mut awaited = Awaited {
            pong: settings.pings(),
            text: settings.expect.as_deref(),
        };
        if awaited.pong {
            let sent = self.socket.send(Message::Ping(PING));
            sent.map_err(|error| format!("cannot send a ping: {}", problem(error, timeout)))?;
        }
        self.wait_for(&mut awaited, timeout)
            .map_err(|problem| format!("{}: {problem}", awaited.missing()))
    }

    fn wait_for(
        &mut self,
        awaited: &mut Awaited<'_>,
        timeout: Option<Duration>,
    ) -> Result<Option<String>, String> {
        let mut found = None;
        let (mut messages, mut searched) = (0, 0);
        while !awaited.is_over() {
            if messages == MESSAGES_LIMIT {
                return Err(format!("the server sent {messages} other messages"));
            }
            let message = self.socket.read();
            let message = message.map_err(|error| problem(error, timeout))?;
            messages += 1;
            match message {
                Message::Close(frame) => return Err(closed(frame)),
                Message::Pong(payload) => awaited.pong &= payload != PING,
                Message::Text(_) | Message::Binary(_) => {
                    let bytes = message.into_data();
                    let Some(text) = awaited.text else {
                        continue;
                    };
                    let end = bytes.len().min(SEARCHED_LIMIT - searched);
                    if contains(&bytes[..end], text.as_bytes()) {
                        awaited.text = None;
                        let shown = String::from_utf8_lossy(&bytes);
                        found = Some(shortened(&shown, CHARS_SHOWN));
                    } else if end < bytes.len() {
                        let limit = SEARCHED_LIMIT;
                        return Err(format!("it is not in the first {limit} bytes"));
                    }
                    searched += end;
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Closes the WebSocket, and waits shortly for the server to do the same.
    pub(crate) fn close(mut self) {
        self.socket
            .get_mut()
            .begin_step(CLOSE_TIMEOUT, MESSAGE_LIMIT);
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        if self.socket.close(Some(frame)).is_err() {
            return;
        }
        while self.socket.can_read() && self.socket.read().is_ok() {}
    }
}

/// What has not been received yet.
struct Awaited<'a> {
    pong: bool,
    text: Option<&'a str>,
}

impl Awaited<'_> {
    fn is_over(&self) -> bool {
        !self.pong && self.text.is_none()
    }

    fn missing(&self) -> String {
        match self.text {
            Some(text) => format!("`{}` was not received", shortened(text, CHARS_SHOWN)),
            None => "the ping was not answered".to_owned(),
        }
    }
}

/// Describes how the server closed the WebSocket (RFC 6455, section 7.4).
fn closed(frame: Option<CloseFrame>) -> String {
    let Some(frame) = frame else {
        return "the server closed the connection, without a code".to_owned();
    };
    let code = u16::from(frame.code);
    let meaning = match code {
        1000 => " (normal closure)",
        1001 => " (going away)",
        1002 => " (protocol error)",
        1003 => " (unsupported data)",
        1007 => " (invalid data)",
        1008 => " (policy violation)",
        1009 => " (message too big)",
        1010 => " (extension required)",
        1011 => " (internal error)",
        1012 => " (service restart)",
        1013 => " (try again later)",
        3000 => " (unauthorized)",
        3003 => " (forbidden)",
        3008 => " (timeout)",
        _ => "",
    };
    let reason = shortened(&frame.reason, CHARS_SHOWN);
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!(": `{reason}`")
    };
    format!("the server closed the connection with {code}{meaning}{reason}")
}

/// Describes an error of the library, which has its own words for all of them.
fn problem(error: tungstenite::Error, timeout: Option<Duration>) -> String {
    use tungstenite::Error as E;
    match error {
        E::Io(error) => io_problem(&error, timeout),
        E::ConnectionClosed | E::AlreadyClosed => "the server closed the connection".to_owned(),
        E::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "the server closed the connection without a close frame".to_owned()
        }
        E::Capacity(CapacityError::MessageTooLong { .. }) => {
            format!("the server sent a message of more than {MESSAGE_LIMIT} bytes")
        }
        E::Protocol(error) => format!("the server violated the protocol{}", violation(&error)),
        E::Utf8(_) => "the server violated the protocol: a text is not UTF-8".to_owned(),
        _ => "the connection failed".to_owned(),
    }
}

fn io_problem(error: &io::Error, timeout: Option<Duration>) -> String {
    match error.kind() {
        // The SDK would say what remained of the step, which differs from run to run.
        ErrorKind::TimedOut => match timeout {
            Some(timeout) => format!("timed out after {}", span_text(timeout).replace(' ', "")),
            None => "timed out".to_owned(),
        },
        ErrorKind::QuotaExceeded => format!("the server sent {BYTES_LIMIT} bytes of other data"),
        _ => error.to_string(),
    }
}

/// Returns which rule the server violated, to follow the fact that it did.
fn violation(error: &ProtocolError) -> &'static str {
    use ProtocolError as E;
    match error {
        E::MaskedFrameFromServer => ": a frame is masked",
        E::NonZeroReservedBits => ": a frame has reserved bits set",
        E::UnknownControlFrameType(_) | E::UnknownDataFrameType(_) | E::InvalidOpcode(_) => {
            ": a frame has an unknown type"
        }
        E::FragmentedControlFrame | E::ControlFrameTooBig => {
            ": a control frame is fragmented or too long"
        }
        E::UnexpectedContinueFrame | E::ExpectedFragment(_) => {
            ": the fragments of a message are out of order"
        }
        E::InvalidCloseSequence => ": a close frame is not valid",
        _ => "",
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The payload of the ping, which its pong must repeat.
const PING: Bytes = Bytes::from_static(b"vitals");
/// The number of bytes in a message, and in a frame.
const MESSAGE_LIMIT: usize = 64 << 10;
/// The number of bytes in messages that are searched for the expected text.
const SEARCHED_LIMIT: usize = 64 << 10;
/// The number of messages, and of bytes in all frames, that are received in an exchange.
const MESSAGES_LIMIT: usize = 1024;
const BYTES_LIMIT: usize = 1 << 20;
/// The number of bytes that are read at once.
const BUFFER_BYTES: usize = 4096;
/// How long the check waits for the server to close.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(250);
