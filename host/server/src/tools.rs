//! `GET /health/tools`: links to other tools.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;

use super::answer;
use vitals_config::Tools;
use vitals_core::events::{Event, Sink};

/// The body, which a new configuration replaces. Clones share it.
#[derive(Clone)]
pub struct ToolsPage(Arc<ArcSwap<Bytes>>);

impl ToolsPage {
    /// Creates the page with these tools.
    pub fn new(tools: &Tools) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(body(tools))))
    }
}

impl Sink for ToolsPage {
    fn on(&self, event: &Event<'_>) {
        if let Event::ConfigurationApplied(applied) = event {
            self.0.store(Arc::new(body(&applied.config.tools)));
        }
    }
}

/// Returns the URL of each tool, or null where none is set.
pub(super) async fn tools(State(page): State<ToolsPage>) -> Response {
    let body = Bytes::clone(&page.0.load());
    answer::json(StatusCode::OK, body)
}

fn body(tools: &Tools) -> Bytes {
    serde_json::to_vec(&tools.0)
        .expect("the keys are strings")
        .into()
}
