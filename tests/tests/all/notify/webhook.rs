//! Webhooks: what they are posted, and what becomes of it when they are not well themselves.

use std::time::Duration;

use insta::{Settings, assert_json_snapshot};
use serde_json::Value;
use vitals_host::check::Status;
use vitals_tests::servers::free_address;
use vitals_tests::{Inbox, Reception, TestHost, Vitals, eventually, guests};

use super::{OFTEN, Patient, so_many, value};
use crate::docs::markdown::{Part, ticked};

#[tokio::test]
async fn the_page_shows_what_is_sent_and_a_valid_configuration() {
    let inbox = Inbox::start().await;
    let config = format!("[notify.webhooks.ops]\nurl = '{}'", inbox.url("/"));
    let builder = TestHost::builder().config(&config);
    let patient = Patient::new(Status::Unhealthy);
    let host = patient.watched_as("native", builder).start().await;
    let sent = so_many("notifications", 1, || inbox.taken())
        .await
        .remove(0);
    host.stop().await;
    let page = Part::of("docs/notifications.md");
    let code = page.code();
    let shown: Value = serde_json::from_str(&code[1].text).expect("JSON");
    let keys = |value: &Value| -> Vec<String> {
        let object = value.as_object().expect("an object");
        object.keys().cloned().collect()
    };
    assert_eq!(keys(&shown), keys(&sent));
    let rows = page.tables().remove(1);
    let told: Vec<_> = rows.iter().flat_map(|row| ticked(&row[0])).collect();
    for key in told {
        assert!(shown.get(key).is_some(), "{key}");
    }
    assert_eq!(code[0].language, "toml");
    let vitals = Vitals::new(["validate"]).env("CHAT_TOKEN", "a-token");
    let ended = vitals.config(&code[0].text).run();
    assert_eq!(ended.status, Some(0), "{ended:?}");
}

fn turns(inbox: &Inbox) -> Vec<String> {
    let turn = |body: Value| {
        let text = format!("{} {} to {}", body["check"], body["event"], body["to"]);
        text.replace('"', "")
    };
    inbox.taken().into_iter().map(turn).collect()
}

async fn eventually_told(inbox: &Inbox, expected: &[&str]) {
    so_many("notifications", expected.len(), || turns(inbox)).await;
    assert_eq!(turns(inbox), expected);
}

