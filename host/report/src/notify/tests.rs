//! Tests of notifications as receivers get them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use rcgen::{CertifiedKey, KeyPair};
use serde_json::Value;
use tokio::net::TcpListener;

use super::*;
use crate::metrics::Metrics;
use vitals_config::Root;
use vitals_core::events::Cause;
use vitals_model::{Outcome, RunReport, Status};

use crate::outgoing::testing::{eventually, serve_over_tls};

/// A server that records requests. `answer` returns the status for each attempt, by its number.
#[derive(Clone)]
struct Sink {
    kept: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicUsize>,
    answer: fn(usize) -> Option<StatusCode>,
}

impl Sink {
    fn new(answer: fn(usize) -> Option<StatusCode>) -> Self {
        Self {
            kept: Arc::default(),
            asked: Arc::default(),
            answer,
        }
    }

    fn router(&self) -> Router {
        let sink = self.clone();
        let take = move |body: String| {
            let sink = sink.clone();
            async move {
                let asked = sink.asked.fetch_add(1, Ordering::AcqRel);
                let Some(status) = (sink.answer)(asked) else {
                    return std::future::pending().await;
                };
                if status.is_success() {
                    let body = serde_json::from_str(&body).unwrap();
                    sink.kept.lock().push(body);
                }
                status
            }
        };
        Router::new().fallback(post(take))
    }

    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.router();
        tokio::spawn(async { axum::serve(listener, router).await });
        address
    }

    async fn start_over_tls(&self, key: &CertifiedKey<KeyPair>) -> SocketAddr {
        serve_over_tls(self.router(), key).await
    }

    /// Returns the new status of each transition received.
    fn turns(&self) -> Vec<String> {
        let kept = self.kept.lock();
        let turn = |it: &Value| format!("{} {}", it["check"], it["event"]).replace('"', "");
        kept.iter().map(turn).collect()
    }

    async fn asked(&self, times: usize) {
        let is_asked = || self.asked.load(Ordering::Acquire) >= times;
        eventually(&format!("{times} requests"), is_asked).await;
    }

    async fn eventually(&self, expected: &[&str]) {
        eventually(&format!("{expected:?}"), || self.turns() == expected).await;
    }
}

fn notifier(text: &str) -> Notifier {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Notifier::new(&text.parse().unwrap(), None)
}

fn webhook(url: &str) -> String {
    format!("[notify.webhooks.ops]\nurl = '{url}'\n")
}

fn turn(notifier: &Notifier, check: &str, before: Option<Status>, status: Status) {
    let outcome = match status {
        Status::Healthy => Outcome::healthy(""),
        Status::Degraded => Outcome::degraded(""),
        _ => Outcome::unhealthy("down"),
    };
    let turn = Transition {
        check: &check.parse().unwrap(),
        facts: None,
        before,
        status,
        report: &RunReport::answered(outcome, Duration::ZERO),
        consecutive_failures: 0,
        cause: Cause::Run,
    };
    notifier.record_transition(&turn);
}

fn fails_and_is_mended(notifier: &Notifier, check: &str) {
    turn(notifier, check, None, Status::Unhealthy);
    turn(notifier, check, Some(Status::Unhealthy), Status::Healthy);
}

