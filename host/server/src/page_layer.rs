//! What all pages share: response headers, a limit on request bodies, containment of panics, and
//! metrics.

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
use http::{Method, StatusCode};
use http_body_util::Limited;
use tower::{Layer, Service};

use super::answer;
use vitals_core::events::{Event, Events};
use vitals_core::{Exposition, RequestCounter};
use vitals_model::Text;

/// Wraps the page of one route.
#[derive(Clone)]
pub(super) struct PageLayer(Arc<Route>);

struct Route {
    path: &'static str,
    /// Nothing while metrics are disabled.
    requests: Option<Arc<dyn RequestCounter>>,
    events: Events,
}

impl PageLayer {
    /// `metrics` is nothing while they are disabled.
    pub(super) fn new(
        path: &'static str,
        metrics: Option<&Arc<dyn Exposition>>,
        events: &Events,
    ) -> Self {
        Self(Arc::new(Route {
            path,
            requests: metrics.map(|metrics| metrics.endpoint(path)),
            events: events.clone(),
        }))
    }
}

impl<S> Layer<S> for PageLayer {
    type Service = PageService<S>;

    fn layer(&self, page: S) -> PageService<S> {
        PageService {
            page,
            route: Arc::clone(&self.0),
        }
    }
}

/// A wrapped page.
#[derive(Clone)]
pub(super) struct PageService<S> {
    page: S,
    route: Arc<Route>,
}

impl<S> Service<Request> for PageService<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Unpin,
{
    type Response = Response;
    type Error = S::Error;
    type Future = PageFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.page.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> PageFuture<S::Future> {
        let route = Arc::clone(&self.route);
        let begun = Instant::now();
        let method = method(request.method());
        let page = if request.body().size_hint().lower() > BODY_BYTES as u64 {
            None
        } else if request.body().is_end_stream() {
            Some(self.page.call(request))
        } else {
            let limited = |body| Body::new(Limited::new(body, BODY_BYTES));
            Some(self.page.call(request.map(limited)))
        };
        PageFuture {
            page,
            route,
            begun,
            method,
        }
    }
}

/// The future of a response.
pub(super) struct PageFuture<F> {
    /// `None` if the request was refused because of its size.
    page: Option<F>,
    route: Arc<Route>,
    begun: Instant,
    method: &'static str,
}

impl<F, E> Future for PageFuture<F>
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
        if let Some(requests) = &self.route.requests {
            requests.answered(
                self.method,
                response.status().as_str(),
                self.begun.elapsed(),
            );
        }
        Poll::Ready(Ok(response))
    }
}

impl Route {
    fn panicked(&self, panic: &(dyn Any + Send)) -> Response {
        let message = panic.downcast_ref::<&str>().copied();
        let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let panic = message.map(|message| Text::line(message, PANIC_BYTES));
        let panic = panic.as_ref().map(Text::as_str);
        tracing::error!(
            page = self.path,
            panic,
            "the host panicked while serving a page"
        );
        self.events.emit(&Event::HostPanicked {
            place: &format!("while serving the page {}", self.path),
            check: None,
            message,
        });
        answer::error(StatusCode::INTERNAL_SERVER_ERROR, PANICKED)
    }
}

/// The method as a label: a standard one, or `other`, because a client can send any word.
fn method(method: &Method) -> &'static str {
    const STANDARD: [(Method, &str); 9] = [
        (Method::GET, "GET"),
        (Method::HEAD, "HEAD"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::DELETE, "DELETE"),
        (Method::OPTIONS, "OPTIONS"),
        (Method::PATCH, "PATCH"),
        (Method::TRACE, "TRACE"),
        (Method::CONNECT, "CONNECT"),
    ];
    STANDARD
        .iter()
        .find(|(known, _)| known == method)
        .map_or("other", |(_, label)| label)
}

const PANIC_BYTES: usize = 1 << 10;
/// The limit on the body of a request.
const BODY_BYTES: usize = 64 << 10;
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const TOO_LARGE: &str = "the body of the request is longer than 64 KiB";
const PANICKED: &str = "internal error of the host; see its log";

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use axum::Router;
    use axum::routing::post;
    use bytes::Bytes;
    use http_body_util::BodyExt;
    use hyper::body::Frame;
    use tower::ServiceExt;

    use super::*;
    use crate::tests::rig::Counted;
    use vitals_core::events::Sink;

    /// The panics that were told.
    #[derive(Default)]
    struct Panics(Mutex<Vec<String>>);

    impl Sink for Panics {
        fn on(&self, event: &Event<'_>) {
            if let Event::HostPanicked { place, message, .. } = event {
                let message = message.unwrap_or_default();
                self.0.lock().unwrap().push(format!("{place}: {message}"));
            }
        }
    }

    /// A body of unknown length.
    struct Unsized(Option<Bytes>);

    impl HttpBody for Unsized {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    async fn ask(page: Router, body: Body) -> (StatusCode, String) {
        let request = http::Request::post("/").body(body).unwrap();
        let response = page.oneshot(request).await.unwrap();
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.into()).unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_500_and_counted() {
        async fn page() -> Response {
            panic!("out of cheese");
        }
        let (counted, panics) = (Counted::default(), Arc::<Panics>::default());
        let metrics: Arc<dyn Exposition> = Arc::new(counted.clone());
        let events = Events::new([Arc::clone(&panics) as Arc<dyn Sink>]);
        let layer = PageLayer::new("/", Some(&metrics), &events);
        let router = Router::new().route("/", post(page).layer(layer));
        let (status, body) = ask(router, Body::empty()).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body, format!(r#"{{"error":"{PANICKED}"}}"#));
        let panics = panics.0.lock().unwrap().clone();
        assert_eq!(panics, ["while serving the page /: out of cheese"]);
        assert_eq!(counted.lines(), "POST / 500\n");
    }

    #[tokio::test]
    async fn a_long_body_is_refused_before_it_is_read() {
        async fn page(body: Body) -> String {
            body.collect()
                .await
                .map_or_else(|error| error.to_string(), |_| "read".into())
        }
        let layer = PageLayer::new("/", None, &Events::default());
        let router = Router::new().route("/", post(page).layer(layer));
        let longest = || vec![b'x'; BODY_BYTES];
        let (status, body) = ask(router.clone(), longest().into()).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "read"));
        let too_long = [longest(), vec![b'x']].concat();
        let (status, body) = ask(router.clone(), too_long.clone().into()).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(body, format!(r#"{{"error":"{TOO_LARGE}"}}"#));
        // A body of unknown length, like a chunked one, ends with an error at the limit.
        let unknown = Unsized(Some(too_long.into()));
        let (status, body) = ask(router, Body::new(unknown)).await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::OK, "length limit exceeded")
        );
    }
}
