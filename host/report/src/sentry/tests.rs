//! Tests of reports as a server receives them.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use rcgen::{CertifiedKey, KeyPair};
use serde_json::Value;
use tokio::net::TcpListener;

use super::*;
use crate::outgoing::testing::serve_over_tls;
use vitals_config::{Root, Secret};
use vitals_core::board::{CheckFacts, PluginFacts};
use vitals_core::events::Cause;
use vitals_model::{Code, Outcome, PluginIdentity, RunError, RunReport, Text};
use vitals_sandbox::LoadError;

/// A server that records the events in the envelopes that it receives.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<Value>>>);

impl Sink {
    async fn start(&self) -> SocketAddr {
        serve(self.router()).await
    }

    async fn start_over_tls(&self, key: &CertifiedKey<KeyPair>) -> SocketAddr {
        serve_over_tls(self.router(), key).await
    }

    fn router(&self) -> Router {
        let kept = Arc::clone(&self.0);
        let take = move |headers: HeaderMap, body: String| async move {
            let auth = headers["x-sentry-auth"].to_str().unwrap();
            assert!(auth.contains("sentry_key=key"), "{auth}");
            let lines: Vec<_> = body.lines().collect();
            let header: Value = serde_json::from_str(lines[1]).unwrap();
            assert_eq!(header["type"], "event");
            assert_eq!(header["length"], lines[2].len());
            kept.lock().push(serde_json::from_str(lines[2]).unwrap());
            "{}"
        };
        Router::new().route("/api/7/envelope/", post(take))
    }

    fn events(&self) -> Vec<Value> {
        self.0.lock().clone()
    }

