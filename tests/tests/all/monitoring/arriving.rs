//! A dependency fails and recovers. Both ways of alerting notice it: the rule in a real Prometheus, and
//! the notification of the host. A real Alertmanager with the routes of the example notifies the right
//! receivers, and again when it is over.

use serde_json::Value;
use vitals_tests::{Inbox, Process, Reply, Target, Vitals, eventually, guests};

use super::quick;

/// The way of an alert to Alertmanager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// Through Prometheus, which scrapes.
    Rule,
    /// From the host itself.
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

/// The name of the host in notifications.
const INSTANCE: &str = "the-shop's";

/// Waits until Alertmanager has notified a receiver that a check fails, or no longer does.
async fn notified(inbox: &Inbox, receiver: &str, route: Route, check: &str, state: &str) -> Value {
    let what = format!("{receiver} is notified: {check}, {state}, by {route:?}");
    eventually(&what, async || {
        let posted = inbox.posted();
        let messages = posted.iter().filter(|it| it.path == format!("/{receiver}"));
        let mut alerts = messages.flat_map(|it| it.body["alerts"].as_array().into_iter().flatten());
        let alert = alerts.find(|alert| {
            alert["status"] == state
                && alert["labels"]["alertname"] == "VitalsCheckUnhealthy"
                && route == Route::of(alert)
                && alert["labels"]["check"] == check
        });
        alert.cloned().ok_or_else(|| format!("{posted:#?}"))
    })
    .await
}

/// Waits until the webhook of the host is notified about the shop.
async fn webhook_notified(inbox: &Inbox, event: &str) {
    eventually(&format!("the webhook is notified: {event}"), async || {
        let posted = inbox.posted();
        let is_it = posted.iter().any(|it| {
            it.path == "/desk" && it.body["check"] == "shop" && it.body["event"] == event
        });
        is_it.then_some(()).ok_or_else(|| format!("{posted:#?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_dependency_alerts_by_rule_and_by_notification_until_it_recovers() {
    let shop = Target::start(Reply::ok("open"));
    let inbox = Inbox::start().await;
    let alertmanager = quick::alertmanager(&inbox.url("").replace("http://", ""));
    let config = format!(
        "metrics = {{ enabled = true }}\n[defaults]\ninterval = '500ms'\ntimeout = '500ms'\n\
         [checks.shop]\nplugin = 'http'\nconfig = {{ url = '{}' }}\n\
         [checks.mirror]\nplugin = 'http'\ncritical = false\nconfig = {{ url = '{}' }}\n\
         [notify]\ninstance = \"{INSTANCE}\"\n\
         [notify.alertmanager]\nurls = ['{}']\n\
         [notify.webhooks.desk]\nurl = '{}'\n",
        shop.url("/health"),
        shop.url("/mirror"),
        alertmanager.url(),
        inbox.url("/desk"),
    );
    let host = Vitals::host(&config, [guests::HTTP]).serve().await;
    let node = Process::node_exporter();
    let prometheus = quick::prometheus(
        &[host.address()],
        node.address(),
        Some(alertmanager.address()),
    );
    eventually("Prometheus scrapes a healthy host", async || {
        let ready = prometheus.value("vitals_ready").await?;
        let alerts = prometheus.query("ALERTS").await?;
        (ready == Some(1.0) && alerts.is_empty())
            .then_some(())
            .ok_or_else(|| format!("{ready:?}, {alerts:?}"))
    })
    .await;
    assert!(inbox.posted().is_empty(), "{:?}", inbox.posted());

    shop.reply(Reply::status("503 Service Unavailable", "closed"));
    for route in Route::BOTH {
        let alert = notified(&inbox, "pager", route, "shop", "firing").await;
        assert_eq!(alert["labels"]["severity"], "critical", "{alert:#}");
        assert_eq!(alert["labels"]["plugin"], "http", "{alert:#}");
        let summary = alert["annotations"]["summary"].as_str().unwrap_or_default();
        assert!(summary.ends_with("shop is unhealthy"), "{alert:#}");
        notified(&inbox, "tickets", route, "mirror", "firing").await;
    }
    webhook_notified(&inbox, "firing").await;
    // The example inhibits the alert that the host is not ready.
    eventually("the consequence is suppressed", async || {
        let alerts = alertmanager.alerts().await?;
        let is_suppressed = alerts.iter().any(|alert| {
            let name = &alert["labels"]["alertname"];
            alert["status"]["state"] == "suppressed" && name == "VitalsNotReady"
        });
        is_suppressed
            .then_some(())
            .ok_or_else(|| format!("{alerts:#?}"))
    })
    .await;

    shop.reply(Reply::ok("open again"));
    for route in Route::BOTH {
        notified(&inbox, "pager", route, "shop", "resolved").await;
        notified(&inbox, "tickets", route, "mirror", "resolved").await;
    }
    webhook_notified(&inbox, "resolved").await;
}
