use vitals_sdk::http::Problem;
use vitals_sdk::testing::{Response, World};

use super::*;

const URL: &str = "http://shop:50051/grpc.health.v1.Health/Check";

fn settings(json: &str) -> Settings {
    let mut object = Value::from_json(json).unwrap();
    object["url"] = "http://ops:secret@shop:50051".into();
    Settings::read(object).unwrap()
}

/// Makes a world in which calls get this response.
fn world(response: impl Into<Response>) -> World {
    let world = World::new();
    world.http("POST", URL).responds(response);
    world
}

/// Returns what the host would show with these additional settings.
fn outcome(response: impl Into<Response>, json: &str) -> Outcome {
    world(response).outcome(|| check(settings(json)))
}

/// A response of gRPC with this body and status.
fn grpc(body: impl Into<Vec<u8>>, status: &str) -> Response {
    Response::ok(body)
        .header("content-type", "application/grpc")
        .trailer("grpc-status", status)
}

fn with_status(status: u8) -> Response {
    grpc([0, 0, 0, 0, 2, 8, status], "0")
}

/// A response without a message, which has its trailers in its head.
fn trailers_only(status: &str, message: &str) -> Response {
    Response::new(200)
        .header("content-type", "application/grpc")
        .header("grpc-status", status)
        .header("grpc-message", message)
}

#[test]
fn only_a_service_that_is_serving_is_healthy() {
    for (response, settings, status, message) in [
        (
            with_status(1),
            "{}",
            Status::Healthy,
            "the server is serving",
        ),
        (
            with_status(1),
            r#"{"service": "shop.v1.Orders"}"#,
            Status::Healthy,
            "the service `shop.v1.Orders` is serving",
        ),
        (
            with_status(2),
            "{}",
            Status::Unhealthy,
            "the server is not serving",
        ),
        (
            with_status(0),
            r#"{"service": "x"}"#,
            Status::Unhealthy,
            "the server does not know whether the service `x` is serving",
        ),
        // The status 0 is not written.
        (
            grpc(*b"\0\0\0\0\0", "0"),
            "{}",
            Status::Unhealthy,
            "the server does not know whether the server is serving",
        ),
        (
            with_status(3),
            r#"{"service": "x"}"#,
            Status::Unhealthy,
            "the server does not know the service `x`",
        ),
        (
            with_status(9),
            "{}",
            Status::Unhealthy,
            "the server has the status 9, which the health protocol does not define",
        ),
    ] {
        let outcome = outcome(response, settings);
        let expected = format!("http://shop:50051/: {message}");
        assert_eq!((outcome.status(), outcome.message()), (status, &*expected));
    }
    let serving = outcome(with_status(2), "{}");
    let status = serving.detail_of("serving_status");
    assert_eq!(status, Some(&json!("NOT_SERVING")));
}

