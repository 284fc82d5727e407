//! A dependency breaks and is mended: the shipped rule fires in a real Prometheus, a real Alertmanager with
//! the example's routes tells who is called, and tells again when it is over.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use serde_json::Value;
use vitals_tests::{Mounted, Process, Reply, Target, Vitals, eventually, guests};

use super::quick;

/// What Alertmanager told, and whom.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<(String, Value)>>>);

impl Told {
    /// A receiver of webhooks on a free port, whose paths are the names of those who are told.
    async fn here() -> (Mounted, Self) {
        let told = Self::default();
        let hear = async |State(told): State<Self>, Path(whom): Path<String>, text: String| {
            let message = serde_json::from_str(&text).unwrap_or_default();
            told.lock().push((whom, message));
        };
        let routes = Router::new().route("/{whom}", post(hear));
        (Mounted::serve(routes.with_state(told.clone())).await, told)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, Value)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody was told that an alert on a check is in a state.
    async fn eventually(&self, whom: &str, name: &str, check: &str, state: &str) -> Value {
        eventually(
            &format!("{whom} is told: {name}, {check}, {state}"),
            async || {
                let told = self.lock();
                let mut messages = told.iter().filter(|(told, _)| told == whom);
                let alert = messages.find_map(|(_, message)| {
                    let mut alerts = message["alerts"].as_array()?.iter();
                    alerts.find(|alert| {
                        alert["status"] == state
                            && alert["labels"]["alertname"] == name
                            && alert["labels"]["check"] == check
                    })
                });
                alert.cloned().ok_or_else(|| format!("{told:#?}"))
            },
        )
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dependency_that_breaks_is_told_of_by_rule_and_told_of_again_when_it_is_mended() {
    let shop = Target::start(Reply::ok("open"));
    let config = format!(
        "metrics = {{ enabled = true }}\n[defaults]\ninterval = '500ms'\ntimeout = '500ms'\n\
         [checks.shop]\nplugin = 'http'\nconfig = {{ url = '{}' }}\n\
         [checks.mirror]\nplugin = 'http'\ncritical = false\nconfig = {{ url = '{}' }}\n",
        shop.url("/health"),
        shop.url("/mirror"),
    );
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .config(&config)
        .plugin("http", guests::HTTP)
        .serve()
        .await;
    let (webhook, told) = Told::here().await;
    let alertmanager = quick::alertmanager(webhook.address());
    let node = Process::node_exporter();
    let prometheus = quick::prometheus(
        &[host.address()],
        node.address(),
        Some(alertmanager.address()),
    );
    eventually("Prometheus sees the host well", async || {
        let ready = prometheus.value("vitals_ready").await?;
        let alerts = prometheus.query("ALERTS").await?;
        (ready == Some(1.0) && alerts.is_empty())
            .then_some(())
            .ok_or_else(|| format!("{ready:?}, {alerts:?}"))
    })
    .await;
    assert!(told.lock().is_empty(), "{told:?}");

    shop.reply(Reply::status("503 Service Unavailable", "closed"));
    let alert = told
        .eventually("pager", "VitalsCheckUnhealthy", "shop", "firing")
        .await;
    assert_eq!(alert["labels"]["severity"], "critical", "{alert:#}");
    assert_eq!(alert["labels"]["plugin"], "http", "{alert:#}");
    assert_eq!(
        alert["annotations"]["summary"], "shop is unhealthy",
        "{alert:#}"
    );
    told.eventually("tickets", "VitalsCheckUnhealthy", "mirror", "firing")
        .await;
    // That the host is not ready is no news besides.
    eventually("what follows from it is held back", async || {
        let alerts = alertmanager.alerts().await?;
        let mut held = alerts
            .iter()
            .filter(|alert| alert["status"]["state"] == "suppressed");
        held.any(|alert| alert["labels"]["alertname"] == "VitalsNotReady")
            .then_some(())
            .ok_or_else(|| format!("{alerts:#?}"))
    })
    .await;

    shop.reply(Reply::ok("open again"));
    for (whom, check) in [("pager", "shop"), ("tickets", "mirror")] {
        told.eventually(whom, "VitalsCheckUnhealthy", check, "resolved")
            .await;
    }
}
