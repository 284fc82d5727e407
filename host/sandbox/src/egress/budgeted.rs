//! A stream whose peer can't occupy a thread.
//!
//! The TLS and HTTP libraries keep reading as long as bytes arrive that produce no output: records
//! without data, informational responses, chunk sizes. A server that sends these without end would
//! hold the guest thread beyond every deadline.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A stream that yields after 4 KiB: it returns `Pending` although it could go on, and wakes its
/// task at once. The budget is renewed whenever the stream is pending, for whatever reason.
#[derive(Debug)]
pub(crate) struct BudgetedStream<S> {
    stream: S,
    budget: usize,
    traffic: Traffic,
    max_received: u64,
    first_bytes: Vec<u8>,
}

/// The transport of a connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What has passed through a stream so far.
#[derive(Clone, Debug)]
pub(super) struct Traffic(Arc<TrafficCounters>);

#[derive(Debug)]
struct TrafficCounters {
    opened: Instant,
    received: AtomicU64,
    written: AtomicU64,
    /// The time of the last write, in nanoseconds since the stream was opened.
    last_written: AtomicU64,
}

impl Traffic {
    fn new() -> Self {
        Self(Arc::new(TrafficCounters {
            opened: Instant::now(),
            received: AtomicU64::new(0),
            written: AtomicU64::new(0),
            last_written: AtomicU64::new(0),
        }))
    }

    /// The number of bytes that were read.
    pub(super) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// The number of bytes that were written.
    pub(super) fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// When bytes were last written; when the stream was opened if there were none.
    pub(super) fn last_written(&self) -> Instant {
        self.0.opened + Duration::from_nanos(self.0.last_written.load(Ordering::Relaxed))
    }

    fn add_received(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn add_written(&self, bytes: usize) {
        self.0.written.fetch_add(bytes as u64, Ordering::Relaxed);
        let nanoseconds = self.0.opened.elapsed().as_nanos();
        let nanoseconds = u64::try_from(nanoseconds).unwrap_or(u64::MAX);
        self.0.last_written.store(nanoseconds, Ordering::Relaxed);
    }
}

impl<S> BudgetedStream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            budget: BUDGET_BYTES,
            traffic: Traffic::new(),
            max_received: u64::MAX,
            first_bytes: Vec::new(),
        }
    }

    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    /// Fails reads once so many bytes were read.
    pub(super) fn limited(self, max_received: u64) -> Self {
        Self {
            max_received,
            ..self
        }
    }

    /// What passes through the stream; outlives it.
    pub(super) fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The first bytes that were read, at most 64.
    pub(super) fn first_bytes(&self) -> &[u8] {
        &self.first_bytes
    }

    fn should_yield(&mut self, context: &Context<'_>) -> bool {
        let should_yield = self.budget == 0;
        if should_yield {
            self.budget = BUDGET_BYTES;
            context.waker().wake_by_ref();
        }
        should_yield
    }

    fn charge(&mut self, bytes: usize) {
        self.budget = self.budget.saturating_sub(bytes.max(OPERATION_BYTES));
    }
}

impl BudgetedStream<TcpStream> {
    /// Writes what can be written without waiting.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.try_write(bytes)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BudgetedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.should_yield(context) {
            return Poll::Pending;
        }
        if self.traffic.received() > self.max_received {
            return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
        }
        let max = self.budget.min(buffer.remaining());
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(max));
        let ready = Pin::new(&mut self.stream).poll_read(context, &mut part);
        let filled = part.filled();
        let count = filled.len();
        if self.first_bytes.is_empty() {
            self.first_bytes.extend(filled.iter().take(MAX_FIRST_BYTES));
        }
        buffer.advance(count);
        match ready {
            Poll::Ready(_) => self.charge(count),
            Poll::Pending => self.budget = BUDGET_BYTES,
        }
        self.traffic.add_received(count);
        ready
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BudgetedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.should_yield(context) {
            return Poll::Pending;
        }
        let ready = Pin::new(&mut self.stream).poll_write(context, bytes);
        match &ready {
            Poll::Ready(count) => {
                let count = *count.as_ref().unwrap_or(&0);
                self.charge(count);
                self.traffic.add_written(count);
            }
            Poll::Pending => self.budget = BUDGET_BYTES,
        }
        ready
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The bytes that are read and written before the stream yields. They cost 10 µs with most data,
/// and 1 ms in the worst case, which is TLS records that update keys.
const BUDGET_BYTES: usize = 4 << 10;
/// The minimum cost of a read or a write.
const OPERATION_BYTES: usize = 512;
/// Enough to recognise another protocol.
const MAX_FIRST_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// A stream with `bytes` to read.
    async fn stream(bytes: &[u8]) -> (BudgetedStream<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (ours, mut theirs) = (ours.unwrap(), theirs.unwrap().0);
        theirs.write_all(bytes).await.unwrap();
        // Wait until all bytes can be read at once.
        let mut there = vec![0; bytes.len()];
        while ours.peek(&mut there).await.unwrap() < bytes.len() {}
        (BudgetedStream::new(ours), theirs)
    }

    /// Reads until the stream is pending. Returns the number of bytes and of reads.
    async fn until_pending(stream: &mut BudgetedStream<TcpStream>, size: usize) -> (usize, usize) {
        poll_fn(|context| {
            let (mut bytes, mut reads) = (0, 0);
            let mut space = vec![0; size];
            loop {
                let mut buffer = ReadBuf::new(&mut space);
                match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                    Poll::Ready(read) => read.unwrap(),
                    Poll::Pending => return Poll::Ready((bytes, reads)),
                }
                bytes += buffer.filled().len();
                reads += 1;
            }
        })
        .await
    }

    #[tokio::test]
    async fn a_stream_that_is_always_ready_yields() {
        let (mut ours, _theirs) = stream(&[7; 10_000]).await;
        assert_eq!(until_pending(&mut ours, 1 << 20).await.0, BUDGET_BYTES);
        assert_eq!(until_pending(&mut ours, 1000).await.0, BUDGET_BYTES);
        let rest = 10_000 - 2 * BUDGET_BYTES;
        assert_eq!(until_pending(&mut ours, 1000).await.0, rest);
        assert_eq!(ours.traffic().received(), 10_000);
        assert_eq!(ours.first_bytes(), [7; MAX_FIRST_BYTES]);
    }

    #[tokio::test]
    async fn small_reads_have_a_minimum_cost() {
        let (mut ours, _theirs) = stream(&[7; 100]).await;
        let max = BUDGET_BYTES / OPERATION_BYTES;
        assert_eq!(until_pending(&mut ours, 1).await, (max, max));
        assert_eq!(until_pending(&mut ours, 1).await, (max, max));
    }
}
