//! Reports of failures to Sentry. A value that is handed down; without a DSN nothing leaves.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use sentry::protocol::{Event, Value};
use sentry::{Client, ClientOptions, Level, Scope};

use crate::check::{CheckName, RunReport};
use crate::config;
use crate::plugin::{ErrorTracker, Severity};

/// A way to Sentry, or none. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Sentry(Option<Arc<Client>>);

/// The DSN of the configuration is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the Sentry DSN: {0}; write for example https://key@sentry.example.com/1")]
pub struct InvalidDsn(String);

impl Sentry {
    /// Opens a client; one without a DSN swallows everything.
    pub(crate) fn new(config: &config::Sentry) -> Result<Self, InvalidDsn> {
        let Some(dsn) = &config.dsn else { return Ok(Self(None)) };
        let dsn = dsn.expose_secret();
        let parsed = dsn.parse::<sentry::types::Dsn>();
        parsed.map_err(|error| InvalidDsn(error.to_string()))?;
        let release = config.release.clone();
        let release = release.unwrap_or_else(|| concat!("vitals@", env!("CARGO_PKG_VERSION")).into());
        let options = ClientOptions::new()
            .dsn(dsn)
            .release(release)
            .environment(config.environment.clone())
            .default_integrations(false);
        Ok(Self(Some(Arc::new(Client::from(options)))))
    }

    /// Reports that a check turned unhealthy: one event a transition, grouped by check and code.
    pub(crate) fn turned_unhealthy(&self, check: &CheckName, report: &RunReport) {
        let code = report.error.as_ref().map_or("unhealthy", |error| error.code.as_str());
        let message = report.outcome.message();
        let mut event = self::event(check, Level::Error, &format!("{check} is unhealthy: {message}"));
        event.fingerprint = vec![check.to_string().into(), code.into()].into();
        event.tags.insert("code".into(), code.into());
        if let Some(error) = &report.error {
            let frames = error.frames.iter().map(|frame| Value::from(frame.as_str())).collect();
            event.extra.insert("frames".into(), Value::Array(frames));
        }
        self.send(event);
    }

    /// Waits for events to leave, for at most `patience`.
    pub(crate) fn flush(&self, patience: Duration) {
        if let Some(client) = &self.0 {
            client.flush(Some(patience));
        }
    }

    fn send(&self, event: Event<'static>) -> Option<String> {
        let client = self.0.as_ref()?;
        Some(client.capture_event(event, Some(&Scope::default())).simple().to_string())
    }
}

impl ErrorTracker for Sentry {
    fn capture(&self, check: &CheckName, level: Severity, message: &str) -> Option<String> {
        let level = match level {
            Severity::Debug => Level::Debug,
            Severity::Info => Level::Info,
            Severity::Warning => Level::Warning,
            Severity::Error => Level::Error,
        };
        self.send(event(check, level, message))
    }
}

impl std::fmt::Debug for Sentry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sentry({})", if self.0.is_some() { "on" } else { "off" })
    }
}

fn event(check: &CheckName, level: Level, message: &str) -> Event<'static> {
    let mut event = Event { level, message: Some(message.to_owned()), ..Event::default() };
    event.tags.insert("check".into(), check.to_string());
    event
}
