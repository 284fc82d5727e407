//! A real Alertmanager, and what it passes on.

use serde_json::{Value, json};
use vitals_host::check::Status;
use vitals_tests::servers::{check_metrics, free_address};
use vitals_tests::{Alertmanager, Inbox, Serving, TestHost, Vitals, eventually, guests};

use super::{OFTEN, Patient, so_many, value};

/// What an Alertmanager has passed on: each alert with its status, in order.
fn passed_on(inbox: &Inbox) -> Vec<Value> {
    let taken = inbox.taken().into_iter();
    taken
        .flat_map(|body| body["alerts"].as_array().cloned().unwrap_or_default())
        .collect()
}

fn statuses(inbox: &Inbox) -> Vec<String> {
    let alerts = passed_on(inbox).into_iter();
    alerts
        .map(|alert| format!("{} {}", alert["labels"]["check"], alert["status"]).replace('"', ""))
        .collect()
}

async fn eventually_passed_on(inbox: &Inbox, expected: &[&str]) {
    so_many("alerts are passed on", expected.len(), || statuses(inbox)).await;
    assert_eq!(statuses(inbox), expected);
}

/// A time of RFC 3339 in UTC that can be compared, however many digits it was written with.
fn moment(time: &Value) -> String {
    let time = time.as_str().expect("a time");
    let time = time.strip_suffix('Z').expect("a time in UTC");
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    format!("{seconds}.{fraction:0<9}")
}

fn is_clean(metrics: &str) {
    let said = check_metrics(metrics);
    let of_ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("vitals_notifications"))
        .collect();
    assert!(of_ours.is_empty(), "{of_ours:#?}");
    let of_syntax = said.contains("error while linting") || said.contains("text format parsing");
    assert!(!of_syntax, "{said}");
}

async fn metric(host: &Serving, series: &str) -> f64 {
    let page = host.get("/metrics").await.expect("it answers");
    value(page.text(), series).unwrap_or_default()
}

/// Waits until so many more requests have arrived at the Alertmanager.
async fn rounds(host: &Serving, alertmanager: &Alertmanager, count: u32) {
    let receiver = alertmanager.url().replace("http://", "");
    let series = format!(
        "vitals_notifications_total{{receiver=\"alertmanager/{receiver}\",result=\"sent\"}}"
    );
    let before = metric(host, &series).await;
    eventually(&format!("{count} rounds"), async || {
        let now = metric(host, &series).await;
        let enough = now >= before + f64::from(count);
        enough.then_some(()).ok_or(format!("{before} {now}"))
    })
    .await;
}

#[tokio::test]
async fn what_fails_and_is_mended_is_seen_at_the_far_end_once_each_with_all_that_is_known() {
    let inbox = Inbox::start().await;
    let alertmanager = Alertmanager::notifying(&inbox.url("/far"));
    let config = |settings: &str| {
        format!(
            "[metrics]\nenabled = true\n{OFTEN}\
             [notify]\nexternal_url = 'https://vitals.test/'\ninstance = 'eu-1'\n\
             [notify.alertmanager]\nurls = ['{}']\nresend = '2s'\nlabels.team = 'shop'\n\
             [checks.orders]\nplugin = 'status'\nconfig = {settings}\n\
             [checks.fine]\nplugin = 'status'\n",
            alertmanager.url()
        )
    };
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .config(&config("{ status = 'unhealthy', message = 'no answer' }"))
        .plugin("status", guests::STATUS)
        .serve()
        .await;
    let firing = so_many("alerts", 1, || passed_on(&inbox)).await.remove(0);
    assert_eq!(firing["status"], "firing");
    let labels = json!({
        "alertname": "VitalsCheckUnhealthy", "check": "orders", "plugin": "status",
        "severity": "critical", "instance": "eu-1", "team": "shop",
    });
    assert_eq!(firing["labels"], labels);
    let annotations = json!({
        "summary": "Check orders is unhealthy", "description": "no answer",
    });
    assert_eq!(firing["annotations"], annotations);
    let page = "https://vitals.test/health/checks/orders";
    assert_eq!(firing["generatorURL"], page);

    // It is sent again and again, which makes it last longer, and is the same alert.
    let alert = async || {
        let mut alerts = alertmanager.alerts().await.expect("it answers");
        assert_eq!(alerts.len(), 1, "{alerts:#?}");
        alerts.remove(0)
    };
    let mut ends = moment(&alert().await["endsAt"]);
    for _ in 0..3 {
        rounds(&host, &alertmanager, 1).await;
        let alert = alert().await;
        assert_eq!(moment(&alert["startsAt"]), moment(&firing["startsAt"]));
        let later = moment(&alert["endsAt"]);
        assert!(later > ends, "{later} after {ends}");
        ends = later;
    }
    assert_eq!(statuses(&inbox), ["orders firing"]);
    let runs = "vitals_check_runs_total{check=\"orders\",result=\"unhealthy\"}";
    assert!(metric(&host, runs).await > 1.0);
    is_clean(host.get("/metrics").await.expect("it answers").text());

    let mended = config("{ status = 'healthy' }");
    host.place().write("vitals.toml", mended);
    eventually_passed_on(&inbox, &["orders firing", "orders resolved"]).await;
    let resolved = passed_on(&inbox).remove(1);
    assert_eq!(resolved["labels"], firing["labels"]);
    assert_eq!(moment(&resolved["startsAt"]), moment(&firing["startsAt"]));
    rounds(&host, &alertmanager, 2).await;
    assert_eq!(statuses(&inbox).len(), 2);
}

