//! A dependency breaks and is mended. It is told of by both ways: the shipped rule fires in a real
//! Prometheus, and the host notifies by itself. A real Alertmanager with the example's routes tells who is
//! called, and tells again when it is over.

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

    /// Waits until somebody was told that a check is unhealthy, or is so no longer.
    async fn eventually(&self, whom: &str, route: Route, check: &str, state: &str) -> Value {
        eventually(
            &format!("{whom} is told: {check}, {state}, by {route:?}"),
            async || {
                let told = self.lock();
                let mut messages = told.iter().filter(|(told, _)| told == whom);
                let alert = messages.find_map(|(_, message)| {
                    let mut alerts = message["alerts"].as_array()?.iter();
                    alerts.find(|alert| {
                        alert["status"] == state
                            && alert["labels"]["alertname"] == "VitalsCheckUnhealthy"
                            && route == Route::of(alert)
                            && alert["labels"]["check"] == check
                    })
                });
                alert.cloned().ok_or_else(|| format!("{told:#?}"))
            },
        )
        .await
    }

    /// Waits until the host has told its own webhook of the shop.
    async fn at_the_desk(&self, event: &str) {
        eventually(&format!("the desk is told: {event}"), async || {
            let told = self.lock();
            let mut posted = told.iter().filter(|(whom, _)| whom == "desk");
            posted
                .any(|(_, message)| message["check"] == "shop" && message["event"] == event)
                .then_some(())
                .ok_or_else(|| format!("{told:#?}"))
        })
        .await;
    }
}

/// How news come to Alertmanager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// Of Prometheus, which scrapes.
    Rule,
    /// Of the host itself.
    Notification,
}

impl Route {
    const BOTH: [Self; 2] = [Self::Rule, Self::Notification];

    fn of(alert: &Value) -> Self {
        match alert["labels"]["instance"].as_str() {
            Some(INSTANCE) => Self::Notification,
            _ => Self::Rule,
        }
    }
}

/// What the host calls itself in notifications.
const INSTANCE: &str = "the-shop's";

#[tokio::test(flavor = "multi_thread")]
async fn a_dependency_that_breaks_is_told_of_by_rule_and_by_notification_and_so_is_its_mending() {
    let shop = Target::start(Reply::ok("open"));
    let (webhook, told) = Told::here().await;
    let alertmanager = quick::alertmanager(webhook.address());
    let config = format!(
        "metrics = {{ enabled = true }}\n[defaults]\ninterval = '500ms'\ntimeout = '500ms'\n\
         [checks.shop]\nplugin = 'http'\nconfig = {{ url = '{}' }}\n\
         [checks.mirror]\nplugin = 'http'\ncritical = false\nconfig = {{ url = '{}' }}\n\
         [notify]\ninstance = \"{INSTANCE}\"\n\
         [notify.alertmanager]\nurls = ['http://{}']\n\
         [notify.webhooks.desk]\nurl = 'http://{}/desk'\n",
        shop.url("/health"),
        shop.url("/mirror"),
        alertmanager.address(),
        webhook.address(),
    );
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .config(&config)
        .plugin("http", guests::HTTP)
        .serve()
        .await;
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
    for route in Route::BOTH {
        let alert = told.eventually("pager", route, "shop", "firing").await;
        assert_eq!(alert["labels"]["severity"], "critical", "{alert:#}");
        assert_eq!(alert["labels"]["plugin"], "http", "{alert:#}");
        let summary = alert["annotations"]["summary"].as_str().unwrap_or_default();
        assert!(summary.ends_with("shop is unhealthy"), "{alert:#}");
        told.eventually("tickets", route, "mirror", "firing").await;
    }
    told.at_the_desk("firing").await;
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
    for route in Route::BOTH {
        told.eventually("pager", route, "shop", "resolved").await;
        told.eventually("tickets", route, "mirror", "resolved")
            .await;
    }
    told.at_the_desk("resolved").await;
}
