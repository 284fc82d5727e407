//! A stream whose other side can't keep a thread to itself.
//!
//! The TLS library reads for as long as there is something to read and nothing to hand on. A server
//! that sends such records without end would hold the guest thread beyond every deadline.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A stream that lets so many operations through and then gives way, until its [`Pace`] is renewed.
#[derive(Debug)]
pub(in crate::plugin) struct Paced {
    stream: TcpStream,
    pace: Arc<Pace>,
}

/// How many operations are left until a stream gives way, and what it began with.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Pace {
    left: AtomicU32,
    opening: OnceLock<Vec<u8>>,
}

impl Paced {
    /// A stream at a pace, which whoever polls it renews before each poll.
    pub(in crate::plugin) fn new(stream: TcpStream, pace: Arc<Pace>) -> Self {
        Self { stream, pace }
    }

    /// Sends what can be sent without waiting.
    pub(in crate::plugin) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.try_write(bytes)
    }

    /// Whether one more operation is let through; if not, the task is polled again soon.
    fn may_go_on(&self, context: &Context<'_>) -> bool {
        let left = self.pace.left.load(Ordering::Relaxed);
        if left == 0 {
            context.waker().wake_by_ref();
            return false;
        }
        self.pace.left.store(left - 1, Ordering::Relaxed);
        true
    }
}

impl Pace {
    /// Begins a new poll.
    pub(in crate::plugin) fn renew(&self) {
        self.left.store(OPERATIONS, Ordering::Relaxed);
    }

    /// The first bytes that came, at most 64.
    pub(super) fn opening(&self) -> &[u8] {
        self.opening.get().map_or(&[], Vec::as_slice)
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.may_go_on(context) {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let ready = Pin::new(&mut self.stream).poll_read(context, buffer);
        let came = &buffer.filled()[before..];
        if !came.is_empty() && self.pace.opening.get().is_none() {
            let opening = came[..came.len().min(OPENING_BYTES)].to_vec();
            self.pace.opening.set(opening).ok();
        }
        ready
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.may_go_on(context) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Reads and writes of one poll: some 100 µs of work at 4 KiB each.
const OPERATIONS: u32 = 32;
/// Enough to recognise another protocol by.
const OPENING_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_stream_that_never_runs_dry_gives_way() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        let mut theirs = theirs.unwrap().0;
        theirs.write_all(&[7; 4096]).await.unwrap();
        let ours = ours.unwrap();
        ours.readable().await.unwrap();
        let pace = Arc::new(Pace::default());
        let mut paced = Paced::new(ours, Arc::clone(&pace));
        for _ in 0..2 {
            pace.renew();
            let reads = poll_fn(|context| {
                let mut reads = 0;
                let mut byte = [0];
                while let Poll::Ready(read) =
                    Pin::new(&mut paced).poll_read(context, &mut ReadBuf::new(&mut byte))
                {
                    read.unwrap();
                    reads += 1;
                }
                Poll::Ready(reads)
            });
            assert_eq!(reads.await, OPERATIONS);
        }
        assert_eq!(pace.opening(), [7]);
    }
}
