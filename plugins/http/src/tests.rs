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
            Problem::Tls("the server does not select HTTP/2".to_owned()).into(),
            "the server does not select HTTP/2",
        ),
        (
            Problem::Protocol("the response is not HTTP/1".to_owned()).into(),
            "the response is not HTTP/1",
        ),
        (
            Response::denied(),
            "denied: http http://web (add it to `allow.http` of the check)",
        ),
        (
            Response::ok("half").closes_early(),
            "the server closed the connection before the end of the body",
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
    assert_eq!(whole.detail_of("http_version"), Some(&json!("HTTP/1.1")));
    let measurements = whole.measurements().iter();
    let names: Vec<&str> = measurements.map(Measurement::name).collect();
    assert_eq!(names, ["response_time", "response_size", "first_byte_time"]);

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
fn a_body_is_judged_as_text_in_its_charset() {
    let latin = |charset: &str| {
        let kind = format!("text/plain; charset={charset}");
        Response::ok(*b"gr\xfcn").header("content-type", kind)
    };
    let utf16 = Response::ok(*b"\xff\xfeg\0r\0\xfc\0n\0");
    for response in [latin("iso-8859-1"), latin("windows-1252"), utf16] {
        let wanted = r#"{"body_contains": "grün", "body_matches": "^grün$"}"#;
        let outcome = outcome(&world(response), wanted);
        assert_eq!(outcome.status(), Status::Healthy, "{outcome:?}");
    }
    let marked = Response::ok("\u{feff}{\"up\": \"ü\"}");
    let utf16 = "{\"up\": \"ü\"}".encode_utf16();
    let big_endian: Vec<u8> = utf16.flat_map(u16::to_be_bytes).collect();
    let big_endian = Response::ok(big_endian).header("content-type", "a/b; charset=utf-16be");
    for response in [marked, big_endian] {
        let outcome = outcome(&world(response), r#"{"json": {"/up": "ü"}}"#);
        assert_eq!(outcome.status(), Status::Healthy, "{outcome:?}");
    }
}

#[test]
fn a_coding_that_the_host_does_not_decode_is_named() {
    let coded = Response::ok("x").header("content-encoding", "compress");
    let world = world(coded);
    assert_eq!(outcome(&world, "{}").status(), Status::Healthy);
    assert_eq!(
        outcome(&world, r#"{"json": {"/up": true}}"#).message(),
        "GET http://web/health?…: 200 OK, but the body has the content coding `compress`, which the host does \
         not decode"
    );
}

#[test]
fn a_status_alone_can_be_enough() {
    let endless = Response::ok("data: 1\n\n").body_after(Duration::from_hours(1));
    let world = world(endless.header("content-type", "text/event-stream"));
    let healthy = outcome(&world, r#"{"read_body": false}"#);
    assert_eq!(healthy.status(), Status::Healthy, "{healthy:?}");
    for detail in ["size_bytes", "truncated"] {
        assert_eq!(healthy.detail_of(detail), None);
    }
    assert_eq!(healthy.measurements().len(), 1, "{healthy:?}");
    let outcome = outcome(&world, r#"{"read_body": false, "body_contains": "1"}"#);
    assert_eq!(
        outcome.message(),
        "`read_body` is false, but `body_contains`, `body_matches` or `json` needs the body"
    );
}

#[test]
fn redirects_are_followed_unless_their_status_is_expected() {
    let world = world(Response::redirect(302, "/up?token=secret"));
    world
        .http("GET", "http://web/up?token=secret")
        .responds("ok");
    let there = json!("http://web/up?…");
    for (settings, target) in [
        ("{}", Some(&there)),
        (r#"{"follow_redirects": 1}"#, Some(&there)),
        (
            r#"{"status": [200, 302], "follow_redirects": 1}"#,
            Some(&there),
        ),
        (r#"{"status": ["200-399"]}"#, None),
        (r#"{"status": [302]}"#, None),
    ] {
        let outcome = outcome(&world, settings);
        assert_eq!(outcome.status(), Status::Healthy, "{settings}: {outcome:?}");
        assert_eq!(outcome.detail_of("redirected_to"), target, "{settings}");
    }
}

#[test]
fn a_redirect_that_is_not_followed_says_where_it_leads() {
    for (response, settings, expected) in [
        (
            Response::redirect(302, "/up?token=secret"),
            r#"{"follow_redirects": 0}"#,
            "302 Found, expected 200-299; it leads to http://web/up?… (set `follow_redirects` to follow it)",
        ),
        (
            Response::redirect(301, "mailto:a@b?secret"),
            r#"{"status": [302]}"#,
            "301 Moved Permanently, expected 302; it leads to `mailto:a@b` (set `follow_redirects` to follow it)",
        ),
        (
            Response::new(302),
            r#"{"follow_redirects": 0}"#,
            "302 Found, expected 200-299",
        ),
        (
            Response::redirect(304, "/up"),
            "{}",
            "304 Not Modified, expected 200-299",
        ),
    ] {
        assert_eq!(
            outcome(&world(response), settings).message(),
            format!("GET http://web/health?…: {expected}")
        );
    }
    let circle = outcome(&world(Response::redirect(302, URL)), "{}");
    assert_eq!(
        circle.message(),
        "cannot get http://web/health?…: cannot follow the redirect: more than 10 in a row"
    );
}

#[test]
fn the_expiry_of_the_certificate_is_measured_even_if_it_is_not_trusted() {
    let world = World::new();
    let expiry = |outcome: &Outcome| {
        let mut all = outcome.measurements().iter();
        let measured = all.find(|measured| measured.name() == "certificate_expiry");
        measured.map(|measured| (measured.value(), measured.unit().to_owned()))
    };
    let expired = "the certificate of web is not trusted: it expired 2 d ago";
    for (response, days) in [
        (Response::ok("up"), 10),
        (Response::problem(Problem::Tls(expired.to_owned())), -2),
    ] {
        let certificate = world.certificate("web", days);
        #[expect(clippy::cast_precision_loss, reason = "a time of this century")]
        let end = certificate.not_after as f64;
        let response = response.certificate(certificate);
        world.http("GET", "https://web/").responds(response);
        let settings = Settings::from_json(r#"{"url": "https://web/"}"#).unwrap();
        let outcome = world.outcome(|| check(settings));
        let is_trusted = outcome.status() == Status::Healthy;
        assert!(
            is_trusted || outcome.message().ends_with(expired),
            "{outcome:?}"
        );
        assert_eq!(expiry(&outcome), Some((end, "timestamp".to_owned())));
    }
    let plain = outcome(&self::world(200), "{}");
    assert_eq!(expiry(&plain), None);
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

    let wanted = r#"{"user": "me", "password": "x%41", "verify": "chain"}"#;
    assert_eq!(outcome(&world, wanted).status(), Status::Healthy);
    let sent = world.requests().pop().unwrap();
    assert_eq!(sent.header("authorization"), Some("Basic bWU6eCU0MQ=="));
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
    assert_eq!(schema["properties"]["password"]["writeOnly"], true);
}
