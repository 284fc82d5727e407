//! The whole check against responses of Flower.

use vitals_sdk::testing::{Response, World};

use super::*;

const WORKERS: &str = "http://flower:5555/ops/api/workers?status=true";
const AGAIN: &str = "http://flower:5555/ops/api/workers?refresh=true&status=true";
const QUEUES: &str = "http://flower:5555/ops/api/queues/length";

fn settings(more: &Value) -> Settings {
    let mut settings = json!({
        "url": "http://me:secret@flower:5555/ops/",
        "headers": { "x-token": "secret" },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        settings[key] = value.clone();
    }
    Settings::read(settings).unwrap()
}

fn workers(all: &[(&str, bool)]) -> Response {
    let all: BTreeMap<_, _> = all.iter().copied().collect();
    Response::new(200).body(json!(all).to_string())
}

fn queues(all: &[(&str, u64)]) -> Response {
    let queue = |(name, messages): &(&str, u64)| json!({ "name": name, "messages": messages });
    let all: Vec<_> = all.iter().map(queue).collect();
    Response::new(200).body(json!({ "active_queues": all }).to_string())
}

fn outcome(more: &Value, workers: Response, queues: Response) -> Outcome {
    let world = World::new();
    world.http("GET", WORKERS).responds(workers);
    world.http("GET", AGAIN).responds("{}");
    world.http("GET", QUEUES).responds(queues);
    let outcome = world.outcome(|| check(settings(more)));
    assert!(!format!("{outcome:?}").contains("secret"), "{outcome:?}");
    for sent in world.requests() {
        assert_eq!(sent.header("x-token"), Some("secret"));
        assert_eq!(sent.header("authorization"), Some("Basic bWU6c2VjcmV0"));
    }
    outcome
}

#[test]
fn online_workers_are_counted_and_offline_ones_named() {
    let all = [("a", true), ("b", false), ("c", true)];
    for (more, all, status, message) in [
        (
            json!({}),
            &all[..],
            Status::Healthy,
            "2 of 3 workers are online, b is not",
        ),
        (
            json!({ "workers": ["a", "c"], "degraded_below_workers": 2 }),
            &all,
            Status::Healthy,
            "2 of 3 workers are online, b is not",
        ),
        (
            json!({ "workers": ["d", "b"] }),
            &all,
            Status::Unhealthy,
            "2 of 4 workers are online, d and b are not",
        ),
        (
            json!({ "degraded_below_workers": 3 }),
            &all,
            Status::Degraded,
            "2 of 3 workers are online (degraded below 3), b is not",
        ),
        (
            json!({ "min_workers": 2 }),
            &[("a", true)],
            Status::Unhealthy,
            "1 worker is online (unhealthy below 2)",
        ),
        (
            json!({}),
            &[("a", false)],
            Status::Unhealthy,
            "worker a is not online",
        ),
        (
            json!({}),
            &[("a", false), ("b", false)],
            Status::Unhealthy,
            "none of 2 workers is online",
        ),
        (json!({}), &[], Status::Unhealthy, "Flower knows no workers"),
        (
            json!({ "min_workers": 0 }),
            &[],
            Status::Healthy,
            "Flower knows no workers",
        ),
    ] {
        let outcome = outcome(&more, workers(all), queues(&[]));
        assert_eq!(
            (outcome.status(), outcome.message()),
            (status, message),
            "{more}"
        );
    }
    let outcome = outcome(
        &json!({ "degraded_below_workers": 3 }),
        workers(&all),
        queues(&[]),
    );
    let measured = &outcome.measurements()[0];
    assert_eq!((measured.name(), measured.value()), ("workers_online", 2.0));
    assert_eq!(measured.degraded_at(), Some(Bound::Below(3.0)));
    assert_eq!(measured.unhealthy_at(), Some(Bound::Below(1.0)));
    let shown = json!({ "a": true, "b": false, "c": true });
    assert_eq!(outcome.detail_of("workers"), Some(&shown));
}

#[test]
fn many_offline_workers_do_not_fill_the_message() {
    let names: Vec<_> = (0..8).map(|number| format!("celery@{number}")).collect();
    let away = names.iter().map(|name| (name.as_str(), false));
    let all: Vec<_> = away.chain([("celery@x", true)]).collect();
    let outcome = outcome(&json!({}), workers(&all), queues(&[]));
    assert_eq!(
        outcome.message(),
        "1 of 9 workers is online, celery@0, celery@1, celery@2, celery@3, celery@4 and 3 more are not"
    );
}

#[test]
fn the_longest_queue_is_judged() {
    let bounds = json!({ "degraded_above": 100, "unhealthy_above": 1000 });
    let of_mail = json!({ "queues": ["mail"], "degraded_above": 100, "unhealthy_above": 1000 });
    for (more, all, status, message) in [
        (
            &bounds,
            &[("mail", 1200), ("sms", 7)][..],
            Status::Unhealthy,
            "queue mail has 1200 messages (unhealthy above 1000), 2 workers are online",
        ),
        (
            &bounds,
            &[("mail", 120), ("sms", 700)],
            Status::Degraded,
            "queue sms has 700 messages (degraded above 100), the longest of 2 that exceed the bound, 2 workers are online",
        ),
        (
            &bounds,
            &[("mail", 12), ("sms", 7)],
            Status::Healthy,
            "2 workers are online, queue mail has 12 messages, the longest of 2",
        ),
        (
            &bounds,
            &[("mail", 0), ("sms", 0)],
            Status::Healthy,
            "2 workers are online, 2 queues have no messages",
        ),
        (
            &of_mail,
            &[("mail", 1), ("sms", 1200)],
            Status::Healthy,
            "2 workers are online, queue mail has 1 message",
        ),
        (
            &of_mail,
            &[("mail", 0), ("sms", 1200)],
            Status::Healthy,
            "2 workers are online, queue mail has no messages",
        ),
    ] {
        let outcome = outcome(more, workers(&[("a", true), ("b", true)]), queues(all));
        assert_eq!((outcome.status(), outcome.message()), (status, message));
        let measured = &outcome.measurements()[1];
        assert_eq!(measured.name(), "longest_queue");
        assert_eq!(measured.degraded_at(), Some(Bound::Above(100.0)));
        assert_eq!(measured.unhealthy_at(), Some(Bound::Above(1000.0)));
        let all: BTreeMap<_, _> = all.iter().copied().collect();
        assert_eq!(outcome.detail_of("queues"), Some(&json!(all)));
    }
}

#[test]
fn workers_are_asked_again_before_a_required_queue_is_missing() {
    let world = World::new();
    world.http("GET", WORKERS).responds(workers(&[("a", true)]));
    world.http("GET", AGAIN).responds("{}");
    world.http("GET", QUEUES).responds_in_turn([
        queues(&[("celery", 0)]),
        queues(&[("celery", 0), ("mail", 3)]),
    ]);
    let result = world.outcome(|| check(settings(&json!({ "queues": ["mail"] }))));
    assert_eq!(
        (result.status(), result.message()),
        (
            Status::Healthy,
            "1 worker is online, queue mail has 3 messages"
        )
    );
    assert_eq!(world.requests().len(), 4);

    let more = json!({ "queues": ["mail", "sms", "celery"], "degraded_above": 5 });
    let result = outcome(&more, workers(&[("a", true)]), queues(&[("celery", 7)]));
    assert_eq!(
        (result.status(), result.message()),
        (
            Status::Unhealthy,
            "no worker consumes the queues mail and sms (known: celery), queue celery has 7 messages (degraded above 5), \
             1 worker is online"
        )
    );

    // No online worker can be asked.
    let world = World::new();
    world
        .http("GET", WORKERS)
        .responds(workers(&[("a", false)]));
    world.http("GET", QUEUES).responds(queues(&[]));
    let result = world.outcome(|| check(settings(&json!({ "queues": ["mail"] }))));
    assert_eq!(
        result.message(),
        "worker a is not online, no worker consumes the queue mail (known: none)"
    );
}

#[test]
fn bounds_on_queues_without_a_length_are_unhealthy() {
    let unknown = || Response::new(200).body(r#"{"active_queues":[{"name":"mail"}]}"#);
    let one = || workers(&[("a", true)]);
    let result = outcome(&json!({ "unhealthy_above": 5 }), one(), unknown());
    assert_eq!(
        (result.status(), result.message()),
        (
            Status::Unhealthy,
            "Flower reports no queue lengths, 1 worker is online"
        )
    );
    let result = outcome(&json!({ "queues": ["mail"] }), one(), unknown());
    assert_eq!(
        (result.status(), result.message()),
        (Status::Healthy, "1 worker is online")
    );
}

#[test]
fn errors_are_explained() {
    let one = || workers(&[("a", true)]);
    let asked = "http://flower:5555/ops/api/workers?…";
    for (workers, queues, message) in [
        (
            Response::new(401).body("FLOWER_UNAUTHENTICATED_API environment variable is required"),
            queues(&[]),
            format!(
                "{asked} responded with 401 Unauthorized: FLOWER_UNAUTHENTICATED_API environment variable is required"
            ),
        ),
        (
            Response::new(401),
            queues(&[]),
            format!(
                "{asked} responded with 401 Unauthorized: `url` lacks a valid user and password"
            ),
        ),
        (
            Response::new(302),
            queues(&[]),
            format!("{asked} responded with 302 Found: it requires an interactive login; "),
        ),
        (
            Response::new(404).body("<html>"),
            queues(&[]),
            format!("{asked} responded with 404 Not Found: `url` must point to Flower, "),
        ),
        (
            Response::new(503).body("Failed to update workers: no"),
            queues(&[]),
            format!("{asked} responded with 503 Service Unavailable: Failed to update workers: no"),
        ),
        (
            one(),
            Response::new(500),
            format!(
                "{QUEUES} responded with 500 Internal Server Error: Flower probably cannot reach the broker"
            ),
        ),
        (
            Response::new(200).body("<html>"),
            queues(&[]),
            format!("{asked} did not return a Flower response: "),
        ),
        (
            one(),
            Response::new(200).body(r#"{"active_queues":"many"}"#),
            format!("{QUEUES} did not return a Flower response: "),
        ),
    ] {
        let result = outcome(&json!({}), workers, queues);
        assert_eq!(result.status(), Status::Unhealthy);
        assert!(
            result.message().starts_with(&message),
            "{message}\n{result:?}"
        );
    }
}
