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
        let Some(dsn) = &config.dsn else {
            return Ok(Self(None));
        };
        let dsn = dsn.expose_secret();
        let parsed = dsn.parse::<sentry::types::Dsn>();
        parsed.map_err(|error| InvalidDsn(error.to_string()))?;
        let release = config.release.clone();
        let release =
            release.unwrap_or_else(|| concat!("vitals@", env!("CARGO_PKG_VERSION")).into());
        let options = ClientOptions::new()
            .dsn(dsn)
            .release(release)
            .environment(config.environment.clone())
            .default_integrations(false);
        // Without its defaults a client has no way to send.
        Ok(Self(Some(Arc::new(Client::from(sentry::apply_defaults(
            options,
        ))))))
    }

    /// Reports that a check turned unhealthy: one event a transition, grouped by check and code.
    pub(crate) fn turned_unhealthy(&self, check: &CheckName, report: &RunReport) {
        let code = report
            .error
            .as_ref()
            .map_or("unhealthy", |error| error.code.as_str());
        let message = report.outcome.message();
        let mut event = self::event(
            check,
            Level::Error,
            &format!("{check} is unhealthy: {message}"),
        );
        event.fingerprint = vec![check.to_string().into(), code.into()].into();
        event.tags.insert("code".into(), code.into());
        if let Some(error) = &report.error {
            let frames = error
                .frames
                .iter()
                .map(|frame| Value::from(frame.as_str()))
                .collect();
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
        Some(
            client
                .capture_event(event, Some(&Scope::default()))
                .simple()
                .to_string(),
        )
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
    let mut event = Event {
        level,
        message: Some(message.to_owned()),
        ..Event::default()
    };
    event.tags.insert("check".into(), check.to_string());
    event
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::Router;
    use axum::routing::post;
    use secrecy::SecretString;

    use super::*;
    use crate::check::{Code, RunError};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_failure_reaches_the_server_with_check_and_code() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let received = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&received);
        let take = move |body: String| async move {
            seen.lock().unwrap().push_str(&body);
            "{}"
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/api/7/envelope/", post(take));
        tokio::spawn(async { axum::serve(listener, router).await });
        let dsn = SecretString::from(format!("http://key@{address}/7"));
        let config = config::Sentry {
            dsn: Some(dsn),
            ..config::Sentry::default()
        };
        let sentry = Sentry::new(&config).unwrap();
        let report = RunReport::failed(RunError::new(Code::Fuel, "used it up"), Duration::ZERO);
        let check = "orders-db".parse().unwrap();
        sentry.turned_unhealthy(&check, &report);
        let id = sentry
            .capture(&check, Severity::Warning, "from the guest")
            .unwrap();
        let flushing = sentry.clone();
        let flush = move || flushing.flush(Duration::from_secs(10));
        tokio::task::spawn_blocking(flush).await.unwrap();
        let received = received.lock().unwrap();
        assert!(
            received.contains("orders-db is unhealthy: used it up"),
            "{received}"
        );
        assert!(
            received.contains(r#""fingerprint":["orders-db","fuel"]"#),
            "{received}"
        );
        assert!(
            received.contains(&id) && received.contains("from the guest"),
            "{received}"
        );
    }

    #[test]
    fn without_a_dsn_nothing_is_kept() {
        let sentry = Sentry::new(&config::Sentry::default()).unwrap();
        assert_eq!(
            sentry.capture(&"a".parse().unwrap(), Severity::Error, "x"),
            None
        );
    }
}
