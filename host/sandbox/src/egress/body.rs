//! The body of a response to a guest, with limits on its size and on the time between bytes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

use super::http_error::from_hyper;

/// A body that fails if it is larger than `limit` or idle for `idle_timeout`.
pub(super) struct BoundedBody {
    /// `None` after the end or an error.
    incoming: Option<Incoming>,
    limit: u64,
    received_bytes: u64,
    idle_timeout: Duration,
    deadline: Instant,
    /// Runs while the guest waits for bytes.
    timer: Option<Pin<Box<Sleep>>>,
}

impl BoundedBody {
    pub(super) fn new(
        incoming: Incoming,
        limit: u64,
        idle_timeout: Duration,
        deadline: Instant,
    ) -> Self {
        Self {
            incoming: Some(incoming),
            limit,
            received_bytes: 0,
            idle_timeout,
            deadline,
            timer: None,
        }
    }

    /// Counts a frame, and returns an error if the body is too large.
    fn check_size(&mut self, frame: &Frame<Bytes>) -> Option<Error> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.received_bytes = self.received_bytes.saturating_add(length);
        (self.received_bytes > self.limit).then_some(Error::HttpResponseBodySize(Some(self.limit)))
    }

    fn poll_idle_timeout(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (idle_timeout, deadline) = (self.idle_timeout, self.deadline);
        let timer = self.timer.get_or_insert_with(|| {
            let deadline = deadline.min(Instant::now() + idle_timeout);
            Box::pin(tokio::time::sleep_until(deadline.into()))
        });
        timer.as_mut().poll(cx)
    }
}

impl Body for BoundedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let error = match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.timer = None;
                match self.check_size(&frame) {
                    None => return Poll::Ready(Some(Ok(frame))),
                    Some(error) => error,
                }
            }
            Poll::Ready(Some(Err(error))) => from_hyper(&error),
            Poll::Ready(None) => {
                self.incoming = None;
                return Poll::Ready(None);
            }
            Poll::Pending if self.poll_idle_timeout(cx).is_pending() => return Poll::Pending,
            Poll::Pending => Error::ConnectionReadTimeout,
        };
        self.incoming = None;
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
