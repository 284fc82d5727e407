//! The body of a request, with limits on its size and on the time that the client takes.
//!
//! The limits apply to any router, whatever it does with the body.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Limited;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body that ends with an error if it is too long or arrives too slowly.
pub(super) struct RequestBody<B> {
    body: Limited<B>,
    time: Duration,
    /// Starts when the body first waits for the client.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// The error of a slow body.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request did not arrive within {0:?}")]
struct TooSlow(Duration);

impl<B> RequestBody<B> {
    pub(super) fn new(body: B, bytes: usize, time: Duration) -> Self {
        Self {
            body: Limited::new(body, bytes),
            time,
            deadline: None,
        }
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let time = self.time;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(time)));
        match deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(TooSlow(time).into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
