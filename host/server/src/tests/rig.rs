//! A site without a socket, on a board that the test fills.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use http::{Method, Request};
use http_body_util::BodyExt;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{AppState, PageDeps, PageSettings, site};
use vitals_config::{Config, Server};
use vitals_core::board::{Board, CheckFacts, CheckResult};
use vitals_core::events::Events;
use vitals_core::schedule::JobGeneration;
use vitals_core::{CatalogPage, Command, Exposition, HostStats, Moment, Reloader, RequestCounter};
use vitals_model::{Code, Outcome, RunError, RunReport, Status};

pub(super) struct Rig {
    pub(super) board: Arc<Board>,
    pub(super) closing: CancellationToken,
    pub(super) state: AppState,
    pub(super) settings: PageSettings,
    /// The commands to the watcher, which these tests do not have.
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
}

pub(super) struct FakeStats(pub(super) Option<&'static str>);

impl HostStats for FakeStats {
    fn stalled_loop(&self) -> Option<&'static str> {
        self.0
    }

    fn runs_in_flight(&self) -> usize {
        3
    }

    fn max_runs(&self) -> usize {
        64
    }

    fn epoch_ticks(&self) -> u64 {
        7
    }
}

/// Metrics that show the moment, and each counted request on a line of its own.
#[derive(Clone, Default)]
pub(crate) struct Counted(Arc<Mutex<String>>);

struct Endpoint {
    path: &'static str,
    counted: Counted,
}

impl Counted {
    pub(crate) fn lines(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl Exposition for Counted {
    fn text(&self, moment: &Moment) -> String {
        format!("{moment:?}\n{}", self.lines())
    }

    fn endpoint(&self, path: &'static str) -> Arc<dyn RequestCounter> {
        let counted = self.clone();
        Arc::new(Endpoint { path, counted })
    }
}

impl RequestCounter for Endpoint {
    fn answered(&self, method: &'static str, status: &str, _: Duration) {
        let line = format!("{method} {} {status}\n", self.path);
        self.counted.0.lock().unwrap().push_str(&line);
    }
}

impl Rig {
    pub(super) fn new(server: &Server) -> Self {
        Self::with(server, FakeStats(None), None)
    }

    pub(super) fn with(server: &Server, stats: FakeStats, metrics: Option<Counted>) -> Self {
        Self::scraped(server, &vitals_config::Metrics::default(), stats, metrics)
    }

    pub(super) fn scraped(
        server: &Server,
        scraped: &vitals_config::Metrics,
        stats: FakeStats,
        metrics: Option<Counted>,
    ) -> Self {
        let board = Arc::new(Board::default());
        let closing = CancellationToken::new();
        let mut config = Config::default();
        config.server = server.clone();
        config.metrics = scraped.clone();
        let settings = PageSettings::new(&config);
        let (told, commands) = mpsc::unbounded_channel();
        let inside = PageDeps {
            board: Arc::clone(&board),
            catalog: CatalogPage::new(Bytes::from_static(br#"{"plugins":[]}"#)),
            settings: settings.clone(),
            stats: Arc::new(stats),
            events: Events::default(),
            metrics: metrics.map(|metrics| Arc::new(metrics) as _),
            reloader: Reloader::new(told),
            closing: closing.clone(),
        };
        let state = AppState::new(inside);
        Self {
            board,
            closing,
            state,
            settings,
            commands,
        }
    }

    /// Creates a site with one critical check, `database`, of this status, after the first round.
    pub(super) fn settled(server: &Server, status: Status) -> Self {
        let rig = Self::new(server);
        rig.post("database", status);
        rig.board.all_added();
        rig
    }

    pub(super) fn place(&self, name: &str) -> JobGeneration {
        let facts = CheckFacts {
            critical: true,
            interval_ms: 30_000,
            timeout_ms: 5_000,
            plugin: None,
            grants: vec!["tcp db.internal:5432".into()],
        };
        self.board.upsert(name.parse().unwrap(), facts)
    }

    pub(super) fn post(&self, name: &str, status: Status) {
        let job_generation = self.place(name);
        let elapsed = Duration::from_micros(2_500);
        let report = match status {
            Status::Unhealthy => {
                RunReport::failed(RunError::new(Code::Timeout, "too slow"), elapsed)
            }
            status => RunReport::answered(Outcome::new(status, "Connection OK"), elapsed),
        };
        let check_result = CheckResult {
            job_generation,
            status,
            report: Arc::new(report),
            checked_at: "2026-01-27T10:29:58.9Z".parse().unwrap(),
            consecutive_failures: 0,
            breaker: vitals_model::Breaker::default(),
            next_run: None,
            stale_at: None,
        };
        self.board.publish(&name.parse().unwrap(), check_result);
    }

    pub(super) async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn get_as(&self, token: &str, path: &str) -> Response {
        self.ask(Method::GET, path, Some(format!("Bearer {token}")))
            .await
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        authorization: Option<String>,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Response {
        let path = request.uri().path().to_owned();
        let (head, body) = site(self.state.clone())
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let body = String::from_utf8(body).unwrap();
        assert_eq!(head.headers["cache-control"], "no-store", "{path}");
        assert_eq!(head.headers["x-content-type-options"], "nosniff", "{path}");
        Response {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }
}

pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Response {
    #[track_caller]
    pub(super) fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body));
        assert_eq!(self.headers[CONTENT_TYPE], "application/json");
    }

    /// Returns the body with its `timestamp` replaced, after checking that it is now.
    #[track_caller]
    pub(super) fn now_as(&self, replacement: &str) -> String {
        let (before, rest) = self.body.split_once(r#""timestamp":""#).unwrap();
        let (timestamp, after) = rest.split_once('"').unwrap();
        let moment: Timestamp = timestamp.parse().unwrap();
        assert!(
            Timestamp::now().duration_since(moment).as_secs() < 5,
            "{timestamp}"
        );
        assert_eq!(timestamp.len(), "2026-01-27T10:30:00Z".len());
        format!(r#"{before}"timestamp":"{replacement}"{after}"#)
    }
}
