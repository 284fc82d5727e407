//! A stream whose peer has to read at a minimum rate.
//!
//! Otherwise a client that reads nothing, or a byte now and then, would hold its connection and the
//! response in it forever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::{Instant, Sleep, sleep_until};

/// A stream that fails when too little of what is written is sent for a while.
pub(super) struct WriteTimeout<T, F> {
    stream: T,
    timeout: Duration,
    /// Called when everything written has been sent.
    flushed: F,
    /// Runs while something waits to be sent; reused afterwards.
    deadline: Pin<Box<Sleep>>,
    waiting: bool,
    /// Bytes sent while the deadline runs.
    sent: usize,
}

impl<T, F: Fn()> WriteTimeout<T, F> {
    pub(super) fn new(stream: T, timeout: Duration, flushed: F) -> Self {
        let deadline = Box::pin(sleep_until(Instant::now()));
        Self {
            stream,
            timeout,
            flushed,
            deadline,
            waiting: false,
            sent: 0,
        }
    }

    /// Passes the result of a write on, or fails if too little was sent since the deadline was set.
    fn check_deadline<R>(
        &mut self,
        written: Poll<io::Result<R>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            return written;
        }
        if !self.waiting {
            self.waiting = true;
            self.sent = 0;
            self.deadline.as_mut().reset(Instant::now() + self.timeout);
        }
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Counts sent bytes. Enough of them start a new deadline.
    fn count(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.sent += bytes;
            self.waiting &= self.sent < MIN_BYTES;
        }
        self.check_deadline(written, context)
    }
}

impl<T: Read + Unpin, F: Unpin> Read for WriteTimeout<T, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin, F: Fn() + Unpin> Write for WriteTimeout<T, F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.count(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.count(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if let Poll::Ready(Ok(())) = flushed {
            self.waiting = false;
            (self.flushed)();
        }
        self.check_deadline(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.check_deadline(shut, context)
    }
}

/// The number of bytes that must be sent within the time limit.
const MIN_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, duplex};
    use tokio::time::{sleep, timeout};

    use super::*;

    /// Writes `total` bytes to a reader of `chunk` bytes every 5 ms. Returns the result.
    async fn write_to_reader_of(chunk: usize, total: usize) -> io::Result<()> {
        let (mut far, near) = duplex(1 << 10);
        let limit = Duration::from_millis(200);
        let mut stream = WriteTimeout::new(TokioIo::new(near), limit, || {});
        let write = async {
            let bytes = vec![0; total];
            let mut written = 0;
            while written < total {
                let rest = &bytes[written..];
                written +=
                    poll_fn(|context| Pin::new(&mut stream).poll_write(context, rest)).await?;
            }
            Ok(())
        };
        let read = async {
            let mut buffer = vec![0; chunk];
            loop {
                far.read_exact(&mut buffer).await.unwrap();
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            written = timeout(Duration::from_secs(10), write) => written.expect("the write ends"),
            () = read => unreachable!("the reader never ends"),
        }
    }

    #[tokio::test]
    async fn a_reader_of_single_bytes_is_cut_off() {
        let cut = write_to_reader_of(1, 1 << 20).await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_fast_enough_reader_is_not_cut_off() {
        // Longer in total than the time limit.
        write_to_reader_of(16 << 10, 2 << 20).await.unwrap();
    }

    #[tokio::test]
    async fn a_flush_is_reported_and_idle_time_does_not_count() {
        let flushed = std::cell::Cell::new(0);
        let (mut far, near) = duplex(1 << 10);
        let say = || flushed.set(flushed.get() + 1);
        let mut stream = WriteTimeout::new(TokioIo::new(near), Duration::from_millis(100), say);
        for _ in 0..2 {
            let mut written = 0;
            while written < 1 << 10 {
                let rest = [0; 1 << 10];
                let rest = &rest[written..];
                written += poll_fn(|context| Pin::new(&mut stream).poll_write(context, rest))
                    .await
                    .unwrap();
            }
            poll_fn(|context| Pin::new(&mut stream).poll_flush(context))
                .await
                .unwrap();
            far.read_exact(&mut [0; 1 << 10]).await.unwrap();
            sleep(Duration::from_millis(150)).await;
        }
        assert_eq!(flushed.get(), 2);
    }
}
