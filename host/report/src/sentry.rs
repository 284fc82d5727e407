//! Reports failures to Sentry. Without a DSN nothing is sent.
//!
//! Reporting never waits: an event is created, counted against a `RateLimiter`, cleaned of
//! secrets and handed to the `Transport`. Of Sentry's crates only the protocol types are used: no
//! hub, no panic hook, no integrations.

mod breadcrumbs;
mod event;
mod rate_limiter;
mod scrub;
mod sink;
mod transport;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use sentry_types::Dsn;
use sentry_types::protocol::v7::{ClientSdkInfo, Event};

use self::breadcrumbs::Breadcrumbs;
use self::rate_limiter::{Rate, RateLimiter};
use self::scrub::Scrubber;
pub use self::transport::NoReports;
use self::transport::{Transport, report_dropped};
use crate::delivery::DropCounter;
use crate::delivery_metrics::DeliveryMetrics;
use vitals_config::{Config, Secrets};
use vitals_core::events::{PluginRejected, Transition};
use vitals_model::{CheckName, Digest, ErrorTracker, GuestReport, PluginName, Severity, Status};

/// A client for Sentry, or nothing without a DSN. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sentry(Option<Arc<Inner>>);

/// The state for creating, limiting and sending reports.
struct Inner {
    transport: Transport,
    release: String,
    environment: String,
    scrubber: ArcSwap<Scrubber>,
    breadcrumbs: Breadcrumbs,
    dropped: Arc<DropCounter>,
    /// Limits the reports of the host's findings.
    findings: RateLimiter,
    /// Limits the reports of guests, separately, so that a noisy guest does not use up the limit
    /// for failures.
    of_guests: RateLimiter,
    /// Limits the reports of the embedding program.
    of_program: RateLimiter,
    /// The last reported load failure of each plugin.
    reported: Mutex<BTreeMap<PluginName, LoadFailure>>,
}

#[derive(PartialEq, Eq)]
struct LoadFailure {
    digest: Option<Digest>,
    error: String,
}

impl Sentry {
    /// Creates a client for the server of the DSN, which must be trusted by the roots of `[tls]`.
    /// Without a DSN reports are discarded. Reports contain no secrets of the configuration. Blocks
    /// while the roots are read.
    pub fn new(
        config: &Config,
        metrics: Option<Arc<dyn DeliveryMetrics>>,
    ) -> Result<Self, NoReports> {
        let (roots, secrets) = (&config.tls.roots, &config.secrets);
        let config = &config.sentry;
        let Some(dsn) = &config.dsn else {
            return Ok(Self(None));
        };
        let dsn = dsn.expose().parse::<Dsn>();
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
            reported: Mutex::default(),
        }))))
    }

    /// Replaces the secrets with those of a new configuration.
    pub(crate) fn set_secrets(&self, secrets: &Secrets) {
        let Some(inner) = &self.0 else { return };
        if let Some(next) = inner.scrubber.load().updated(secrets) {
            inner.scrubber.store(Arc::new(next));
        }
    }

    /// Handles a transition. A check that became unhealthy is reported with the transitions before
    /// it, as one event grouped by check and code.
    pub(crate) fn record_transition(&self, transition: &Transition<'_>) {
        let Some(inner) = &self.0 else { return };
        if transition.status == Status::Unhealthy {
            inner.report(&inner.findings, transition.check.as_str(), || {
                event::turned_unhealthy(transition)
            });
        }
        // First healthy results are left out, because a starting host would flood the breadcrumbs.
        if transition.before.is_some() || transition.status != Status::Healthy {
            let message = transition.report.outcome.message();
            let message = inner.scrubber.load().clean(message.as_str());
            let crumb = breadcrumbs::transition(transition, &message);
            inner.breadcrumbs.record(crumb);
        }
    }

    /// Reports that a plugin file was rejected, unless this failure was the last one reported for
    /// the plugin.
    pub(crate) fn not_loaded(&self, failure: &PluginRejected<'_>) {
        let Some(inner) = &self.0 else { return };
        let reported = LoadFailure {
            digest: failure.digest,
            error: failure.error.to_string(),
        };
        let plugin = failure.plugin;
        let mut all = inner.reported.lock();
        if all.get(plugin) == Some(&reported) {
            return;
        }
        all.insert(plugin.clone(), reported);
        drop(all);
        inner.report(&inner.findings, &format!("plugin {plugin}"), || {
            event::not_loaded(failure)
        });
    }

    /// Reports that a plugin is now loaded from another directory.
    pub(crate) fn plugin_moved(&self, plugin: &PluginName, from: &str, to: &str) {
        let Some(inner) = &self.0 else { return };
        inner.report(&inner.findings, &format!("plugin {plugin} moved"), || {
            event::plugin_moved(plugin, from, to)
        });
    }

    /// Forgets the last load failure of a plugin that is active again or was removed.
    pub(crate) fn forget_failure(&self, plugin: &PluginName) {
        let Some(inner) = &self.0 else { return };
        let mut reported = inner.reported.lock();
        reported.remove(plugin);
    }

    /// Reports that the host's own code panicked. `place` is a constant phrase.
    pub(crate) fn panicked(&self, place: &str, check: Option<&CheckName>, what: Option<&str>) {
        let Some(inner) = &self.0 else { return };
        inner.report(&inner.findings, &format!("panic {place}"), || {
            event::panicked(place, check, what)
        });
    }

    /// Sends a message of the embedding program.
    pub fn message(&self, level: Severity, message: &str) -> Option<String> {
        let inner = self.0.as_ref()?;
        inner.report(&inner.of_program, "", || event::message(level, message))
    }

    /// Sends an error of the embedding program, with its sources.
    pub fn error(&self, error: &dyn Error) -> Option<String> {
        let inner = self.0.as_ref()?;
        inner.report(&inner.of_program, "", || event::error(error))
    }

    /// Waits until all events are sent, for at most `timeout`.
    async fn flush_within(&self, timeout: Duration) {
        if let Some(inner) = &self.0
            && !inner.transport.flush(timeout).await
        {
            tracing::warn!(?timeout, "not all reports to Sentry could be sent");
        }
    }
}

impl Inner {
    /// Sends an event if the rate limit of `source` allows it, and returns its id.
    fn report(
        &self,
        rate_limiter: &RateLimiter,
        source: &str,
        event: impl FnOnce() -> Event<'static>,
    ) -> Option<String> {
        if !rate_limiter.take(source, Instant::now()) {
            report_dropped(&self.dropped, 1, "rate limit reached");
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
        event.breadcrumbs.values = self.breadcrumbs.snapshot();
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
            event::guest_report(report)
        })
    }
}

impl std::fmt::Debug for Sentry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sentry({})", if self.0.is_some() { "on" } else { "off" })
    }
}

const RELEASE: &str = concat!("vitals@", env!("CARGO_PKG_VERSION"));
/// The overall rate of one limiter.
const OF_ALL: Rate = Rate {
    burst: 30,
    per_minute: 30,
};
/// The rate of one check, plugin or panic site, so that a flapping check does not flood anybody.
const OF_EACH_SOURCE: Rate = Rate {
    burst: 5,
    per_minute: 1,
};
/// The rate of one check's guests. A run sends at most 5 reports.
const OF_EACH_GUEST: Rate = Rate {
    burst: 10,
    per_minute: 5,
};

#[cfg(test)]
mod tests;
