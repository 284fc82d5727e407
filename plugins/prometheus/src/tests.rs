//! The whole check against responses of Prometheus.

use vitals_sdk::testing::{Response, World};

use super::*;

const URL: &str = "http://prometheus:9090/prom/api/v1/query";

/// Returns what the host would show, and the world, if Prometheus answers so. The default query is
/// `queue_depth`.
fn outcome(mut settings: Value, response: impl Into<Response>) -> (World, Outcome) {
    settings["url"] = "http://ops:secret@prometheus:9090/prom/".into();
    settings["headers"] = json!({ "x-token": "secret" });
    if settings["query"].is_null() {
        settings["query"] = "queue_depth".into();
    }
    let world = World::new();
    world.http("POST", URL).responds(response.into());
    let outcome = world.outcome(|| check(Settings::read(settings).unwrap()));
    assert!(!format!("{outcome:?}").contains("secret"), "{outcome:?}");
    for sent in world.requests() {
        assert_eq!(sent.header("x-token"), Some("secret"));
    }
    (world, outcome)
}

/// Returns status and message.
fn shown(settings: Value, response: impl Into<Response>) -> String {
    let (_, outcome) = outcome(settings, response);
    format!("{}: {}", outcome.status(), outcome.message())
}

/// Makes a response with these queues and values.
fn vector(series: &[(&str, &str)]) -> Response {
    let series: Vec<_> = series
        .iter()
        .map(|(queue, value)| {
            json!({
                "metric": { "__name__": "queue_depth", "queue": queue },
                "value": [1_435_781_451.781, value],
            })
        })
        .collect();
    result("vector", json!(series))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the tests make the value in place"
)]
fn result(kind: &str, result: Value) -> Response {
    let data = json!({ "resultType": kind, "result": result });
    Response::new(200).json(&json!({ "status": "success", "data": data }))
}

#[test]
fn the_worst_series_decides_and_is_named() {
    for (series, expected) in [
        (
            &[("mail", "7")][..],
            r#"healthy: queue_depth{queue="mail"} is 7"#,
        ),
        (
            &[("mail", "7"), ("sms", "40"), ("fax", "0")],
            r#"healthy: queue_depth{queue="sms"} is 40, the worst of 3 series"#,
        ),
        (
            &[("mail", "700"), ("sms", "120")],
            r#"degraded: queue_depth{queue="mail"} is 700 (degraded above 100); 2 of 2 series are beyond their bounds"#,
        ),
        (
            &[("mail", "+Inf"), ("sms", "NaN")],
            r#"unhealthy: queue_depth{queue="mail"} is inf (unhealthy above 1000)"#,
        ),
    ] {
        let bounds = json!({ "degraded_above": 100, "unhealthy_above": 1000 });
        assert_eq!(shown(bounds.clone(), vector(series)), expected);
        let (_, outcome) = outcome(bounds, vector(series));
        let value = &outcome.measurements()[0];
        assert_eq!(value.name(), "value");
        assert_eq!(value.degraded_at(), Some(Bound::Above(100.0)));
        assert_eq!(outcome.detail_of("series"), Some(&json!(series.len())));
    }
}

#[test]
fn below_a_bound_the_smallest_is_the_worst_and_a_name_stands_for_the_query() {
    let settings = json!({ "unhealthy_below": 0.5, "unit": "ratio", "name": "the success rate" });
    assert_eq!(
        shown(settings, vector(&[("mail", "0.9"), ("sms", "0.25")])),
        "unhealthy: the success rate of {queue=\"sms\"} is 25 % (unhealthy below 50 %); \
         1 of 2 series is beyond its bound"
    );
}

#[test]
fn a_scalar_is_a_number_and_other_results_are_not() {
    for (kind, value, expected) in [
        ("scalar", json!([1.5, "42"]), "healthy: queue_depth is 42"),
        (
            "string",
            json!([1, "x"]),
            "unhealthy: the query returns a string; it must return numbers",
        ),
        (
            "matrix",
            json!([]),
            "unhealthy: the query returns ranges; it must return one number per series: \
             wrap it, for example, in `avg_over_time(…)`",
        ),
    ] {
        assert_eq!(shown(json!({}), result(kind, value)), expected);
    }
}

#[test]
fn no_data_has_the_configured_status() {
    for status in ["healthy", "degraded", "unhealthy"] {
        let settings = || json!({ "no_data": status });
        assert_eq!(
            shown(settings(), vector(&[])),
            format!("{status}: queue_depth has no series")
        );
        assert_eq!(
            shown(settings(), vector(&[("mail", "NaN")])),
            format!("{status}: queue_depth is not a number")
        );
    }
}

#[test]
fn errors_are_explained() {
    let rejected = r#"{"status":"error","errorType":"bad_data","error":"1:3: parse error: unexpected <op:/>"}"#;
    for (response, expected) in [
        (
            Response::new(400).body(rejected),
            "<url> rejected the query: bad_data: 1:3: parse error: unexpected <op:/>",
        ),
        (
            Response::new(401).body("Unauthorized"),
            "<url> responded with 401 Unauthorized",
        ),
        (
            Response::new(200).body("<html>"),
            "<url> did not return a Prometheus response: ",
        ),
        (
            vector(&[("mail", "many")]),
            "Prometheus returned `many` as a number: ",
        ),
        (Response::never(), "cannot post <url>: timed out after "),
    ] {
        let shown = shown(json!({}), response).replace(URL, "<url>");
        let expected = format!("unhealthy: {expected}");
        assert!(shown.starts_with(&expected), "{shown}");
    }
    let both = json!({ "degraded_above": 1, "degraded_below": 0 });
    let shown = shown(both, Response::never());
    let keys = "`degraded_above` and `degraded_below`";
    assert!(shown.contains(keys), "{shown}");
}

#[test]
fn the_query_is_sent_in_the_body_and_warnings_are_shown() {
    let response = r#"{"status":"success","warnings":["partial response"],"data":{"resultType":"scalar","result":[1,"1"]}}"#;
    let settings = json!({ "query": "a{b=\"c&d\"} + 1", "user": "me", "password": "x%41" });
    let (world, outcome) = outcome(settings, response);
    let authorization = world.requests()[0]
        .header("authorization")
        .map(str::to_owned);
    assert_eq!(authorization.as_deref(), Some("Basic bWU6eCU0MQ=="));
    assert_eq!(
        world.requests()[0].text(),
        "query=a%7Bb%3D%22c%26d%22%7D+%2B+1"
    );
    let warnings = outcome.detail_of("warnings");
    assert_eq!(warnings, Some(&json!(["partial response"])));
}