#[test]
fn a_status_of_grpc_is_put_into_words() {
    for (status, message, words) in [
        (
            "12",
            "unknown service grpc.health.v1.Health",
            "the server does not offer the health service (UNIMPLEMENTED): unknown service grpc.health.v1.Health",
        ),
        (
            "5",
            "",
            "the server does not know the service `x` (NOT_FOUND)",
        ),
        (
            "14",
            "a%20b%0a",
            "the server is not available (UNAVAILABLE): a b\n",
        ),
        (
            "4",
            "",
            "the server did not answer in time (DEADLINE_EXCEEDED)",
        ),
        (
            "16",
            "",
            "the server does not accept the credentials (UNAUTHENTICATED)",
        ),
        (
            "7",
            "",
            "the server does not permit the call (PERMISSION_DENIED)",
        ),
        (
            "2",
            "boom",
            "the server ended the call with an error (UNKNOWN): boom",
        ),
        (
            "99",
            "",
            "the server ended the call with an error (code 99)",
        ),
        ("-1", "", "the gRPC status `-1` is not a number"),
    ] {
        let in_trailers = grpc(*b"", status).trailer("grpc-message", message);
        for response in [trailers_only(status, message), in_trailers] {
            let outcome = outcome(response, r#"{"service": "x"}"#);
            assert_eq!(outcome.status(), Status::Unhealthy);
            assert_eq!(outcome.message(), format!("http://shop:50051/: {words}"));
        }
    }
    let long = outcome(trailers_only("13", &"x".repeat(60_000)), "{}");
    assert!(long.message().len() < 400, "{}", long.message().len());
    assert_eq!(long.detail_of("grpc_status"), Some(&json!("INTERNAL")));
}

#[test]
fn a_response_that_is_not_grpc_is_named() {
    let html = |status| Response::new(status).header("content-type", "text/html");
    for (response, problem) in [
        (
            html(502),
            "the response is not gRPC: it has the HTTP status 502 Bad Gateway and the content type `text/html`",
        ),
        (
            html(200).trailer("grpc-status", "0"),
            "the response is not gRPC: it has the HTTP status 200 OK and the content type `text/html`",
        ),
        (
            Response::redirect(302, "/login"),
            "the response is not gRPC: it has the HTTP status 302 Found and no content type",
        ),
        (
            Response::new(404).header("content-type", "application/grpc-web+proto"),
            "the response is not gRPC: it has the HTTP status 404 Not Found and the content type \
             `application/grpc-web+proto`",
        ),
        (
            Response::ok("").header("content-type", "application/grpc+proto"),
            "the response ends without a gRPC status",
        ),
        (
            grpc(vec![0; 100_000], "0"),
            "the message is larger than 64 KiB",
        ),
        (grpc(*b"", "0"), "the response has no message"),
        (
            grpc(*b"\x01\0\0\0\x02\x08\x01", "0"),
            "the message is compressed, which the check does not accept",
        ),
        (
            grpc(*b"\0\0\0\0\x02\x0a\x09", "0"),
            "the message is not a response of the health protocol",
        ),
    ] {
        let outcome = outcome(response, "{}");
        assert_eq!(outcome.status(), Status::Unhealthy);
        assert_eq!(outcome.message(), format!("http://shop:50051/: {problem}"));
    }
}

#[test]
fn a_call_without_a_response_is_unhealthy() {
    for (response, problem) in [
        (Problem::Refused.into(), "connection refused"),
        (
            Response::never(),
            "timed out after 2s while waiting for the response",
        ),
    ] {
        let outcome = outcome(response, r#"{"timeout": "2s"}"#);
        assert_eq!(outcome.status(), Status::Unhealthy);
        assert_eq!(outcome.message(), format!("cannot post {URL}: {problem}"));
    }
}

#[test]
fn the_call_is_sent_as_configured() {
    let wanted = r#"{"service": "x", "timeout": "1500ms", "metadata": {"X-Key": "k"}}"#;
    let world = world(with_status(1));
    let healthy = world.outcome(|| check(settings(wanted)));
    assert_eq!(healthy.status(), Status::Healthy, "{healthy:?}");
    let [sent] = &world.requests()[..] else {
        panic!("{:?}", world.requests());
    };
    assert_eq!(sent.body(), b"\0\0\0\0\x03\x0a\x01x");
    for (name, value) in [
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-accept-encoding", "identity"),
        ("grpc-timeout", "1500m"),
        ("x-key", "k"),
        ("authorization", "Basic b3BzOnNlY3JldA=="),
    ] {
        assert_eq!(sent.header(name), Some(value));
    }
    let world = self::world(with_status(1));
    world.outcome(|| check(settings("{}")));
    let sent = world.requests().remove(0);
    assert_eq!(sent.body(), b"\0\0\0\0\0");
    assert_eq!(sent.header("grpc-timeout"), Some("4900m"));
}

#[test]
fn a_path_in_the_url_comes_before_the_method() {
    let world = World::new();
    let below = "https://shop/api/grpc.health.v1.Health/Check";
    world.http("POST", below).responds(with_status(1));
    let settings = Settings::from_json(r#"{"url": "https://shop/api/"}"#).unwrap();
    let outcome = world.outcome(|| check(settings));
    assert_eq!(outcome.status(), Status::Healthy, "{outcome:?}");
}

#[test]
fn a_slow_call_is_degraded_and_measured() {
    let world = World::new();
    let certificate = world.certificate("shop", 10);
    let response = with_status(1)
        .after(Duration::from_millis(612))
        .certificate(certificate);
    world
        .http("POST", "https://shop/grpc.health.v1.Health/Check")
        .responds(response);
    let settings = r#"{"url": "https://shop", "degraded_above": "500ms"}"#;
    let settings = Settings::from_json(settings).unwrap();
    let slow = world.outcome(|| check(settings));
    assert_eq!(
        (slow.status(), slow.message()),
        (
            Status::Degraded,
            "https://shop/: the server is serving after 612ms, above 500ms"
        )
    );
    let measurements = slow.measurements().iter();
    let names: Vec<&str> = measurements.map(Measurement::name).collect();
    assert_eq!(
        names,
        ["response_time", "first_byte_time", "certificate_expiry"]
    );
}

#[test]
fn settings_that_grpc_determines_are_not_offered() {
    let read = |json: &str| Settings::from_json(json).map(drop);
    assert_eq!(read(r#"{"url": "http://shop:1"}"#), Ok(()));
    for key in ["method", "http_version", "cookies", "follow_redirects"] {
        let json = json!({ "url": "http://shop:1", key: 1 });
        let error = read(&json.to_string()).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
    for name in ["Content-Type", "te", "grpc-timeout"] {
        let settings = settings(&json!({ "metadata": { name: "x" } }).to_string());
        let outcome = World::new().outcome(|| check(settings));
        assert_eq!(outcome.status(), Status::Unhealthy);
        assert_eq!(
            outcome.message(),
            format!("`metadata` has `{name}`, which only the check itself sets")
        );
    }
    let schema = Settings::json_schema();
    assert_eq!(schema["required"], json!(["url"]));
    assert_eq!(schema["properties"]["url"]["x-vitals-grant"], "http");
    assert_eq!(schema["properties"]["metadata"]["writeOnly"], true);
}
