//! Reports of failures to Sentry. A value that is handed down; without a DSN nothing leaves.
//!
//! Whoever reports never waits: an event is made, counted against a [`RateLimiter`], cleaned of secrets
//! and handed to the [`Transport`]. Of Sentry's own crates only the protocol is used: no hub, no panic
//! hook, no integrations.

mod breadcrumbs;
mod error;
mod event;
mod rate_limiter;
mod scrub;
mod sink;
mod transport;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use secrecy::ExposeSecret as _;
use sentry_types::Dsn;
use sentry_types::protocol::v7::{ClientSdkInfo, Event};

use self::breadcrumbs::Breadcrumbs;
pub use self::error::NoReports;
use self::rate_limiter::{Rate, RateLimiter};
use self::scrub::Scrubber;
use self::transport::{Transport, left_out};
use crate::delivery::DropCounter;
use crate::delivery_metrics::DeliveryMetrics;
use vitals_config::{Config, Secrets};
use vitals_core::events::{PluginRejected, Transition};
use vitals_model::{CheckName, Digest, ErrorTracker, GuestReport, PluginName, Severity, Status};

/// A way to Sentry, or none. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sentry(Option<Arc<Inner>>);

/// Where reports are made, counted and sent.
struct Inner {
    transport: Transport,
    release: String,
    environment: String,
    scrubber: ArcSwap<Scrubber>,
    breadcrumbs: Breadcrumbs,
    dropped: Arc<DropCounter>,
    /// For what the host found.
    findings: RateLimiter,
    /// For what guests report. Apart, so that a noisy one can't use up what failures need.
    of_guests: RateLimiter,
    /// For what the program around the host reports.
    of_program: RateLimiter,
    /// Why the newest file of a plugin does not serve, where that was told.
    told: Mutex<BTreeMap<PluginName, LoadFailure>>,
}

#[derive(PartialEq, Eq)]
struct LoadFailure {
    digest: Option<Digest>,
    error: String,
}

impl Sentry {
    /// A way to the server of the DSN; one without a DSN swallows everything. The server has to be
    /// one that the roots of `[tls]` trust. The secrets of the configuration are in no report. Blocks
    /// while roots are read.
    pub fn new(
        config: &Config,
        metrics: Option<Arc<dyn DeliveryMetrics>>,
    ) -> Result<Self, NoReports> {
        let (roots, secrets) = (&config.tls.roots, &config.secrets);
        let config = &config.sentry;
        let Some(dsn) = &config.dsn else {
            return Ok(Self(None));
        };
        let dsn = dsn.expose_secret().parse::<Dsn>();
        let dsn = dsn.map_err(|error| NoReports::Dsn(error.to_string()))?;
        let release = config.release.clone();
        let dropped = Arc::new(DropCounter::default());
        let now = Instant::now();
        Ok(Self(Some(Arc::new(Inner {
            transport: Transport::new(&dsn, roots, Arc::clone(&dropped), metrics)?,
            release: release.unwrap_or_else(|| RELEASE.into()),
            environment: config.environment.clone(),
            scrubber: ArcSwap::from_pointee(Scrubber::new(secrets)),
            breadcrumbs: Breadcrumbs::default(),
            dropped,
            findings: RateLimiter::new(OF_ALL, OF_EACH_SOURCE, now),
            of_guests: RateLimiter::new(OF_ALL, OF_EACH_GUEST, now),
            of_program: RateLimiter::new(OF_ALL, OF_ALL, now),
            told: Mutex::default(),
        }))))
    }

    /// Takes in the secrets of another configuration.
    pub(crate) fn keep_secret(&self, secrets: &Secrets) {
        let Some(inner) = &self.0 else { return };
        if let Some(next) = inner.scrubber.load().followed_by(secrets) {
            inner.scrubber.store(Arc::new(next));
        }
    }

    /// Takes in that the status of a check has turned. One that turned unhealthy is reported, after
    /// what led there: one event a turn, grouped by check and code.
    pub(crate) fn turned(&self, turn: &Transition<'_>) {
        let Some(inner) = &self.0 else { return };
        if turn.status == Status::Unhealthy {
            inner.report(&inner.findings, turn.check.as_str(), || {
                event::turned_unhealthy(turn)
            });
        }
        // A host that starts would push everything else out.
        if turn.before.is_some() || turn.status != Status::Healthy {
            let message = turn.report.outcome.message();
            let message = inner.scrubber.load().clean(message.as_str());
            let crumb = breadcrumbs::transition(turn.check, turn.before, turn.status, &message);
            inner.breadcrumbs.record(crumb);
        }
    }