#[tokio::test]
async fn a_receiver_gets_everything_in_order_despite_failures() {
    let sink = Sink::new(|asked| {
        Some(match asked {
            0 => StatusCode::SERVICE_UNAVAILABLE,
            2 => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::OK,
        })
    });
    let address = sink.start().await;
    let notifier = notifier(&webhook(&format!("http://{address}/")));
    fails_and_is_mended(&notifier, "a");
    fails_and_is_mended(&notifier, "b");
    sink.eventually(&["a firing", "a resolved", "b firing", "b resolved"])
        .await;
    let kept = sink.kept.lock();
    let ids: std::collections::BTreeSet<_> = kept.iter().map(|it| it["id"].to_string()).collect();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_neither_others_nor_shutdown() {
    let (silent, quick) = (Sink::new(|_| None), Sink::new(|_| Some(StatusCode::OK)));
    let (one, other) = (silent.start().await, quick.start().await);
    let text = format!(
        "[notify.webhooks.a]\nurl = 'http://{one}'\n[notify.webhooks.b]\nurl = 'http://{other}'\n\
         [notify.alertmanager]\nurls = ['http://{one}']"
    );
    let notifier = notifier(&text);
    fails_and_is_mended(&notifier, "a");
    quick.eventually(&["a firing", "a resolved"]).await;
    assert_eq!(silent.turns().len(), 0);
    let end = notifier.shut_down(Duration::from_millis(100));
    assert!(
        tokio::time::timeout(Duration::from_secs(5), end)
            .await
            .is_ok()
    );
    // No notification is sent any more, and the shutdown does not wait.
    fails_and_is_mended(&notifier, "b");
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_the_oldest() {
    let sink = Sink::new(|_| None);
    let address = sink.start().await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = webhook(&format!("http://{address}/")).parse().unwrap();
    let metrics = Metrics::enabled("1", "2");
    let notifier = Notifier::new(&config, metrics.deliveries());
    for _ in 0..600 {
        fails_and_is_mended(&notifier, "a");
    }
    let text = metrics.text();
    for line in [
        r#"vitals_notifications_waiting{receiver="webhook/ops"} 1024"#,
        r#"vitals_notifications_dropped_total{receiver="webhook/ops"} 176"#,
    ] {
        assert!(text.contains(line), "{text}");
    }
    notifier.shut_down(Duration::from_millis(1)).await;
    let text = metrics.text();
    let all = r#"vitals_notifications_dropped_total{receiver="webhook/ops"} 1200"#;
    assert!(text.contains(all), "{text}");
}

#[tokio::test]
async fn waiting_messages_are_sent_once_more_at_shutdown() {
    let sink = Sink::new(|asked| {
        Some(if asked < 3 {
            StatusCode::BAD_GATEWAY
        } else {
            StatusCode::OK
        })
    });
    let address = sink.start().await;
    let notifier = notifier(&webhook(&format!("http://{address}/")));
    fails_and_is_mended(&notifier, "a");
    // The back-off grows; the shutdown interrupts it.
    sink.asked(3).await;
    notifier.shut_down(Duration::from_secs(10)).await;
    assert_eq!(sink.turns(), ["a firing", "a resolved"]);
}

#[tokio::test]
async fn a_tls_receiver_must_be_trusted_by_the_configured_roots() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let pem = directory.path().join("ca.pem");
    std::fs::write(&pem, key.cert.pem()).unwrap();
    let sink = Sink::new(|_| Some(StatusCode::OK));
    let address = sink.start_over_tls(&key).await;
    let text = webhook(&format!("https://localhost:{}/", address.port()));
    let mut config: Config = text.parse().unwrap();
    config.tls.roots = vec![Root::File(directory.path().join("none.pem"))];
    let _ = rustls::crypto::ring::default_provider().install_default();
    let notifier = Notifier::new(&config, None);
    fails_and_is_mended(&notifier, "a");
    config.tls.roots = vec![Root::System];
    notifier.apply_config(&config, false);
    turn(&notifier, "b", None, Status::Unhealthy);
    assert_eq!(sink.turns().len(), 0);
    // Waiting messages are kept, and are sent to the new target at once.
    config.tls.roots = vec![Root::File(pem)];
    notifier.apply_config(&config, false);
    sink.eventually(&["a firing", "a resolved", "b firing"])
        .await;
}

/// Starts a server that accepts everything, the first request only after a delay.
async fn slow_at_first(sink: &Sink) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sink = sink.clone();
    let take = move |body: String| {
        let sink = sink.clone();
        async move {
            if sink.asked.fetch_add(1, Ordering::AcqRel) == 0 {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            let body = serde_json::from_str(&body).unwrap();
            sink.kept.lock().push(body);
        }
    };
    let router = Router::new().fallback(post(take));
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn a_webhook_that_is_removed_and_added_keeps_its_order_and_series() {
    let sink = Sink::new(|_| None);
    let address = slow_at_first(&sink).await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let with = webhook(&format!("http://{address}/")).parse().unwrap();
    let metrics = Metrics::enabled("1", "2");
    let notifier = Notifier::new(&with, metrics.deliveries());
    turn(&notifier, "a", None, Status::Unhealthy);
    sink.asked(1).await;
    notifier.apply_config(&Config::default(), false);
    // The configuration does not name it, so it is not notified.
    turn(&notifier, "b", None, Status::Unhealthy);
    notifier.apply_config(&with, false);
    turn(&notifier, "c", None, Status::Unhealthy);
    sink.eventually(&["a firing", "c firing"]).await;
    notifier.shut_down(Duration::from_secs(20)).await;
    let text = metrics.text();
    for line in [
        r#"vitals_notifications_total{receiver="webhook/ops",result="sent"} 2"#,
        r#"vitals_notifications_waiting{receiver="webhook/ops"} 0"#,
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn a_removed_webhook_is_drained_even_at_shutdown_and_loses_its_series() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (one, other) = (Sink::new(|_| None), Sink::new(|_| None));
    for (sink, ends) in [(one, true), (other, false)] {
        let address = slow_at_first(&sink).await;
        let with = webhook(&format!("http://{address}/")).parse().unwrap();
        let metrics = Metrics::enabled("1", "2");
        let notifier = Notifier::new(&with, metrics.deliveries());
        turn(&notifier, "a", None, Status::Unhealthy);
        notifier.apply_config(&Config::default(), false);
        if ends {
            notifier.shut_down(Duration::from_secs(20)).await;
            assert_eq!(sink.turns(), ["a firing"]);
            continue;
        }
        sink.eventually(&["a firing"]).await;
        let is_removed = || !metrics.text().contains("webhook/ops");
        eventually("the removal of the series", is_removed).await;
    }
}