#[tokio::test]
async fn what_a_host_had_said_that_is_gone_ends_by_itself() {
    let inbox = Inbox::start().await;
    let alertmanager = Alertmanager::notifying(&inbox.url("/"));
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .config(&format!(
            "[metrics]\nenabled = true\n[notify.alertmanager]\nurls = ['{}']\nresend = '2s'\n\
             [checks.orders]\nplugin = 'status'\nconfig = {{ status = 'unhealthy' }}\n",
            alertmanager.url()
        ))
        .plugin("status", guests::STATUS)
        .serve()
        .await;
    eventually_passed_on(&inbox, &["orders firing"]).await;
    rounds(&host, &alertmanager, 1).await;
    assert_eq!(statuses(&inbox), ["orders firing"]);
    // It is killed, and can say nothing.
    drop(host);
    eventually_passed_on(&inbox, &["orders firing", "orders resolved"]).await;
}

#[tokio::test]
async fn an_alertmanager_that_comes_later_is_told_what_is_so() {
    let inbox = Inbox::start().await;
    let address = free_address();
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .config(&format!(
            "[metrics]\nenabled = true\n[notify.alertmanager]\nurls = ['http://{address}']\n\
             [checks.orders]\nplugin = 'status'\nconfig = {{ status = 'unhealthy' }}\n"
        ))
        .plugin("status", guests::STATUS)
        .serve()
        .await;
    let failed = format!(
        "vitals_notifications_total{{receiver=\"alertmanager/{address}\",result=\"failed\"}}"
    );
    let waiting = format!("vitals_notifications_waiting{{receiver=\"alertmanager/{address}\"}}");
    eventually("it was tried twice", async || {
        let tried = metric(&host, &failed).await;
        (tried >= 2.0).then_some(()).ok_or(tried.to_string())
    })
    .await;
    assert!((metric(&host, &waiting).await - 1.0).abs() < f64::EPSILON);
    let _alertmanager = Alertmanager::notifying_at(address, &inbox.url("/"));
    eventually_passed_on(&inbox, &["orders firing"]).await;
    eventually("the log says both", async || {
        let log = host.log();
        let begun = "notifications cannot be delivered, retrying";
        let over = "notifications are delivered again";
        let said = |words: &str| log.iter().filter(|line| line.contains(words)).count();
        let fits = said(begun) == 1 && said(over) == 1;
        fits.then_some(()).ok_or(log.join("\n"))
    })
    .await;
    assert!(metric(&host, &waiting).await.abs() < f64::EPSILON);
}

