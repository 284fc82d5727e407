//! `GET /metrics`: all metrics, for Prometheus.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::answer;
use super::state::{AppState, PageDeps};
use vitals_core::Moment;

/// Returns the metrics, or 404 with how to enable them. They are encoded on a blocking thread,
/// because that takes a while with thousands of checks.
pub(super) async fn metrics(State(state): State<AppState>) -> Response {
    let AppState { deps, scraping } = state;
    let Some(metrics) = deps.metrics.clone() else {
        return answer::error(StatusCode::NOT_FOUND, DISABLED);
    };
    // Moved into the closure, because the encoding goes on when the client disconnects.
    let alone = scraping.lock_owned().await;
    let scrape = move || {
        let text = metrics.text(&deps.moment());
        drop(alone);
        text
    };
    let text = tokio::task::spawn_blocking(scrape).await;
    let text = text.expect("it is never cancelled, and encoding does not panic");
    let mut response = Response::new(text.into());
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}

impl PageDeps {
    /// Reads the values that belong to the moment of the scrape.
    fn moment(&self) -> Moment {
        let health = self.board.health();
        Moment {
            statuses: self.board.statuses(),
            health,
            ready: self.is_ready(health),
            directory_readable: self.board.directory_is_readable(),
            runs_in_flight: self.stats.runs_in_flight(),
            max_runs: self.stats.max_runs(),
            epoch_ticks: self.stats.epoch_ticks(),
        }
    }
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const DISABLED: &str = "metrics are disabled: set `enabled = true` under `[metrics]`, \
                        or ENABLE_METRICS=true, and restart";
