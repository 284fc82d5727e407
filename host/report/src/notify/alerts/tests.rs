//! Tests of alerts over time, as an Alertmanager receives them.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use vitals_config::Config;
use vitals_model::Code;

/// Alerts with a clock.
struct Sent {
    alerts: Alerts,
    now: TimePoint,
}

fn template(text: &str) -> AlertTemplate {
    let config = format!("[notify]\ninstance = 'eu-1'\nexternal_url = 'http://v.test'\n{text}");
    let notify = config.parse::<Config>().expect("a configuration").notify;
    AlertTemplate {
        labels: notify.alertmanager.labels.clone(),
        resend: notify.alertmanager.resend,
        instance: InstanceInfo::new(&notify),
    }
}

fn last_result(check: &str, critical: bool, message: &str) -> Arc<LastResult> {
    Arc::new(LastResult {
        check: check.parse().expect("a name"),
        plugin: Some("http".into()),
        version: None,
        critical,
        status: Status::Unhealthy,
        code: Some(Code::Timeout),
        message: message.into(),
        details: Map::new(),
        at: Timestamp::UNIX_EPOCH,
    })
}

impl Sent {
    fn new() -> Self {
        Self {
            alerts: Alerts::new(template("")),
            now: TimePoint {
                instant: Instant::now(),
                time: "2026-01-27T10:30:00Z".parse().expect("a time"),
            },
        }
    }

    fn later(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.time += time;
    }

    fn alert(&self, status: Status) -> ActiveAlert {
        ActiveAlert {
            status,
            since: self.now.time,
            status_since: self.now.time,
        }
    }

    fn fire(&mut self, last_result: &Arc<LastResult>, status: Status) {
        let alert = self.alert(status);
        self.alerts
            .set(&last_result.check, Some((last_result, alert)), self.now);
    }

    fn end(&mut self, check: &str) {
        let check = check.parse().expect("a name");
        self.alerts.set(&check, None, self.now);
    }

    /// Returns the next request.
    fn wire_alerts(&mut self) -> Vec<Value> {
        match self.alerts.next(self.now) {
            Next::Wait(_) => Vec::new(),
            Next::Post(body) => serde_json::from_slice(&body).expect("a list"),
        }
    }

    /// Returns the next request, and delivers it.
    fn delivered(&mut self) -> Vec<Value> {
        let wire_alerts = self.wire_alerts();
        self.alerts.completed(false, self.now);
        wire_alerts
    }

    /// Returns the checks of the next request, and when their alerts end.
    fn shown(&mut self) -> Vec<String> {
        let now = self.now.time;
        let text = |alert: &Value, pointer: &str| {
            alert
                .pointer(pointer)
                .and_then(Value::as_str)
                .expect("a text")
                .to_owned()
        };
        let shown = |alert: &Value| {
            let ends: Timestamp = text(alert, "/endsAt").parse().expect("a time");
            let (check, severity) = (
                text(alert, "/labels/check"),
                text(alert, "/labels/severity"),
            );
            let left = ends.duration_since(now).as_secs();
            format!("{check} {severity} {left}")
        };
        self.delivered().iter().map(shown).collect()
    }
}

#[test]
fn an_alert_has_labels_annotations_and_an_end() {
    let mut sent = Sent::new();
    let team = template("[notify.alertmanager]\nurls = ['http://am']\nlabels.team = 'shop'");
    sent.alerts.replace_all(team, std::iter::empty(), sent.now);
    sent.fire(&last_result("orders", true, "no answer"), Status::Unhealthy);
    assert_eq!(sent.alerts.len(), 1);
    let expected = json!([{
        "labels": {
            "alertname": "VitalsCheckUnhealthy", "check": "orders", "plugin": "http",
            "severity": "critical", "instance": "eu-1", "team": "shop",
        },
        "annotations": {
            "summary": "Check orders is unhealthy", "description": "no answer", "code": "timeout",
        },
        "startsAt": "2026-01-27T10:30:00Z",
        "endsAt": "2026-01-27T10:34:00Z",
        "generatorURL": "http://v.test/health/checks/orders",
    }]);
    assert_eq!(Value::from(sent.delivered()), expected);
    assert_eq!(sent.alerts.len(), 0);
}