#[tokio::test]
async fn each_transition_is_posted_as_json_and_nothing_else_is() {
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
        .plugin("status", guests::STATUS)
        .reloading()
        .start()
        .await;
    host.health().await;
    host.reconfigure(&config("{ fail = 'panic', message = 'lost it' }"));
    host.reload(&[]).await;
    eventually_told(&inbox, &["orders firing to unhealthy"]).await;
    host.reconfigure(&config("{ message = 'all is well again' }"));
    host.reload(&[]).await;
    let both = ["orders firing to unhealthy", "orders resolved to healthy"];
    eventually_told(&inbox, &both).await;
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
async fn degraded_is_told_where_it_is_asked_for_and_details_go_along() {
    let (inbox, default) = (Inbox::start().await, Inbox::start().await);
    let patient = Patient::new(Status::Healthy);
    let host = async |on: &str, inbox: &Inbox| {
        let builder = TestHost::builder().config(&format!(
            "{OFTEN}[notify]\n{on}\n[notify.webhooks.ops]\nurl = '{}'",
            inbox.url("/")
        ));
        let host = patient.watched_as("native", builder).start().await;
        host.health().await;
        host
    };
    let telling = host("on = ['unhealthy', 'degraded']", &inbox).await;
    let by_default = host("", &default).await;
    for (status, word) in [
        (Status::Degraded, "degraded"),
        (Status::Unhealthy, "unhealthy"),
        (Status::Healthy, "healthy"),
    ] {
        patient.is(status);
        for host in [&telling, &by_default] {
            let is_so = |check: &Value| check["status"] == word;
            host.eventually_check("native", word, is_so).await;
        }
    }
    let expected = [
        "native firing to degraded",
        "native firing to unhealthy",
        "native resolved to healthy",
    ];
    eventually_told(&inbox, &expected).await;
    eventually_told(&default, &expected[1..]).await;
    let taken = inbox.taken();
    assert_eq!(taken[1]["details"], serde_json::json!({ "rack": 7 }));
    assert_eq!(taken[1]["since"], taken[0]["at"]);
    let severities: Vec<_> = taken.iter().map(|body| &body["severity"]).collect();
    assert_eq!(severities, ["warning", "critical", "critical"]);
    assert_eq!(taken[0]["plugin"], Value::Null);
}

#[tokio::test]
async fn one_that_is_busy_is_left_alone_and_gets_everything_in_order_then() {
    let inbox = Inbox::receiving(Reception::Busy(2)).await;
    let patient = Patient::new(Status::Unhealthy);
    let config = format!("{OFTEN}[notify.webhooks.ops]\nurl = '{}'", inbox.url("/"));
    let builder = TestHost::builder().config(&config);
    let host = patient.watched_as("native", builder).start().await;
    so_many("requests", 1, || inbox.posted()).await;
    inbox.receive(Reception::Takes);
    patient.is(Status::Healthy);
    let is_so = |check: &Value| check["status"] == "healthy";
    host.eventually_check("native", "healthy", is_so).await;
    let both = ["native firing to unhealthy", "native resolved to healthy"];
    eventually_told(&inbox, &both).await;
    let posted = inbox.posted();
    assert_eq!(posted[0].body["id"], posted[1].body["id"]);
    let left_alone = posted[1].at.duration_since(posted[0].at);
    assert!(left_alone >= Duration::from_secs(2), "{left_alone:?}");
}

#[tokio::test]
async fn one_that_never_answers_holds_up_neither_another_nor_checks_nor_the_end() {
    let (silent, quick) = (
        Inbox::receiving(Reception::Silent).await,
        Inbox::start().await,
    );
    let patient = Patient::new(Status::Unhealthy);
    let builder = TestHost::builder().config(&format!(
        "{OFTEN}[notify.webhooks.a]\nurl = '{}'\n[notify.webhooks.b]\nurl = '{}'",
        silent.url("/"),
        quick.url("/")
    ));
    let host = patient.watched_as("native", builder).start().await;
    eventually_told(&quick, &["native firing to unhealthy"]).await;
    patient.is(Status::Healthy);
    let both = ["native firing to unhealthy", "native resolved to healthy"];
    eventually_told(&quick, &both).await;
    let posted = so_many("requests", 1, || silent.posted()).await;
    assert_eq!(posted.len(), 1, "the first is still under way");
    host.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_said_and_not_sent_once_more_and_no_secret_gets_out() {
    let inbox = Inbox::receiving(Reception::Answers(401)).await;
    let nobody = free_address();
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .env("TOKEN", "hunter2-token")
        .env("VITALS_LOG", "trace")
        .env("PATH_OF_IT", "hunter2-path")
        .config(&format!(
            "[metrics]\nenabled = true\n{OFTEN}\
             [notify.webhooks.ops]\nurl = '{}'\nheaders = {{ X-Token = '${{TOKEN}}' }}\n\
             [notify.webhooks.away]\nurl = 'http://{nobody}/${{PATH_OF_IT}}?key=hunter2-key'\n\
             [notify.alertmanager]\nurls = ['http://{nobody}']\nusername = 'hunter'\n\
             password = 'hunter2-password'\n\
             [checks.orders]\nplugin = 'status'\n\
             config = {{ status = 'unhealthy', message = 'it says hunter2-token hunter2-password' }}\n",
            inbox.url("/")
        ))
        .plugin("status", guests::STATUS)
        .serve()
        .await;
    let metrics = eventually("both are in trouble", async || {
        let page = host.get("/metrics").await?.body;
        let count = |receiver: &str, result: &str| {
            let series = format!(
                "vitals_notifications_total{{receiver=\"{receiver}\",result=\"{result}\"}}"
            );
            value(&page, &series).unwrap_or_default()
        };
        let fits = count("webhook/ops", "refused") >= 1.0
            && count("webhook/away", "failed") >= 2.0
            && count(&format!("alertmanager/{nobody}"), "failed") >= 2.0;
        if fits {
            Ok(page.clone())
        } else {
            Err(page.clone())
        }
    })
    .await;
    assert_eq!(inbox.posted().len(), 1);
    assert!(!metrics.contains("hunter2"), "{metrics}");
    let log = host.log().join("\n");
    let refused = log
        .lines()
        .find(|line| line.contains("notification rejected by its receiver"));
    let refused = refused.unwrap_or_else(|| panic!("{log}"));
    assert!(refused.contains("401"), "{refused}");
    let ours: Vec<_> = log
        .lines()
        .filter(|line| line.contains("hunter2"))
        .collect();
    assert!(ours.is_empty(), "{ours:#?}");
    let check = host.get("/health/checks/orders").await.expect("it answers");
    let said = check.json()["message"].to_string();
    assert_eq!(said, "\"it says [redacted] [redacted]\"");
}

#[tokio::test]
async fn another_configuration_loses_nothing_that_waits() {
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
    let host = TestHost::builder()
        .config(&config(&away.url("/")))
        .plugin("status", guests::STATUS)
        .reloading()
        .start()
        .await;
    so_many("requests", 1, || away.posted()).await;
    so_many("requests", 1, || stays.posted()).await;
    host.reconfigure(&config(&new.url("/")));
    host.reload(&[]).await;
    eventually_told(&new, &["orders firing to unhealthy"]).await;
    stays.receive(Reception::Takes);
    eventually_told(&stays, &["orders firing to unhealthy"]).await;
    // It is told once: a new way is no news.
    host.reconfigure(&format!("{}[metrics]\n", config(&new.url("/other"))));
    host.reload(&[]).await;
    host.stop().await;
    assert_eq!(turns(&new).len(), 1);
    assert_eq!(turns(&stays).len(), 1);
}

#[tokio::test]
async fn what_waits_at_the_end_is_tried_once_more() {
    let inbox = Inbox::receiving(Reception::Busy(600)).await;
    let patient = Patient::new(Status::Unhealthy);
    let config = format!("{OFTEN}[notify.webhooks.ops]\nurl = '{}'", inbox.url("/"));
    let builder = TestHost::builder().config(&config);
    let host = patient.watched_as("native", builder).start().await;
    so_many("requests", 1, || inbox.posted()).await;
    inbox.receive(Reception::Takes);
    host.stop().await;
    assert_eq!(turns(&inbox), ["native firing to unhealthy"]);
}