#[tokio::test]
async fn each_of_several_gets_every_alert_and_one_that_is_down_holds_up_no_other() {
    let (one, other) = (Inbox::start().await, Inbox::start().await);
    let first = Alertmanager::notifying(&one.url("/"));
    let second = Alertmanager::notifying(&other.url("/"));
    let nobody = free_address();
    let patient = Patient::new(Status::Unhealthy);
    let builder = TestHost::builder().config(&format!(
        "{OFTEN}[notify.alertmanager]\nurls = ['http://{nobody}', '{}', '{}']\n\
         [checks.native]\ncritical = false",
        first.url(),
        second.url()
    ));
    let host = patient.watched_as("native", builder).start().await;
    for inbox in [&one, &other] {
        eventually_passed_on(inbox, &["native firing"]).await;
    }
    let labels = &passed_on(&one)[0]["labels"];
    assert_eq!(labels["severity"], "warning");
    assert_eq!(labels["plugin"], Value::Null);
    assert!(labels["instance"].is_string(), "{labels}");
    patient.is(Status::Healthy);
    for inbox in [&one, &other] {
        eventually_passed_on(inbox, &["native firing", "native resolved"]).await;
    }
    host.stop().await;
}

#[tokio::test]
async fn a_check_that_is_taken_out_is_resolved() {
    let inbox = Inbox::start().await;
    let alertmanager = Alertmanager::notifying(&inbox.url("/"));
    let notify = format!("[notify.alertmanager]\nurls = ['{}']\n", alertmanager.url());
    let check = |name: &str| {
        format!("[checks.{name}]\nplugin = 'status'\nconfig = {{ status = 'unhealthy' }}\n")
    };
    let host = TestHost::builder()
        .config(&format!("{notify}{}{}", check("stays"), check("goes")))
        .library("status", guests::STATUS)
        .plugin("dropped-in", guests::STATUS)
        .reloading()
        .start()
        .await;
    so_many("alerts", 2, || passed_on(&inbox)).await;
    host.reconfigure(&format!("{notify}{}", check("stays")));
    host.reload(&[]).await;
    so_many("alerts", 3, || passed_on(&inbox)).await;
    let alerts = statuses(&inbox);
    assert_eq!(alerts[2], "goes resolved", "{alerts:?}");
    // As one of which nobody is to be told any more.
    host.reconfigure(&format!("{notify}{}notify = false\n", check("stays")));
    host.reload(&[]).await;
    so_many("alerts", 4, || passed_on(&inbox)).await;
    let alerts = statuses(&inbox);
    assert_eq!(alerts[3], "stays resolved", "{alerts:?}");
}

#[tokio::test]
async fn other_labels_end_what_was_said_under_the_old_ones_and_a_new_alertmanager_is_told_all() {
    let (one, other) = (Inbox::start().await, Inbox::start().await);
    let first = Alertmanager::notifying(&one.url("/"));
    let second = Alertmanager::notifying(&other.url("/"));
    let config = |urls: &[String], team: &str| {
        format!(
            "[notify.alertmanager]\nurls = {urls:?}\nlabels.team = '{team}'\n\
             [checks.orders]\nplugin = 'status'\nconfig = {{ status = 'unhealthy' }}\n"
        )
    };
    let host = TestHost::builder()
        .config(&config(&[first.url()], "shop"))
        .plugin("status", guests::STATUS)
        .reloading()
        .start()
        .await;
    eventually_passed_on(&one, &["orders firing"]).await;
    host.reconfigure(&config(&[first.url(), second.url()], "bank"));
    host.reload(&[]).await;
    eventually_passed_on(&other, &["orders firing"]).await;
    let alerts = so_many("alerts", 3, || passed_on(&one)).await;
    let of_team = |status: &str, team: &str| {
        let fits = |alert: &&Value| alert["status"] == status && alert["labels"]["team"] == team;
        alerts.iter().filter(fits).count()
    };
    assert_eq!(of_team("resolved", "shop"), 1, "{alerts:#?}");
    assert_eq!(of_team("firing", "bank"), 1, "{alerts:#?}");
    // One that is named no more hears that it is over.
    host.reconfigure(&config(&[second.url()], "bank"));
    host.reload(&[]).await;
    let alerts = so_many("alerts", 4, || passed_on(&one)).await;
    assert_eq!(alerts[3]["status"], "resolved", "{alerts:#?}");
    assert_eq!(statuses(&other), ["orders firing"]);
}
