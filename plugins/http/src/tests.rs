use vitals_sdk::http::Problem;
use vitals_sdk::testing::{Response, World};

use super::*;

const URL: &str = "http://ops:secret@web/health?token=secret";

fn settings(json: &str) -> Settings {
    let mut object = Value::from_json(json).unwrap();
    object["url"] = URL.into();
    Settings::read(object).unwrap()
}

/// Makes a world in which requests to the URL get this response.
fn world(response: impl Into<Response>) -> World {
    let world = World::new();
    world.http("*", URL).responds(response);
    world
}

/// Returns what the host would show with these additional settings.
fn outcome(world: &World, json: &str) -> Outcome {
    world.outcome(|| check(settings(json)))
}

#[test]
fn an_unexpected_status_is_unhealthy() {
    let down = outcome(&world(503), "{}");
    assert_eq!(down.status(), Status::Unhealthy);
    assert_eq!(
        down.message(),
        "GET http://web/health?…: 503 Service Unavailable, expected 200-299"
    );
    let wanted = r#"{"status": [503, "100-199"], "method": "HEAD"}"#;
    assert_eq!(outcome(&world(503), wanted).status(), Status::Healthy);
    assert_eq!(
        outcome(&world(200), wanted).message(),
        "HEAD http://web/health?…: 200 OK, expected 503, 100-199"
    );
}

#[test]
fn a_failed_request_is_unhealthy_with_the_reason() {
    for (response, problem) in [
        (Problem::Refused.into(), "connection refused"),
        (
            Problem::Lookup("there is no such name".to_owned()).into(),
            "cannot look up the host: there is no such name",
        ),
        (
            Problem::Tls("no common protocol".to_owned()).into(),
            "TLS failed: no common protocol",
        ),
        (
            Problem::Protocol("it is not HTTP".to_owned()).into(),
            "the response is not valid: it is not HTTP",
        ),
        (
            Response::denied(),
            "denied: http http://web (add it to `allow.http` of the check)",
        ),
        (
            Response::ok("half").closes_early(),
            "the connection was closed by the other side",
        ),
        (
            Response::never(),
            "timed out after 2s while waiting for the response",
        ),
        (
            Response::ok("drip").body_after(Duration::from_secs(3)),
            "timed out after 2s while reading the response",
        ),
    ] {
        let outcome = outcome(&world(response), r#"{"timeout": "2s"}"#);
        assert_eq!(outcome.status(), Status::Unhealthy);
        let message = format!("cannot get http://web/health?…: {problem}");
        assert_eq!(outcome.message(), message);
    }
}

#[test]
fn a_slow_response_is_degraded_and_a_slower_one_unhealthy() {
    let wanted = r#"{"degraded_above": "100ms", "unhealthy_above": "1s"}"#;
    for (milliseconds, status, message) in [
        (100, Status::Healthy, "GET http://web/health?…: 200 OK"),
        (
            101,
            Status::Degraded,
            "GET http://web/health?…: 200 OK after 101ms, above 100ms",
        ),
        (
            1_500,
            Status::Unhealthy,
            "GET http://web/health?…: 200 OK after 1.5s, above 1s",
        ),
    ] {
        let response = Response::new(200).after(Duration::from_millis(milliseconds));
        let outcome = outcome(&world(response), wanted);
        assert_eq!((outcome.status(), outcome.message()), (status, message));
        let time = &outcome.measurements()[0];
        assert_eq!(time.degraded_at(), Some(Bound::Above(0.1)));
        assert_eq!(time.unhealthy_at(), Some(Bound::Above(1.0)));
    }
}

#[test]
fn the_response_has_details_and_measurements() {
    let response = Response::ok(r#"{"status": "ok"}"#).after(Duration::from_millis(12));
    let whole = outcome(&world(response), r#"{"json": {"/status": "ok"}}"#);
    assert_eq!(whole.status(), Status::Healthy, "{whole:?}");
    assert_eq!(whole.detail_of("status"), Some(&json!(200)));
    assert_eq!(whole.detail_of("latency_ms"), Some(&json!(12.0)));
    assert_eq!(whole.detail_of("size_bytes"), Some(&json!(16)));
    assert_eq!(whole.detail_of("truncated"), None);
    let measurements = whole.measurements().iter();
    let names: Vec<&str> = measurements.map(Measurement::name).collect();
    assert_eq!(names, ["response_time", "response_size"]);

    let cut = outcome(&world(Response::ok("x").truncated()), "{}");
    assert_eq!(cut.detail_of("truncated"), Some(&json!(true)));
}

#[test]
fn an_unexpected_body_is_unhealthy() {
    let garbage = world(Response::ok([0xff, 0x00, 0xfe]));
    let outcome = outcome(&garbage, r#"{"json": {"/status": "ok"}}"#);
    assert_eq!(outcome.status(), Status::Unhealthy);
    assert_eq!(
        outcome.message(),
        "GET http://web/health?…: 200 OK, but the body is not JSON"
    );
}

#[test]
fn redirects_are_followed_as_configured() {
    let world = world(Response::redirect(302, "/up"));
    world.http("GET", "http://web/up").responds("ok");
    let redirected = outcome(&world, "{}");
    assert_eq!(
        redirected.message(),
        "GET http://web/health?…: 302 Found, expected 200-299"
    );
    let followed = outcome(&world, r#"{"follow_redirects": 1}"#);
    assert_eq!(followed.status(), Status::Healthy);
    let there = json!("http://web/up");
    assert_eq!(followed.detail_of("redirected_to"), Some(&there));
}

#[test]
fn the_request_is_sent_as_configured() {
    let world = world(204);
    let wanted = r#"{"method": "PUT", "headers": {"x-key": "k"}, "body": "deep"}"#;
    assert_eq!(outcome(&world, wanted).status(), Status::Healthy);
    let [sent] = &world.requests()[..] else {
        panic!("{:?}", world.requests());
    };
    assert_eq!((sent.method(), sent.body()), ("PUT", &b"deep"[..]));
    assert_eq!(sent.header("x-key"), Some("k"));
    assert_eq!(sent.header("authorization"), Some("Basic b3BzOnNlY3JldA=="));
    assert_eq!(sent.url().query(), Some("token=secret"));
}

#[test]
fn messages_contain_no_secrets() {
    let wanted = r#"{"headers": {"x": "secret"}, "body": "secret", "json": {"/a": 1}}"#;
    for response in [Response::ok("secret"), Problem::Refused.into()] {
        let outcome = outcome(&world(response), wanted);
        assert_eq!(outcome.status(), Status::Unhealthy);
        assert!(!format!("{outcome:?}").contains("secret"), "{outcome:?}");
    }
}

#[test]
fn the_schema_marks_grants_and_secrets() {
    let schema = Settings::json_schema();
    assert_eq!(schema["required"], json!(["url"]));
    assert_eq!(schema["properties"]["url"]["x-vitals-grant"], "http");
    assert_eq!(schema["properties"]["headers"]["writeOnly"], true);
    assert_eq!(schema["properties"]["body"]["writeOnly"], true);
}
