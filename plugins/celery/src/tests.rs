//! The whole check against responses of Flower.

use vitals_sdk::http::Problem;
use vitals_sdk::testing::{Response, World};

use super::*;

const WORKERS: &str = "http://flower:5555/ops/api/workers?status=true";
const AGAIN: &str = "http://flower:5555/ops/api/workers?refresh=true&status=true";
const QUEUES: &str = "http://flower:5555/ops/api/queues/length";

/// Returns what the host would show of a check in this world.
fn outcome_in(world: &World, mut settings: Value) -> Outcome {
    settings["url"] = "http://me:secret@flower:5555/ops/".into();
    settings["headers"] = json!({ "x-token": "secret" });
    settings["user"] = "you".into();
    settings["password"] = "x%41".into();
    let outcome = world.outcome(|| check(Settings::read(settings).unwrap()));
    assert!(!format!("{outcome:?}").contains("secret"), "{outcome:?}");
    for sent in world.requests() {
        assert_eq!(sent.header("x-token"), Some("secret"));
        assert_eq!(sent.header("authorization"), Some("Basic eW91OnglNDE="));
    }
    outcome
}

/// Returns what the host would show if Flower answers so.
fn outcome(settings: Value, workers: Response, queues: Response) -> Outcome {
    let world = World::new();
    world.http("GET", WORKERS).responds(workers);
    world.http("GET", AGAIN).responds("{}");
    world.http("GET", QUEUES).responds(queues);
    outcome_in(&world, settings)
}