#[test]
fn active_alerts_are_resent_and_resolved_ones_for_a_while() {
    let mut sent = Sent::new();
    sent.fire(&last_result("a", true, ""), Status::Unhealthy);
    assert_eq!(sent.shown(), ["a critical 240"]);
    assert_eq!(sent.wire_alerts().len(), 0);
    sent.later(Duration::from_secs(59));
    let next = sent.alerts.next(sent.now);
    let due = sent.now.instant + Duration::from_secs(1);
    assert_eq!(next, Next::Wait(Some(due)));
    sent.later(Duration::from_secs(1));
    assert_eq!(sent.shown(), ["a critical 240"]);
    sent.later(Duration::from_secs(5));
    sent.end("a");
    assert_eq!(sent.shown(), ["a critical 0"]);
    for minutes in 1..15 {
        sent.later(Duration::from_mins(1));
        assert_eq!(sent.shown(), [format!("a critical -{}", minutes * 60)]);
    }
    sent.later(Duration::from_mins(1));
    assert_eq!(sent.alerts.next(sent.now), Next::Wait(None));
}

#[test]
fn a_retry_sends_the_current_alerts() {
    let mut sent = Sent::new();
    sent.fire(&last_result("a", true, "one"), Status::Unhealthy);
    assert_eq!(sent.wire_alerts().len(), 1);
    sent.alerts.completed(true, sent.now);
    assert_eq!(sent.alerts.len(), 1);
    sent.later(Duration::from_secs(30));
    sent.fire(&last_result("a", true, "two"), Status::Unhealthy);
    let retry = sent.wire_alerts();
    assert_eq!(retry[0]["annotations"]["description"], "two");
    assert_eq!(retry[0]["startsAt"], "2026-01-27T10:30:00Z");
    assert_eq!(retry[0]["endsAt"], "2026-01-27T10:34:30Z");
    // The alert resolves during the request, so the resolution is sent after it.
    sent.end("a");
    sent.alerts.completed(false, sent.now);
    assert_eq!(sent.shown(), ["a critical 0"]);
}

#[test]
fn an_alert_that_ends_before_it_was_sent_is_never_sent() {
    let mut sent = Sent::new();
    sent.fire(&last_result("a", true, ""), Status::Unhealthy);
    sent.end("a");
    assert_eq!(sent.alerts.next(sent.now), Next::Wait(None));
}

#[test]
fn a_new_status_or_severity_replaces_the_alert() {
    let mut sent = Sent::new();
    sent.fire(&last_result("a", true, ""), Status::Unhealthy);
    assert_eq!(sent.shown(), ["a critical 240"]);
    sent.later(Duration::from_secs(10));
    sent.fire(&last_result("a", true, ""), Status::Degraded);
    let names = |wire_alerts: Vec<Value>| -> Vec<_> {
        let name = |alert: &Value| alert["labels"]["alertname"].as_str().map(str::to_owned);
        wire_alerts.iter().filter_map(name).collect()
    };
    assert_eq!(sent.wire_alerts()[0]["endsAt"], "2026-01-27T10:30:10Z");
    let both = ["VitalsCheckUnhealthy", "VitalsCheckDegraded"];
    assert_eq!(names(sent.delivered()), both);
    sent.fire(&last_result("a", false, ""), Status::Unhealthy);
    assert_eq!(sent.shown(), ["a warning 0", "a warning 240"]);
}

