//! What every page has in common: its answers' headers, a bound on the body of a request, the end
//! of a panic, and that it is counted.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::StatusCode;
use http_body_util::Limited;
use tower::{Layer, Service};

use super::answer;
use crate::metrics::{Metrics, Requests, method};

/// Finishes the answers of one route.
#[derive(Clone)]
pub(super) struct Finish(Arc<Route>);

struct Route {
    path: &'static str,
    requests: Requests,
    metrics: Metrics,
}

impl Finish {
    pub(super) fn new(path: &'static str, metrics: &Metrics) -> Self {
        let requests = metrics.requests(path);
        Self(Arc::new(Route { path, requests, metrics: metrics.clone() }))
    }
}

impl<S> Layer<S> for Finish {
    type Service = Finished<S>;

    fn layer(&self, page: S) -> Finished<S> {
        Finished { page, route: Arc::clone(&self.0) }
    }
}

/// A page whose answers are finished.
#[derive(Clone)]
pub(super) struct Finished<S> {
    page: S,
    route: Arc<Route>,
}

impl<S> Service<Request> for Finished<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Unpin,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Finishing<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.page.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Finishing<S::Future> {
        let route = Arc::clone(&self.route);
        let begun = route.requests.begin();
        let method = method(request.method());
        let page = if request.body().size_hint().lower() > BODY_BYTES as u64 {
            None
        } else if request.body().is_end_stream() {
            Some(self.page.call(request))
        } else {
            let limited = |body| Body::new(Limited::new(body, BODY_BYTES));
            Some(self.page.call(request.map(limited)))
        };
        Finishing { page, route, begun, method }
    }
}

/// An answer in the making.
pub(super) struct Finishing<F> {
    /// Nothing where the request is refused for its size.
    page: Option<F>,
    route: Arc<Route>,
    begun: Option<Instant>,
    method: &'static str,
}

impl<F, E> Future for Finishing<F>
where
    F: Future<Output = Result<Response, E>> + Unpin,
{
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = match &mut self.page {
            None => answer::error(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE),
            Some(page) => {
                let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(page).poll(context)));
                match polled {
                    Ok(polled) => ready!(polled)?,
                    Err(panic) => self.route.panicked(&*panic),
                }
            }
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, NO_STORE);
        headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
        if let Some(begun) = self.begun {
            self.route.requests.answered(self.method, response.status(), begun.elapsed());
        }
        Poll::Ready(Ok(response))
    }
}

impl Route {
    fn panicked(&self, panic: &(dyn Any + Send)) -> Response {
        let message = panic.downcast_ref::<&str>().copied();
        let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(page = self.path, message, "a page panicked");
        self.metrics.host_panic();
        answer::error(StatusCode::INTERNAL_SERVER_ERROR, PANICKED)
    }
}

/// The longest body of a request.
const BODY_BYTES: usize = 64 << 10;
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const TOO_LARGE: &str = "the body of the request is longer than 64 KiB";
const PANICKED: &str = "the host had trouble of its own; its log says more";