/// Returns status and message.
fn shown(outcome: &Outcome) -> String {
    format!("{}: {}", outcome.status(), outcome.message())
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

/// One worker, which is online.
fn one_worker() -> Response {
    workers(&[("a", true)])
}

#[test]
fn online_workers_are_counted_and_offline_ones_named() {
    let all = [("a", true), ("b", false), ("c", true)];
    for (settings, all, expected) in [
        (
            json!({}),
            &all[..],
            "healthy: 2 of 3 workers are online, b is not",
        ),
        (
            json!({ "workers": ["a", "c"], "degraded_below_workers": 2 }),
            &all,
            "healthy: 2 of 3 workers are online, b is not",
        ),
        (
            json!({ "workers": ["d", "b"] }),
            &all,
            "unhealthy: 2 of 4 workers are online, d and b are not",
        ),
        (
            json!({ "degraded_below_workers": 3 }),
            &all,
            "degraded: 2 of 3 workers are online (degraded below 3), b is not",
        ),
        (
            json!({ "min_workers": 2 }),
            &[("a", true)],
            "unhealthy: 1 worker is online (unhealthy below 2)",
        ),
        (
            json!({}),
            &[("a", false)],
            "unhealthy: worker a is not online",
        ),
        (
            json!({}),
            &[("a", false), ("b", false)],
            "unhealthy: none of 2 workers is online",
        ),
        (json!({}), &[], "unhealthy: Flower knows no workers"),
        (
            json!({ "min_workers": 0 }),
            &[],
            "healthy: Flower knows no workers",
        ),
    ] {
        let outcome = outcome(settings, workers(all), queues(&[]));
        assert_eq!(shown(&outcome), expected);
    }
    let bound = json!({ "degraded_below_workers": 3 });
    let outcome = outcome(bound, workers(&all), queues(&[]));
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
    let outcome = outcome(json!({}), workers(&all), queues(&[]));
    assert_eq!(
        outcome.message(),
        "1 of 9 workers is online, celery@0, celery@1, celery@2, celery@3, celery@4 and 3 more are not"
    );
}

#[test]
fn the_longest_queue_is_judged() {
    let (all_queues, mail) = (json!([]), json!(["mail"]));
    for (checked, all, expected) in [
        (
            &all_queues,
            &[("mail", 1200), ("sms", 7)][..],
            "unhealthy: queue mail has 1200 messages (unhealthy above 1000), 2 workers are online",
        ),
        (
            &all_queues,
            &[("mail", 120), ("sms", 700)],
            "degraded: queue sms has 700 messages (degraded above 100), the longest of 2 that exceed the bound, 2 workers are online",
        ),
        (
            &all_queues,
            &[("mail", 12), ("sms", 7)],
            "healthy: 2 workers are online, queue mail has 12 messages, the longest of 2",
        ),
        (
            &all_queues,
            &[("mail", 0), ("sms", 0)],
            "healthy: 2 workers are online, 2 queues have no messages",
        ),
        (
            &mail,
            &[("mail", 1), ("sms", 1200)],
            "healthy: 2 workers are online, queue mail has 1 message",
        ),
        (
            &mail,
            &[("mail", 0), ("sms", 1200)],
            "healthy: 2 workers are online, queue mail has no messages",
        ),
    ] {
        let settings = json!({ "queues": checked, "degraded_above": 100, "unhealthy_above": 1000 });
        let both = workers(&[("a", true), ("b", true)]);
        let outcome = outcome(settings, both, queues(all));
        assert_eq!(shown(&outcome), expected);
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
    world.http("GET", WORKERS).responds(one_worker());
    world.http("GET", AGAIN).responds("{}");
    world.http("GET", QUEUES).responds_in_turn([
        queues(&[("celery", 0)]),
        queues(&[("celery", 0), ("mail", 3)]),
    ]);
    assert_eq!(
        shown(&outcome_in(&world, json!({ "queues": ["mail"] }))),
        "healthy: 1 worker is online, queue mail has 3 messages"
    );
    assert_eq!(world.requests().len(), 4);

    let settings = json!({ "queues": ["mail", "sms", "celery"], "degraded_above": 5 });
    assert_eq!(
        shown(&outcome(settings, one_worker(), queues(&[("celery", 7)]))),
        "unhealthy: no worker consumes the queues mail and sms (known: celery), \
         queue celery has 7 messages (degraded above 5), 1 worker is online"
    );

    // No online worker can be asked.
    let world = World::new();
    world
        .http("GET", WORKERS)
        .responds(workers(&[("a", false)]));
    world.http("GET", QUEUES).responds(queues(&[]));
    assert_eq!(
        shown(&outcome_in(&world, json!({ "queues": ["mail"] }))),
        "unhealthy: worker a is not online, no worker consumes the queue mail (known: none)"
    );
}

#[test]
fn bounds_on_queues_without_a_length_are_unhealthy() {
    for (settings, expected) in [
        (
            json!({ "unhealthy_above": 5 }),
            "unhealthy: Flower reports no queue lengths, 1 worker is online",
        ),
        (json!({ "queues": ["mail"] }), "healthy: 1 worker is online"),
    ] {
        let unknown = Response::new(200).body(r#"{"active_queues":[{"name":"mail"}]}"#);
        assert_eq!(shown(&outcome(settings, one_worker(), unknown)), expected);
    }
}

#[test]
fn errors_are_explained() {
    let asked = "http://flower:5555/ops/api/workers?…";
    for (workers, expected) in [
        (
            Response::new(401).body("FLOWER_UNAUTHENTICATED_API environment variable is required"),
            "responded with 401 Unauthorized: FLOWER_UNAUTHENTICATED_API environment variable is required",
        ),
        (
            Response::new(401),
            "responded with 401 Unauthorized: `user` and `password` are missing or not valid",
        ),
        (
            Response::new(302),
            "responded with 302 Found: it requires an interactive login; ",
        ),
        (
            Response::new(404).body("<html>"),
            "responded with 404 Not Found: `url` must point to Flower, ",
        ),
        (
            Response::new(503).body("Failed to update workers: no"),
            "responded with 503 Service Unavailable: Failed to update workers: no",
        ),
        (
            Response::new(200).body("<html>"),
            "did not return a Flower response: ",
        ),
        (
            Response::new(200).body(r#"["shop@one"]"#),
            "did not return a Flower response: ",
        ),
    ] {
        let shown = shown(&outcome(json!({}), workers, queues(&[])));
        let expected = format!("unhealthy: {asked} {expected}");
        assert!(shown.starts_with(&expected), "{expected}\n{shown}");
    }
    let not_http = Response::problem(Problem::Protocol("the response is not HTTP/1".to_owned()));
    assert_eq!(
        shown(&outcome(json!({}), not_http, queues(&[]))),
        format!(
            "unhealthy: Flower does not respond: cannot get {asked}: the response is not HTTP/1"
        )
    );
    for (queues, expected) in [
        (
            Response::new(500),
            "responded with 500 Internal Server Error: Flower probably cannot reach the broker",
        ),
        (
            Response::new(200).body(r#"{"active_queues":"many"}"#),
            "did not return a Flower response: ",
        ),
    ] {
        let shown = shown(&outcome(json!({}), one_worker(), queues));
        let expected = format!("unhealthy: {QUEUES} {expected}");
        assert!(shown.starts_with(&expected), "{expected}\n{shown}");
    }
}
