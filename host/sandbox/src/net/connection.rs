//! A connection of a guest: plain, then TLS on request, and closed after an error.
//!
//! It knows neither grants nor the contract's resources. The TLS library bounds its buffers: 64 KiB
//! for the handshake, 16 KiB of received data, 64 KiB of data to send.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Instant;

use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::client::TlsStream;

use crate::contract::{Handshake, TlsError, Verification};
use crate::egress::{
    BudgetedStream, Egress, HandshakeOptions, Stream, connection_error, untrusted_message,
};
use crate::grants::Host;

/// A connection of a guest. Any error except the timeout of a read closes it.
#[expect(
    unreachable_pub,
    reason = "the bindings of the contract name it where `pub(super)` can't follow"
)]
#[derive(Debug)]
pub struct Connection(Transport);

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<BudgetedStream<TcpStream>>>),
    Closed,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(Transport::Plain(stream))
    }

    /// Reads up to `max` bytes, at most 64 KiB, as soon as any arrive; nothing at the end of the
    /// stream. A read that timed out has consumed nothing and can be repeated.
    ///
    /// If the peer closes the connection without `close_notify`, the stream may have been
    /// truncated: that is [`TlsError::Closed`], not the end.
    pub(crate) async fn read(&mut self, max: u32, deadline: Instant) -> Result<Vec<u8>, TlsError> {
        let transport = &mut self.0;
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(READ_BYTES);
        if max == 0 && !matches!(transport, Transport::Closed) {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::with_capacity(max);
        let reading = poll_fn(|context| {
            let mut buffer = ReadBuf::uninit(bytes.spare_capacity_mut());
            ready!(transport.stream()?.poll_read(context, &mut buffer))?;
            Poll::Ready(io::Result::Ok(buffer.filled().to_vec()))
        });
        match timeout_at(deadline.into(), reading).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(self.close_after(&error)),
            Err(_) => Err(TlsError::Timeout),
        }
    }

    /// Writes all bytes. A timeout closes the connection, because it is unknown how much was sent.
    pub(crate) async fn write(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), TlsError> {
        let transport = &mut self.0;
        let mut rest = bytes;
        let writing = poll_fn(|context| {
            while !rest.is_empty() {
                match ready!(transport.stream()?.poll_write(context, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => rest = &rest[count..],
                }
            }
            transport.stream()?.poll_flush(context)
        });
        match timeout_at(deadline.into(), writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.close_after(&error)),
            Err(_) => {
                self.0 = Transport::Closed;
                Err(TlsError::Timeout)
            }
        }
    }

    /// Makes a TLS handshake, once for a connection. A failed one closes the connection.
    pub(super) async fn start_tls(
        &mut self,
        egress: &Egress,
        host: &Host,
        verify: bool,
        deadline: Instant,
    ) -> Result<Handshake, TlsError> {
        let stream = match std::mem::replace(&mut self.0, Transport::Closed) {
            Transport::Plain(stream) => stream,
            Transport::Closed => return Err(TlsError::Closed),
            tls @ Transport::Tls(..) => {
                self.0 = tls;
                return Err(TlsError::Failed("the connection speaks TLS already".into()));
            }
        };
        let options = HandshakeOptions {
            alpn: &[],
            verification: if verify {
                Verification::ChainAndName
            } else {
                Verification::None
            },
            describes_chain: true,
            identity: None,
        };
        let session = egress
            .tls_handshake(stream, host, options, deadline)
            .await?;
        if verify && let Some(reason) = &session.verification_error {
            return Err(TlsError::Failed(untrusted_message(host, reason)));
        }
        let handshake = session.describe();
        self.0 = Transport::Tls(Box::new(session.stream));
        Ok(handshake)
    }

    fn close_after(&mut self, error: &io::Error) -> TlsError {
        self.0 = Transport::Closed;
        connection_error(error).into()
    }
}

/// Sends `close_notify` if that is possible without waiting, so that the peer knows that nothing
/// was truncated.
impl Drop for Connection {
    fn drop(&mut self) {
        if let Transport::Tls(stream) = &mut self.0 {
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

const READ_BYTES: usize = 64 << 10;