    /// Reports that a file does not serve as a plugin, unless that was the last thing to be told of
    /// that plugin.
    pub(crate) fn not_loaded(&self, failure: &PluginRejected<'_>) {
        let Some(inner) = &self.0 else { return };
        let told = LoadFailure {
            digest: failure.digest,
            error: failure.error.to_string(),
        };
        let plugin = failure.plugin;
        let mut all = inner.told.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(plugin) == Some(&told) {
            return;
        }
        all.insert(plugin.clone(), told);
        drop(all);
        inner.report(&inner.findings, &format!("plugin {plugin}"), || {
            event::not_loaded(failure)
        });
    }

    /// Reports that a plugin comes from another directory from here on.
    pub(crate) fn plugin_moved(&self, plugin: &PluginName, from: &str, to: &str) {
        let Some(inner) = &self.0 else { return };
        inner.report(&inner.findings, &format!("plugin {plugin} moved"), || {
            event::plugin_moved(plugin, from, to)
        });
    }

    /// Takes in that a plugin serves, or is gone: what fails from here on is news.
    pub(crate) fn forget(&self, plugin: &PluginName) {
        let Some(inner) = &self.0 else { return };
        let mut told = inner.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.remove(plugin);
    }

    /// Reports that the host's own code panicked at a `place`, in words that are the same each time.
    pub(crate) fn panicked(&self, place: &str, check: Option<&CheckName>, what: Option<&str>) {
        let Some(inner) = &self.0 else { return };
        inner.report(&inner.findings, &format!("panic {place}"), || {
            event::panicked(place, check, what)
        });
    }

    /// Sends a message of the program around the host.
    pub fn message(&self, level: Severity, message: &str) -> Option<String> {
        let inner = self.0.as_ref()?;
        inner.report(&inner.of_program, "", || event::message(level, message))
    }

    /// Sends an error of the program around the host, with its sources.
    pub fn error(&self, error: &dyn Error) -> Option<String> {
        let inner = self.0.as_ref()?;
        inner.report(&inner.of_program, "", || event::error(error))
    }

    /// Waits for events to leave, for at most `patience`.
    async fn flush_within(&self, patience: Duration) {
        if let Some(inner) = &self.0
            && !inner.transport.flush(patience).await
        {
            tracing::warn!(?patience, "not all reports to Sentry could be sent");
        }
    }
}

impl Inner {
    /// Sends an event if `source` has one left, and answers its id.
    fn report(
        &self,
        rate_limiter: &RateLimiter,
        source: &str,
        event: impl FnOnce() -> Event<'static>,
    ) -> Option<String> {
        if !rate_limiter.take(source, Instant::now()) {
            left_out(&self.dropped, 1, "there are too many of them");
            return None;
        }
        let mut event = event();
        event.release = Some(self.release.clone().into());
        event.environment = Some(self.environment.clone().into());
        event.sdk = Some(Cow::Owned(ClientSdkInfo {
            name: "vitals".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            integrations: Vec::new(),
            packages: Vec::new(),
        }));
        event.breadcrumbs.values = self.breadcrumbs.so_far();
        let lost = self.dropped.take();
        if lost > 0 {
            event.extra.insert("left_out_before".into(), lost.into());
        }
        self.scrubber.load().scrub(&mut event);
        let id = event.event_id.simple().to_string();
        self.transport.send(event);
        Some(id)
    }
}

impl ErrorTracker for Sentry {
    fn capture(&self, report: &GuestReport<'_>) -> Option<String> {
        let inner = self.0.as_ref()?;
        inner.report(&inner.of_guests, report.check.as_str(), || {
            event::of_guest(report)
        })
    }
}

impl std::fmt::Debug for Sentry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sentry({})", if self.0.is_some() { "on" } else { "off" })
    }
}

const RELEASE: &str = concat!("vitals@", env!("CARGO_PKG_VERSION"));
/// What one limiter lets out of all its sources together.
const OF_ALL: Rate = Rate {
    burst: 30,
    per_minute: 30,
};
/// What one check, plugin or place of a panic may use of it: a check that flaps fills no inbox.
const OF_EACH_SOURCE: Rate = Rate {
    burst: 5,
    per_minute: 1,
};
/// What the guests of one check may use of theirs; a run has 5 at most.
const OF_EACH_GUEST: Rate = Rate {
    burst: 10,
    per_minute: 5,
};

#[cfg(test)]
mod tests;