    /// Waits until all events have been sent, and returns them.
    async fn after(&self, sentry: &Sentry) -> Vec<Value> {
        flushed(sentry).await;
        self.events()
    }
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

fn sentry(address: SocketAddr, secrets: &Secrets) -> Sentry {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = config(&format!("http://key@{address}/7"));
    config.secrets = secrets.clone();
    Sentry::new(&config, None).unwrap()
}

fn config(dsn: &str) -> Config {
    let mut config = Config::default();
    config.sentry.dsn = Some(Secret::from(dsn));
    config.sentry.environment = "tests".into();
    config
}

fn guest_reports(sentry: &Sentry, check: &str, message: &str) -> Option<String> {
    let check = check.parse().unwrap();
    let plugin = PluginIdentity::new("talks".parse().unwrap(), message, Digest::of(b"it"));
    sentry.capture(&GuestReport::new(&check, &plugin, Severity::Error, message))
}

async fn flush(sentry: &Sentry) -> bool {
    let inner = sentry.0.as_ref().unwrap();
    inner.transport.flush(Duration::from_secs(30)).await
}

async fn flushed(sentry: &Sentry) {
    assert!(flush(sentry).await);
}

fn transition(sentry: &Sentry, check: &str, before: Status, status: Status, report: &RunReport) {
    let facts = CheckFacts {
        critical: true,
        interval_ms: 1000,
        timeout_ms: 1000,
        plugin: Some(PluginFacts {
            name: "postgres".into(),
            version: Some("1.2.3".into()),
            digest: Some(Digest::of(b"it")),
            generation: 1,
        }),
        grants: Vec::new(),
    };
    sentry.record_transition(&Transition {
        check: &check.parse().unwrap(),
        facts: Some(&facts),
        before: Some(before),
        status,
        report,
        consecutive_failures: 3,
        cause: Cause::Run,
    });
}

fn answered(outcome: Outcome) -> RunReport {
    RunReport::answered(outcome, Duration::from_millis(12))
}

#[tokio::test]
async fn an_unhealthy_check_is_one_complete_event() {
    let sink = Sink::default();
    let sentry = sentry(sink.start().await, &Secrets::default());
    let healthy = answered(Outcome::healthy("all is well"));
    transition(&sentry, "cache", Status::Unknown, Status::Healthy, &healthy);
    let slow = answered(Outcome::degraded("slow"));
    transition(
        &sentry,
        "orders-db",
        Status::Healthy,
        Status::Degraded,
        &slow,
    );
    let error = RunError::new(Code::Trap, "trapped: unreachable")
        .with_limit("64MiB")
        .with_frames(vec![Text::line("inner", 99), Text::line("outer", 99)]);
    let trapped = RunReport::failed(error, Duration::ZERO);
    transition(
        &sentry,
        "orders-db",
        Status::Degraded,
        Status::Unhealthy,
        &trapped,
    );

    let events = sink.after(&sentry).await;
    assert_eq!(events.len(), 1, "{events:#?}");
    let event = &events[0];
    assert_eq!(
        event["message"],
        "orders-db is unhealthy: trapped: unreachable"
    );
    assert_eq!(
        event["fingerprint"],
        serde_json::json!(["orders-db", "trap"])
    );
    assert_eq!(
        event["tags"],
        serde_json::json!({
            "check": "orders-db", "code": "trap", "plugin": "postgres", "version": "1.2.3",
            "digest": Digest::of(b"it").short(),
        })
    );
    assert_eq!(event["environment"], "tests");
    assert_eq!(event["release"], RELEASE);
    assert_eq!(event["extra"]["limit"], "64MiB");
    assert_eq!(event["extra"]["consecutive_failures"], 3);
    let exception = &event["exception"]["values"][0];
    assert_eq!(exception["type"], "trap");
    let frames = &exception["stacktrace"]["frames"];
    assert_eq!(
        (&frames[0]["function"], &frames[1]["function"]),
        (&"outer".into(), &"inner".into())
    );
    let crumbs = event["breadcrumbs"]["values"].as_array().unwrap();
    let messages: Vec<_> = crumbs.iter().map(|crumb| &crumb["message"]).collect();
    assert_eq!(
        messages,
        [
            "cache is healthy: all is well",
            "orders-db is degraded: slow"
        ]
    );
    assert_eq!(
        crumbs[1]["data"],
        serde_json::json!({"check": "orders-db", "from": "healthy", "to": "degraded"})
    );
}

#[tokio::test]
async fn no_event_contains_a_secret_of_the_configuration() {
    let sink = Sink::default();
    let sentry = sentry(sink.start().await, &Secrets::new(["hunter2-first"]));
    sentry.set_secrets(&Secrets::new(["hunter2-second"]));
    let both = "hunter2-first hunter2-second";

    let down = answered(Outcome::unhealthy(both));
    transition(&sentry, "a", Status::Healthy, Status::Unhealthy, &down);
    let error = RunError::new(Code::Trap, both).with_frames(vec![Text::line(both, 99)]);
    let trial = LoadError::Trial {
        check: "a".parse().unwrap(),
        error: Box::new(error),
    };
    sentry.not_loaded(&PluginRejected {
        plugin: &"a".parse().unwrap(),
        version: Some(both),
        digest: None,
        active: None,
        error: &trial,
        path: Path::new("a.wasm"),
    });
    sentry.panicked("over a page", None, Some(both));
    sentry.message(Severity::Info, both).unwrap();
    sentry.error(&Failure(both, None)).unwrap();
    guest_reports(&sentry, "a", both);

    let events = sink.after(&sentry).await;
    assert_eq!(events.len(), 6);
    for event in events {
        let text = event.to_string();
        assert!(text.contains("[redacted] [redacted]"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_plugin_from_another_directory_is_reported() {
    let sink = Sink::default();
    let sentry = sentry(sink.start().await, &Secrets::default());
    sentry.plugin_moved(&"redis".parse().unwrap(), "library", "plugins directory");
    let events = sink.after(&sentry).await;
    let words = "plugin redis is now loaded from the plugins directory instead of the library";
    assert!(events[0].to_string().contains(words), "{events:?}");
    assert_eq!(events[0]["level"], "warning");
}

#[tokio::test]
async fn the_same_load_failure_is_reported_once() {
    let sink = Sink::default();
    let sentry = sentry(sink.start().await, &Secrets::default());
    let plugin = "redis".parse().unwrap();
    let fail = |content: &[u8], error: &LoadError| {
        sentry.not_loaded(&PluginRejected {
            plugin: &plugin,
            version: None,
            digest: Some(Digest::of(content)),
            active: None,
            error,
            path: Path::new("redis.wasm"),
        });
    };
    fail(b"one", &LoadError::NotWasm);
    fail(b"one", &LoadError::NotWasm);
    fail(b"two", &LoadError::NotWasm);
    fail(b"two", &LoadError::CoreModule);
    sentry.forget_failure(&plugin);
    fail(b"two", &LoadError::CoreModule);

    let events = sink.after(&sentry).await;
    let prints: Vec<_> = events
        .iter()
        .map(|event| &event["fingerprint"][2])
        .collect();
    assert_eq!(
        prints,
        ["not-wasm", "not-wasm", "core-module", "core-module"]
    );
    assert_eq!(
        events[0]["tags"],
        serde_json::json!({
            "plugin": "redis", "code": "not-wasm", "digest": Digest::of(b"one").short(),
        })
    );
}

#[tokio::test]
async fn noisy_guests_and_flapping_checks_do_not_starve_others() {
    let sink = Sink::default();
    let sentry = sentry(sink.start().await, &Secrets::default());
    let noisy: Vec<_> = (0..20).map(|number| format!("noisy-{number}")).collect();
    let mut taken = 0;
    for check in &noisy {
        for _ in 0..20 {
            taken += usize::from(guest_reports(&sentry, check, "noise").is_some());
        }
        flushed(&sentry).await;
    }
    let most = (OF_ALL.burst + OF_ALL.per_minute) as usize;
    assert!((30..=most).contains(&taken), "{taken}");

    let down = answered(Outcome::unhealthy("down"));
    for _ in 0..100 {
        transition(&sentry, "flaps", Status::Healthy, Status::Unhealthy, &down);
    }
    transition(&sentry, "other", Status::Healthy, Status::Unhealthy, &down);
    let events = sink.after(&sentry).await;
    let of = |check: &str| {
        let all = events.iter();
        all.filter(|event| event["tags"]["check"] == check).count()
    };
    assert!((5..=6).contains(&of("flaps")), "{}", of("flaps"));
    assert_eq!(of("other"), 1);
    let dropped: usize = events
        .iter()
        .filter_map(|event| event["extra"]["left_out_before"].as_u64())
        .map(|dropped| usize::try_from(dropped).unwrap())
        .sum();
    assert_eq!(dropped, 400 - taken + 100 - of("flaps"));
}

/// An error of the embedding program, with a source.
#[derive(Debug)]
struct Failure(&'static str, Option<fmt::Error>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_ref().map(|source| source as _)
    }
}

#[tokio::test]
async fn an_error_of_the_program_is_reported_with_its_sources() {
    let sink = Sink::default();
    let sentry = sentry(sink.start().await, &Secrets::default());
    let id = sentry.error(&Failure("cannot bill", Some(fmt::Error)));
    let events = sink.after(&sentry).await;
    assert_eq!(events[0]["event_id"].as_str(), id.as_deref());
    let values = &events[0]["exception"]["values"];
    assert_eq!(values[1]["type"], "Failure");
    assert_eq!(values[1]["value"], "cannot bill");
    assert_eq!(values[0]["value"], fmt::Error.to_string());
}

#[tokio::test]
async fn a_server_that_hangs_delays_nobody() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let never = move || async move {
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<()>().await;
    };
    let address = serve(Router::new().fallback(post(never))).await;
    let sentry = sentry(address, &Secrets::default());
    let mut taken = 0;
    for number in 0..200 {
        let check = format!("check-{number}");
        taken += usize::from(guest_reports(&sentry, &check, "x").is_some());
        let source = format!("place {number}");
        sentry.panicked(&source, None, None);
        sentry.message(Severity::Error, "x");
    }
    assert!(taken > 0);
    let inner = sentry.0.as_ref().unwrap();
    assert!(
        !inner.transport.flush(Duration::from_millis(100)).await,
        "the first is still under way"
    );
    assert!(inner.dropped.take() > 0);
}

#[tokio::test]
async fn a_rejected_event_is_lost_and_rate_limits_are_respected() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let refuse = move || async move {
        counted.fetch_add(1, Ordering::Relaxed);
        (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1000")])
    };
    let address = serve(Router::new().fallback(post(refuse))).await;
    let sentry = sentry(address, &Secrets::default());
    for _ in 0..3 {
        sentry.message(Severity::Error, "x").unwrap();
    }
    flushed(&sentry).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(sentry.0.as_ref().unwrap().dropped.take(), 3);
}

#[tokio::test]
async fn events_are_retried_until_the_server_is_back() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let sentry = sentry(address, &Secrets::default());
    sentry.message(Severity::Error, "x").unwrap();
    assert!(!flush(&sentry).await);
    let sink = Sink::default();
    let listener = TcpListener::bind(address).await.unwrap();
    let router = sink.router();
    tokio::spawn(async { axum::serve(listener, router).await });
    assert_eq!(sink.after(&sentry).await.len(), 1);
    assert_eq!(sentry.0.as_ref().unwrap().dropped.take(), 0);
}

#[tokio::test]
async fn a_tls_server_must_be_trusted_by_the_configured_roots() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let pem = directory.path().join("ca.pem");
    std::fs::write(&pem, key.cert.pem()).unwrap();
    let sink = Sink::default();
    let address = sink.start_over_tls(&key).await;
    let mut config = config(&format!("https://key@localhost:{}/7", address.port()));

    config.tls.roots = vec![Root::File(pem)];
    let trusting = Sentry::new(&config, None).unwrap();
    trusting.message(Severity::Error, "seen").unwrap();
    assert_eq!(sink.after(&trusting).await.len(), 1);

    config.tls.roots = vec![Root::System];
    let suspicious = Sentry::new(&config, None).unwrap();
    suspicious.message(Severity::Error, "not seen").unwrap();
    assert!(!flush(&suspicious).await);
    assert_eq!(sink.events().len(), 1);

    config.tls.roots = vec![Root::File(directory.path().join("none.pem"))];
    let error = Sentry::new(&config, None).unwrap_err().to_string();
    let expected = "cannot set up connections to Sentry: cannot read the TLS roots in ";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn without_a_dsn_nothing_is_kept() {
    let sentry = Sentry::new(&Config::default(), None).unwrap();
    assert_eq!(guest_reports(&sentry, "a", "x"), None);
    assert_eq!(sentry.message(Severity::Error, "x"), None);
    assert_eq!(sentry.error(&fmt::Error), None);
}
