//! A connection of a guest: plain, then TLS on request, and closed after an error.
//!
//! It knows neither grants nor the contract's resources. The TLS library bounds its buffers: 64 KiB
//! for the handshake, 16 KiB of received data, 64 KiB of data to send.

use std::io;
use std::pin::Pin;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::client::TlsStream;

use crate::contract::{Handshake, NetError, Until, Verification};
use crate::egress::{
    BudgetedStream, Egress, HandshakeOptions, Stream, connection_error, untrusted_message,
};
use crate::grants::Host;

/// A connection of a guest. An error closes it, except one of a read, which loses nothing of what was
/// received.
#[expect(
    unreachable_pub,
    reason = "the bindings of the contract name it where `pub(super)` can't follow"
)]
#[derive(Debug)]
pub struct Connection {
    transport: Transport,
    peer: String,
    /// What was received, but not asked for yet.
    read_ahead: Vec<u8>,
}

#[derive(Debug)]
enum Transport {
    Plain(BudgetedStream<TcpStream>),
    Tls(Box<TlsStream<BudgetedStream<TcpStream>>>),
    Closed,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let peer = stream.peer_addr().map(|address| address.to_string());
        Self {
            transport: Transport::Plain(BudgetedStream::new(stream)),
            peer: peer.unwrap_or_default(),
            read_ahead: Vec::new(),
        }
    }

    /// The address and port that the connection leads to.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// Writes `bytes`, if there are any, and then reads until `until`, at most `max` bytes and at
    /// most [`MAX_READ`]. After a read that failed, what was received can be read with
    /// [`Until::Some`].
    ///
    /// If the peer closes the connection without `close_notify`, the stream may have been
    /// truncated: that is [`NetError::Closed`], not the end.
    pub(crate) async fn exchange(
        &mut self,
        bytes: &[u8],
        until: &Until,
        max: u32,
        deadline: Instant,
    ) -> Result<Vec<u8>, NetError> {
        if !bytes.is_empty() {
            self.write(bytes, deadline).await?;
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(MAX_READ);
        match timeout_at(deadline.into(), self.read_until(until, max)).await {
            Ok(Ok(end)) => {
                let rest = self.read_ahead.split_off(end);
                Ok(std::mem::replace(&mut self.read_ahead, rest))
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(NetError::Timeout),
        }
    }

    /// Reads ahead. Returns how much of it was asked for.
    async fn read_until(&mut self, until: &Until, max: usize) -> Result<usize, NetError> {
        let mut searched: usize = 0;
        loop {
            let received = self.read_ahead.len();
            let end = match until {
                Until::Some if max == 0 || received > 0 => Some(received.min(max)),
                Until::Some | Until::End => None,
                Until::Length(length) => {
                    let length = usize::try_from(*length).unwrap_or(usize::MAX);
                    if length > max {
                        return Err(NetError::TooLarge);
                    }
                    (received >= length).then_some(length)
                }
                Until::Delimiter(delimiter) => {
                    if delimiter.is_empty() || delimiter.len() > MAX_DELIMITER {
                        return Err(NetError::Failed(format!(
                            "a delimiter has 1 to {MAX_DELIMITER} bytes"
                        )));
                    }
                    // The delimiter may have come in two parts.
                    let from = searched.saturating_sub(delimiter.len() - 1);
                    searched = received;
                    let mut windows = self.read_ahead[from..].windows(delimiter.len());
                    let found = windows.position(|window| window == delimiter);
                    found.map(|at| from + at + delimiter.len())
                }
            };
            match end {
                Some(end) if end > max => return Err(NetError::TooLarge),
                Some(end) => return Ok(end),
                // Not even one more byte can be what ends the read.
                None if received > max || (received == max && *until != Until::End) => {
                    return Err(NetError::TooLarge);
                }
                None => {}
            }
            if self.read_more().await? == 0 {
                return match until {
                    Until::Some => Ok(0),
                    Until::End => Ok(received),
                    Until::Length(_) | Until::Delimiter(_) => Err(NetError::Closed),
                };
            }
        }
    }

    /// Returns how many bytes came; 0 at the end of the stream. Nothing is lost if the future is
    /// dropped.
    async fn read_more(&mut self) -> Result<usize, NetError> {
        self.read_ahead.reserve(READ_BYTES);
        let read = async {
            let mut stream = self.transport.stream()?;
            stream.read_buf(&mut self.read_ahead).await
        };
        read.await.map_err(|error| {
            self.transport = Transport::Closed;
            connection_error(&error).into()
        })
    }

    /// Writes all bytes. A timeout closes the connection, because it is unknown how much was sent.
    pub(crate) async fn write(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), NetError> {
        let writing = async {
            let mut stream = self.transport.stream()?;
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let written = timeout_at(deadline.into(), writing).await;
        self.ended(written.ok())
    }

    /// Ends the stream to the peer.
    pub(crate) async fn finish(&mut self, deadline: Instant) -> Result<(), NetError> {
        let finishing = async { self.transport.stream()?.shutdown().await };
        let finished = timeout_at(deadline.into(), finishing).await;
        self.ended(finished.ok())
    }

    /// Closes the connection unless an operation ended well; `None` if it timed out.
    fn ended(&mut self, operation: Option<io::Result<()>>) -> Result<(), NetError> {
        let error = match operation {
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) => connection_error(&error).into(),
            None => NetError::Timeout,
        };
        self.close();
        Err(error)
    }

    /// Makes a TLS handshake, once for a connection. A failed one closes the connection.
    pub(super) async fn start_tls(
        &mut self,
        egress: &Egress,
        host: &Host,
        options: HandshakeOptions,
        deadline: Instant,
    ) -> Result<Handshake, NetError> {
        if !self.read_ahead.is_empty() {
            self.close();
            return Err(NetError::Failed(
                "the server sent data before the TLS handshake".to_owned(),
            ));
        }
        let stream = match std::mem::replace(&mut self.transport, Transport::Closed) {
            Transport::Plain(stream) => stream.into_inner(),
            Transport::Closed => return Err(NetError::Closed),
            tls @ Transport::Tls(..) => {
                self.transport = tls;
                return Err(NetError::Failed("the connection speaks TLS already".into()));
            }
        };
        let is_required = options.verification != Verification::None;
        let session = egress.tls_handshake(stream, host, options, deadline);
        let session = session.await.map_err(|error| match error.into() {
            // A failure here is one of TLS.
            NetError::Failed(why) => NetError::Tls(why),
            other => other,
        })?;
        if is_required && let Some(reason) = &session.verification_error {
            return Err(NetError::Tls(untrusted_message(host, reason)));
        }
        let handshake = session.describe();
        self.transport = Transport::Tls(Box::new(session.stream));
        Ok(handshake)
    }

    fn close(&mut self) {
        self.transport = Transport::Closed;
        self.read_ahead = Vec::new();
    }
}

/// Sends `close_notify` if that is possible without waiting, so that the peer knows that nothing
/// was truncated.
impl Drop for Connection {
    fn drop(&mut self) {
        if let Transport::Tls(stream) = &mut self.transport {
            let (io, session) = stream.get_mut();
            session.send_close_notify();
            let mut writer = NonBlockingWriter(io);
            while session.wants_write() {
                match session.write_tls(&mut writer) {
                    Ok(count) if count > 0 => {}
                    _ => break,
                }
            }
        }
    }
}

/// A writer that never waits.
struct NonBlockingWriter<'a>(&'a BudgetedStream<TcpStream>);

impl io::Write for NonBlockingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport {
    /// The open stream.
    fn stream(&mut self) -> io::Result<Pin<&mut dyn Stream>> {
        match self {
            Self::Plain(stream) => Ok(Pin::new(stream)),
            Self::Tls(stream) => Ok(Pin::new(&mut **stream)),
            Self::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// How much is read at once.
const READ_BYTES: usize = 16 << 10;
/// The most that one read may ask for.
const MAX_READ: usize = 1 << 20;
const MAX_DELIMITER: usize = 64;
