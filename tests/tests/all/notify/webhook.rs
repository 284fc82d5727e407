//! Webhooks: the requests to them, and what happens if they fail. Receivers that hang are tested beside
//! the notifier.

use std::time::Duration;

use insta::{Settings, assert_json_snapshot};
use serde_json::Value;
use vitals_host::check::Status;
use vitals_tests::guests::STATUS;
use vitals_tests::servers::free_address;
use vitals_tests::{Inbox, Reception, TestHost, Vitals, eventually, sample, when};

use super::{OFTEN, Patient, so_many};
use crate::docs::markdown::{Part, ticked};

/// The configuration of one webhook.
fn webhook(inbox: &Inbox) -> String {
    format!("[notify.webhooks.ops]\nurl = '{}'\n", inbox.url("/"))
}

#[tokio::test]
async fn the_page_shows_what_is_sent_and_a_valid_configuration() {
    let inbox = Inbox::start().await;
    let patient = Patient::new(Status::Unhealthy);
    let _host = patient.watched(&webhook(&inbox)).start().await;
    let sent = so_many("notifications", 1, || inbox.taken()).await;
    let page = Part::of("docs/notifications.md");
    let code = page.code();
    let shown: Value = serde_json::from_str(&code[1].text).expect("JSON");
    let keys = |value: &Value| -> Vec<String> {
        let object = value.as_object().expect("an object");
        object.keys().cloned().collect()
    };
    assert_eq!(keys(&shown), keys(&sent[0]));
    let rows = page.tables().remove(1);
    for key in rows.iter().flat_map(|row| ticked(&row[0])) {
        assert!(shown.get(key).is_some(), "{key}");
    }
    assert_eq!(code[0].language, "toml");
    let vitals = Vitals::new(["validate"]).env("CHAT_TOKEN", "a-token");
    vitals.config(&code[0].text).exits(0);
}

fn transitions(inbox: &Inbox) -> Vec<String> {
    let transition = |body: Value| {
        let text = format!("{} {} to {}", body["check"], body["event"], body["to"]);
        text.replace('"', "")
    };
    inbox.taken().into_iter().map(transition).collect()
}

async fn eventually_notified(inbox: &Inbox, expected: &[&str]) {
    so_many("notifications", expected.len(), || transitions(inbox)).await;
    assert_eq!(transitions(inbox), expected);
}

#[tokio::test]
async fn exactly_the_transitions_are_posted_as_json() {
    let inbox = Inbox::start().await;
    let config = |settings: &str| {
        format!(
            "{OFTEN}[notify]\nexternal_url = 'https://vitals.test'\ninstance = 'eu-1'\n\
             [notify.webhooks.ops]\nurl = '{}'\nheaders = {{ Authorization = 'Bearer ${{TOKEN}}' }}\n\
             [checks.orders]\nplugin = 'status'\nconfig = {settings}\n\
             [checks.fine]\nplugin = 'status'\n",
            inbox.url("/hook/path")
        )
    };
    let host = TestHost::builder()
        .env("TOKEN", "hunter2-token")
        .config(&config("{ message = 'all is well' }"))
        .guests([STATUS])
        .reloading()
        .start()
        .await;
    host.health().await;
    host.reconfigure(&config("{ fail = 'panic', message = 'lost it' }"));
    host.reload(&[]).await;
    eventually_notified(&inbox, &["orders firing to unhealthy"]).await;
    host.reconfigure(&config("{ message = 'all is well again' }"));
    host.reload(&[]).await;
    let both = ["orders firing to unhealthy", "orders resolved to healthy"];
    eventually_notified(&inbox, &both).await;
    let mut settings = Settings::clone_current();
    for key in ["id", "at", "since"] {
        settings.add_redaction(&format!("[].{key}"), format!("[{key}]"));
    }
    settings.bind(|| assert_json_snapshot!(inbox.taken()));
    let posted = inbox.posted();
    for one in &posted {
        assert_eq!(one.path, "/hook/path");
        assert_eq!(one.headers["authorization"], "Bearer hunter2-token");
        assert_eq!(one.headers["content-type"], "application/json");
    }
    let [firing, resolved] = [&posted[0].body, &posted[1].body];
    assert_eq!(firing["since"], firing["at"]);
    assert_eq!(resolved["since"], firing["at"]);
    assert_ne!(firing["id"], resolved["id"]);
}

#[tokio::test]
async fn degraded_checks_notify_if_the_configuration_says_so() {
    let (inbox, default) = (Inbox::start().await, Inbox::start().await);
    let patient = Patient::new(Status::Healthy);
    let host = async |on: &str, inbox: &Inbox| {
        let config = format!("[notify]\n{on}\n{}", webhook(inbox));
        let host = patient.watched(&config).start().await;
        host.health().await;
        host
    };
    let of_degraded = host("on = ['unhealthy', 'degraded']", &inbox).await;
    let by_default = host("", &default).await;
    for (status, word) in [
        (Status::Degraded, "degraded"),
        (Status::Unhealthy, "unhealthy"),
        (Status::Healthy, "healthy"),
    ] {
        patient.is(status);
        for host in [&of_degraded, &by_default] {
            let is_so = |check: &Value| check["status"] == word;
            host.eventually_check("native", word, is_so).await;
        }
    }
    let expected = [
        "native firing to degraded",
        "native firing to unhealthy",
        "native resolved to healthy",
    ];
    eventually_notified(&inbox, &expected).await;
    eventually_notified(&default, &expected[1..]).await;
    let taken = inbox.taken();
    assert_eq!(taken[1]["details"], serde_json::json!({ "rack": 7 }));
    assert_eq!(taken[1]["since"], taken[0]["at"]);
    let severities: Vec<_> = taken.iter().map(|body| &body["severity"]).collect();
    assert_eq!(severities, ["warning", "critical", "critical"]);
    assert_eq!(taken[0]["plugin"], Value::Null);
}

