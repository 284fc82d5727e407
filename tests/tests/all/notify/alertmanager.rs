//! A real Alertmanager, and the alerts that it sends to its receiver.

use serde_json::{Value, json};
use vitals_host::check::Status;
use vitals_tests::guests::STATUS;
use vitals_tests::servers::{check_metrics, free_address};
use vitals_tests::{Alertmanager, Inbox, Serving, TestHost, Vitals, eventually, sample, when};

use super::{OFTEN, Patient, so_many};

/// The alerts that an Alertmanager has sent, in order.
fn passed_on(inbox: &Inbox) -> Vec<Value> {
    let taken = inbox.taken().into_iter();
    let alerts = taken.map(|body| body["alerts"].as_array().cloned());
    alerts.flat_map(Option::unwrap_or_default).collect()
}

fn statuses(inbox: &Inbox) -> Vec<String> {
    let alerts = passed_on(inbox).into_iter();
    alerts
        .map(|alert| format!("{} {}", alert["labels"]["check"], alert["status"]).replace('"', ""))
        .collect()
}

async fn eventually_passed_on(inbox: &Inbox, expected: &[&str]) {
    so_many("alerts", expected.len(), || statuses(inbox)).await;
    assert_eq!(statuses(inbox), expected);
}

/// A time of RFC 3339 in UTC as a text that can be compared, whatever its number of digits.
fn moment(time: &Value) -> String {
    let time = time.as_str().expect("a time");
    let time = time.strip_suffix('Z').expect("a time in UTC");
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    format!("{seconds}.{fraction:0<9}")
}

async fn metric(host: &Serving, series: &str) -> f64 {
    let page = host.get("/metrics").await.expect("it responds");
    sample(page.text(), series).unwrap_or_default()
}

/// A host with an unhealthy check, `orders`.
async fn serve(notify: &str) -> Serving {
    let config = format!("[metrics]\nenabled = true\n[notify.alertmanager]\n{notify}\n{ORDERS}");
    Vitals::host(&config, [STATUS]).serve().await
}

const ORDERS: &str = "[checks.orders]\nplugin = 'status'\nconfig = { status = 'unhealthy' }\n";

/// Waits until the Alertmanager has got so many more requests.
async fn rounds(host: &Serving, alertmanager: &Alertmanager, count: u32) {
    let receiver = alertmanager.url().replace("http://", "");
    let series = format!(
        "vitals_notifications_total{{receiver=\"alertmanager/{receiver}\",result=\"sent\"}}"
    );
    let before = metric(host, &series).await;
    eventually(&format!("{count} rounds"), async || {
        let now = metric(host, &series).await;
        when(now >= before + f64::from(count), now)
    })
    .await;
}

