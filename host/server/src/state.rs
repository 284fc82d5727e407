//! The state that the pages share, and the part of it that follows the configuration.
//!
//! It knows neither routes nor the content of pages.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::FromRef;
use bytes::Bytes;
use http::StatusCode;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::auth::Tokens;
use super::host_names::HostNames;
use vitals_config::{Config, UnhealthyStatus};
use vitals_core::board::Board;
use vitals_core::events::{Event, Events, Sink};
use vitals_core::{CatalogPage, Exposition, HostStats, Reloader};

/// The state that the pages share. Clones share it.
#[derive(Clone)]
pub struct AppState {
    pub(super) deps: Arc<PageDeps>,
    /// Serializes scrapes, which cost CPU time with many checks.
    pub(super) scraping: Arc<Mutex<()>>,
}

/// The parts of the host that the pages use.
pub struct PageDeps {
    /// The latest result of each check.
    pub board: Arc<Board>,
    /// The loaded plugins.
    pub catalog: CatalogPage,
    /// The keys of the configuration that pages read.
    pub settings: PageSettings,
    /// The statistics of the host.
    pub stats: Arc<dyn HostStats>,
    /// The metrics to show, or `None` while they are disabled.
    pub metrics: Option<Arc<dyn Exposition>>,
    /// The stream for reports of panics in pages.
    pub events: Events,
    /// The handle for `POST /-/reload`.
    pub reloader: Reloader,
    /// Cancelled when shutdown begins.
    pub closing: CancellationToken,
}

/// The keys of the configuration that pages read for each request. A new configuration replaces all
/// of them at once; clones share them.
#[derive(Clone)]
pub struct PageSettings(Arc<ArcSwap<Settings>>);

/// What the pages read of one configuration.
pub(super) struct Settings {
    /// The status of `GET /health` while the verdict is unhealthy.
    pub(super) unhealthy_status: StatusCode,
    /// The names by which requests may address this host.
    pub(super) names: HostNames,
    /// The tokens that grant access.
    pub(super) tokens: Tokens,
    /// The body of `GET /health/tools`.
    pub(super) tools: Bytes,
}

impl AppState {
    /// Creates the state of the pages.
    pub fn new(deps: PageDeps) -> Self {
        Self {
            deps: Arc::new(deps),
            scraping: Arc::default(),
        }
    }
}

impl FromRef<AppState> for Arc<PageDeps> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.deps)
    }
}

impl PageSettings {
    /// Returns the settings of one configuration.
    pub fn new(config: &Config) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Settings::new(config))))
    }

    /// Returns the settings at this moment.
    pub(super) fn load(&self) -> Arc<Settings> {
        self.0.load_full()
    }
}

impl Sink for PageSettings {
    fn on(&self, event: &Event<'_>) {
        if let Event::ConfigurationApplied(applied) = event {
            self.0.store(Arc::new(Settings::new(applied.config)));
        }
    }
}

impl Settings {
    fn new(config: &Config) -> Self {
        let tools = serde_json::to_vec(&config.tools.0);
        Self {
            unhealthy_status: match config.server.unhealthy_status {
                UnhealthyStatus::Ok => StatusCode::OK,
                UnhealthyStatus::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            },
            names: HostNames(config.server.hosts.clone()),
            tokens: Tokens::new(config),
            tools: tools.expect("the keys are strings").into(),
        }
    }
}