#[tokio::test]
async fn a_busy_receiver_gets_its_pause_and_then_everything_in_order() {
    let inbox = Inbox::receiving(Reception::Busy(2)).await;
    let patient = Patient::new(Status::Unhealthy);
    let host = patient.watched(&webhook(&inbox)).start().await;
    so_many("requests", 1, || inbox.posted()).await;
    inbox.receive(Reception::Takes);
    patient.is(Status::Healthy);
    let is_so = |check: &Value| check["status"] == "healthy";
    host.eventually_check("native", "healthy", is_so).await;
    let both = ["native firing to unhealthy", "native resolved to healthy"];
    eventually_notified(&inbox, &both).await;
    let posted = inbox.posted();
    assert_eq!(posted[0].body["id"], posted[1].body["id"]);
    let pause = posted[1].at.duration_since(posted[0].at);
    assert!(pause >= Duration::from_secs(2), "{pause:?}");
}

#[tokio::test]
async fn a_rejected_notification_is_logged_and_not_repeated_and_no_secret_is_shown() {
    let inbox = Inbox::receiving(Reception::Answers(401)).await;
    let nobody = free_address();
    let config = format!(
        "[metrics]\nenabled = true\n{OFTEN}{}headers = {{ X-Token = '${{TOKEN}}' }}\n\
         [notify.webhooks.away]\nurl = 'http://{nobody}/${{PATH_OF_IT}}?key=hunter2-key'\n\
         [notify.alertmanager]\nurls = ['http://{nobody}']\nusername = 'hunter'\n\
         password = 'hunter2-password'\n\
         [checks.orders]\nplugin = 'status'\n\
         config = {{ status = 'unhealthy', message = 'it says hunter2-token hunter2-password' }}\n",
        webhook(&inbox)
    );
    let host = Vitals::host(&config, [STATUS])
        .env("TOKEN", "hunter2-token")
        .env("VITALS_LOG", "trace")
        .env("PATH_OF_IT", "hunter2-path")
        .serve()
        .await;
    let metrics = eventually("all of them fail", async || {
        let page = host.get("/metrics").await?.body;
        let count = |receiver: &str, result: &str| {
            let series = format!(
                "vitals_notifications_total{{receiver=\"{receiver}\",result=\"{result}\"}}"
            );
            sample(&page, &series).unwrap_or_default()
        };
        let is_so = count("webhook/ops", "refused") >= 1.0
            && count("webhook/away", "failed") >= 2.0
            && count(&format!("alertmanager/{nobody}"), "failed") >= 2.0;
        when(is_so, page.clone())
    })
    .await;
    assert_eq!(inbox.posted().len(), 1);
    assert!(!metrics.contains("hunter2"), "{metrics}");
    let rejected = "notification rejected by its receiver";
    let rejected = host.eventually_logs(rejected).await;
    assert!(rejected.contains("401"), "{rejected}");
    let mut log = host.log();
    log.retain(|line| line.contains("hunter2"));
    assert!(log.is_empty(), "{log:#?}");
    let check = host.get("/health/checks/orders").await;
    let message = &check.expect("it responds").json()["message"];
    assert_eq!(message, "it says [redacted] [redacted]");
}

#[tokio::test]
async fn a_new_configuration_keeps_waiting_notifications() {
    let (away, stays) = (
        Inbox::receiving(Reception::Answers(503)).await,
        Inbox::receiving(Reception::Busy(1)).await,
    );
    let new = Inbox::start().await;
    let config = |url: &str| {
        format!(
            "[notify.webhooks.moves]\nurl = '{url}'\n[notify.webhooks.stays]\nurl = '{}'\n\
             [checks.orders]\nplugin = 'status'\nconfig = {{ status = 'unhealthy' }}\n",
            stays.url("/")
        )
    };
    let builder = TestHost::builder().config(&config(&away.url("/")));
    let host = builder.guests([STATUS]).reloading().start().await;
    so_many("requests", 1, || away.posted()).await;
    so_many("requests", 1, || stays.posted()).await;
    host.reconfigure(&config(&new.url("/")));
    host.reload(&[]).await;
    eventually_notified(&new, &["orders firing to unhealthy"]).await;
    stays.receive(Reception::Takes);
    eventually_notified(&stays, &["orders firing to unhealthy"]).await;
    // A new URL causes no new notification.
    host.reconfigure(&format!("{}[metrics]\n", config(&new.url("/other"))));
    host.reload(&[]).await;
    host.stop().await;
    assert_eq!(transitions(&new).len(), 1);
    assert_eq!(transitions(&stays).len(), 1);
}

#[tokio::test]
async fn a_waiting_notification_is_sent_once_more_at_shutdown() {
    let inbox = Inbox::receiving(Reception::Busy(600)).await;
    let patient = Patient::new(Status::Unhealthy);
    let host = patient.watched(&webhook(&inbox)).start().await;
    so_many("requests", 1, || inbox.posted()).await;
    inbox.receive(Reception::Takes);
    host.stop().await;
    assert_eq!(transitions(&inbox), ["native firing to unhealthy"]);
}