#[tokio::test]
async fn a_failure_and_a_recovery_are_one_alert_each_with_all_facts() {
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
    let unhealthy = config("{ status = 'unhealthy', message = 'no answer' }");
    let host = Vitals::host(&unhealthy, [STATUS]).serve().await;
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

    // It is resent, which postpones its end, and stays the same alert.
    let alert = async || {
        let mut alerts = alertmanager.alerts().await.expect("it responds");
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
    let page = host.get("/metrics").await.expect("it responds").body;
    let lint = check_metrics(&page);
    for problem in [
        "vitals_notifications",
        "error while linting",
        "text format parsing",
    ] {
        assert!(!lint.contains(problem), "{lint}");
    }

    let healthy = config("{ status = 'healthy' }");
    host.place().write("vitals.toml", healthy);
    eventually_passed_on(&inbox, &["orders firing", "orders resolved"]).await;
    let resolved = passed_on(&inbox).remove(1);
    assert_eq!(resolved["labels"], firing["labels"]);
    assert_eq!(moment(&resolved["startsAt"]), moment(&firing["startsAt"]));
    rounds(&host, &alertmanager, 2).await;
    assert_eq!(statuses(&inbox).len(), 2);
}

#[tokio::test]
async fn the_alerts_of_a_host_that_is_gone_end_by_themselves() {
    let inbox = Inbox::start().await;
    let alertmanager = Alertmanager::notifying(&inbox.url("/"));
    let host = serve(&format!("urls = ['{}']\nresend = '2s'", alertmanager.url())).await;
    eventually_passed_on(&inbox, &["orders firing"]).await;
    rounds(&host, &alertmanager, 1).await;
    assert_eq!(statuses(&inbox), ["orders firing"]);
    // It is killed, and cannot resolve them.
    drop(host);
    eventually_passed_on(&inbox, &["orders firing", "orders resolved"]).await;
}

#[tokio::test]
async fn an_alertmanager_that_starts_later_gets_the_active_alerts() {
    let inbox = Inbox::start().await;
    let address = free_address();
    let host = serve(&format!("urls = ['http://{address}']")).await;
    let failed = format!(
        "vitals_notifications_total{{receiver=\"alertmanager/{address}\",result=\"failed\"}}"
    );
    let waiting = format!("vitals_notifications_waiting{{receiver=\"alertmanager/{address}\"}}");
    eventually("it was tried twice", async || {
        let tried = metric(&host, &failed).await;
        when(tried >= 2.0, tried)
    })
    .await;
    assert!((metric(&host, &waiting).await - 1.0).abs() < f64::EPSILON);
    let _alertmanager = Alertmanager::notifying_at(address, &inbox.url("/"));
    eventually_passed_on(&inbox, &["orders firing"]).await;
    host.eventually_logs("notifications are delivered again")
        .await;
    let log = host.log();
    let retries = "notifications cannot be delivered, retrying";
    let retries = log.iter().filter(|line| line.contains(retries)).count();
    assert_eq!(retries, 1, "{log:#?}");
    assert!(metric(&host, &waiting).await.abs() < f64::EPSILON);
}

#[tokio::test]
async fn each_of_several_gets_every_alert_even_if_one_is_down() {
    let (one, other) = (Inbox::start().await, Inbox::start().await);
    let first = Alertmanager::notifying(&one.url("/"));
    let second = Alertmanager::notifying(&other.url("/"));
    let nobody = free_address();
    let patient = Patient::new(Status::Unhealthy);
    let config = format!(
        "[notify.alertmanager]\nurls = ['http://{nobody}', '{}', '{}']\n\
         [checks.native]\ncritical = false",
        first.url(),
        second.url()
    );
    let host = patient.watched(&config).start().await;
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
async fn the_alert_of_a_check_that_is_removed_is_resolved() {
    let inbox = Inbox::start().await;
    let alertmanager = Alertmanager::notifying(&inbox.url("/"));
    let notify = format!("[notify.alertmanager]\nurls = ['{}']\n", alertmanager.url());
    let check = |name: &str| {
        format!("[checks.{name}]\nplugin = 'status'\nconfig = {{ status = 'unhealthy' }}\n")
    };
    let host = TestHost::builder()
        .config(&format!("{notify}{}{}", check("stays"), check("goes")))
        .library("status", STATUS)
        .plugin("dropped-in", STATUS)
        .reloading()
        .start()
        .await;
    so_many("alerts", 2, || passed_on(&inbox)).await;
    host.reconfigure(&format!("{notify}{}", check("stays")));
    host.reload(&[]).await;
    so_many("alerts", 3, || passed_on(&inbox)).await;
    let alerts = statuses(&inbox);
    assert_eq!(alerts[2], "goes resolved", "{alerts:?}");
    // So is that of a check that no longer notifies anybody.
    host.reconfigure(&format!("{notify}{}notify = false\n", check("stays")));
    host.reload(&[]).await;
    so_many("alerts", 4, || passed_on(&inbox)).await;
    let alerts = statuses(&inbox);
    assert_eq!(alerts[3], "stays resolved", "{alerts:?}");
}

#[tokio::test]
async fn new_labels_resolve_the_old_alerts_and_a_new_alertmanager_gets_the_active_ones() {
    let (one, other) = (Inbox::start().await, Inbox::start().await);
    let first = Alertmanager::notifying(&one.url("/"));
    let second = Alertmanager::notifying(&other.url("/"));
    let config = |urls: &[String], team: &str| {
        format!("[notify.alertmanager]\nurls = {urls:?}\nlabels.team = '{team}'\n{ORDERS}")
    };
    let builder = TestHost::builder().config(&config(&[first.url()], "shop"));
    let host = builder.guests([STATUS]).reloading().start().await;
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
    // An Alertmanager that is removed from the configuration gets the end of its alerts.
    host.reconfigure(&config(&[second.url()], "bank"));
    host.reload(&[]).await;
    let alerts = so_many("alerts", 4, || passed_on(&one)).await;
    assert_eq!(alerts[3]["status"], "resolved", "{alerts:#?}");
    assert_eq!(statuses(&other), ["orders firing"]);
}