#[test]
fn a_new_template_resolves_the_old_alerts() {
    let mut sent = Sent::new();
    let a = last_result("a", true, "");
    sent.fire(&a, Status::Unhealthy);
    sent.fire(&last_result("b", true, ""), Status::Unhealthy);
    sent.delivered();
    let alert = sent.alert(Status::Unhealthy);
    let other = template("[notify.alertmanager]\nurls = ['http://am']\nlabels.team = 'shop'");
    sent.alerts
        .replace_all(other.clone(), [(&a, alert)].into_iter(), sent.now);
    assert_eq!(
        sent.shown(),
        ["a critical 0", "a critical 240", "b critical 0"]
    );
    sent.alerts
        .replace_all(other, [(&a, alert)].into_iter(), sent.now);
    assert_eq!(sent.shown().len(), 0);
    sent.alerts.end_all(sent.now);
    assert_eq!(sent.shown(), ["a critical 0"]);
}

#[test]
fn many_alerts_are_split_into_requests() {
    let mut sent = Sent::new();
    for number in 0..200 {
        sent.fire(
            &last_result(&format!("check-{number}"), true, ""),
            Status::Unhealthy,
        );
    }
    let mut sizes = Vec::new();
    loop {
        match sent.delivered().len() {
            0 => break,
            size => sizes.push(size),
        }
    }
    assert_eq!(sizes, [64, 64, 64, 8]);
}

#[test]
fn alerts_due_soon_are_sent_together() {
    let mut sent = Sent::new();
    sent.fire(&last_result("a", true, ""), Status::Unhealthy);
    sent.delivered();
    sent.later(Duration::from_secs(10));
    sent.fire(&last_result("b", true, ""), Status::Unhealthy);
    assert_eq!(sent.shown(), ["b critical 240"]);
    sent.later(Duration::from_secs(50));
    assert_eq!(sent.shown(), ["a critical 240", "b critical 240"]);
}

/// A change of alerts.
#[derive(Clone, Debug)]
enum Step {
    Fires(u8, Status),
    Ends(u8),
    OtherLabels(bool),
    Send,
    Ended { retry: bool },
    Later(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop_oneof![Just(Status::Unhealthy), Just(Status::Degraded)];
    prop_oneof![
        4 => (0..5_u8, status).prop_map(|(check, status)| Step::Fires(check, status)),
        2 => (0..5_u8).prop_map(Step::Ends),
        1 => any::<bool>().prop_map(Step::OtherLabels),
        3 => Just(Step::Send),
        3 => any::<bool>().prop_map(|retry| Step::Ended { retry }),
        2 => (0..1000_u64).prop_map(Step::Later),
    ]
}

impl Sent {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Fires(check, status) => {
                self.fire(&last_result(&format!("check-{check}"), true, ""), *status);
            }
            Step::Ends(check) => self.end(&format!("check-{check}")),
            Step::OtherLabels(are_other) => {
                let labels = "[notify.alertmanager]\nurls = ['http://am']\nlabels.team = 'shop'";
                let template = template(if *are_other { labels } else { "" });
                self.alerts
                    .replace_all(template, std::iter::empty(), self.now);
            }
            Step::Send => drop(self.wire_alerts()),
            Step::Ended { retry } => self.alerts.completed(*retry, self.now),
            Step::Later(seconds) => self.later(Duration::from_secs(*seconds)),
        }
    }
}

proptest! {
    /// The indexes beside the alerts agree with a search over all alerts.
    #[test]
    fn the_indexes_agree_with_the_alerts(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut sent = Sent::new();
        for step in &steps {
            sent.take(step);
            let Alerts { all, by_check, due, undelivered, .. } = &sent.alerts;
            prop_assert_eq!(*undelivered, all.values().filter(|alert| alert.is_undelivered).count());
            let of_all = all.iter().map(|(number, alert)| (alert.due, *number));
            prop_assert_eq!(due, &of_all.collect::<BTreeSet<_>>());
            let numbers_of_check = |check: &CheckName| -> Vec<_> {
                let of_it = all.iter().filter(|(_, alert)| alert.check == *check);
                of_it.map(|(number, _)| *number).collect()
            };
            prop_assert_eq!(by_check.values().map(Vec::len).sum::<usize>(), all.len());
            for (check, numbers) in by_check {
                let mut numbers = numbers.clone();
                numbers.sort_unstable();
                prop_assert_eq!(numbers, numbers_of_check(check));
            }
        }
    }
}
