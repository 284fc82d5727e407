//! The whole check against responses of Prometheus.

use vitals_sdk::testing::{Response, World};

use super::*;

fn settings(more: &Value) -> Settings {
    let mut settings = json!({
        "url": "http://ops:secret@prometheus:9090/prom/",
        "query": "queue_depth",
        "headers": { "x-token": "secret" },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        settings[key] = value.clone();
    }
    Settings::read(settings).unwrap()
}

fn outcome(more: &Value, response: impl Into<Response>) -> Outcome {
    let world = World::new();
    world
        .http("POST", "http://prometheus:9090/prom/api/v1/query")
        .responds(response.into());
    let outcome = world.outcome(|| check(settings(more)));
    assert!(!format!("{outcome:?}").contains("secret"), "{outcome:?}");
    let sent = &world.requests()[0];
    assert_eq!(sent.header("x-token"), Some("secret"));
    outcome
}

fn vector(series: &[(&str, &str)]) -> String {
    let series: Vec<_> = series
        .iter()
        .map(|(queue, value)| {
            json!({
                "metric": { "__name__": "queue_depth", "queue": queue },
                "value": [1_435_781_451.781, value],
            })
        })
        .collect();
    json!({ "status": "success", "data": { "resultType": "vector", "result": series } }).to_string()
}

#[test]
fn the_worst_series_decides_and_is_named() {
    let bounds = json!({ "degraded_above": 100, "unhealthy_above": 1000 });
    for (series, status, message) in [
        (
            &[("mail", "7")][..],
            Status::Healthy,
            r#"queue_depth{queue="mail"} is 7"#,
        ),
        (
            &[("mail", "7"), ("sms", "40"), ("fax", "0")],
            Status::Healthy,
            r#"queue_depth{queue="sms"} is 40, the worst of 3 series"#,
        ),
        (
            &[("mail", "700"), ("sms", "120")],
            Status::Degraded,
            r#"queue_depth{queue="mail"} is 700 (degraded above 100); 2 of 2 series are beyond their bounds"#,
        ),
        (
            &[("mail", "+Inf"), ("sms", "NaN")],
            Status::Unhealthy,
            r#"queue_depth{queue="mail"} is inf (unhealthy above 1000)"#,
        ),
    ] {
        let outcome = outcome(&bounds, vector(series).as_str());
        assert_eq!((outcome.status(), outcome.message()), (status, message));
        assert_eq!(
            outcome.measurements()[0].degraded_at(),
            Some(Bound::Above(100.0))
        );
        assert_eq!(outcome.detail_of("series"), Some(&json!(series.len())));
    }
}

#[test]
fn below_a_bound_the_smallest_is_the_worst_and_a_name_stands_for_the_query() {
    let more = json!({ "unhealthy_below": 0.5, "unit": "ratio", "name": "the success rate" });
    let outcome = outcome(&more, vector(&[("mail", "0.9"), ("sms", "0.25")]).as_str());
    assert_eq!(outcome.status(), Status::Unhealthy);
    assert_eq!(
        outcome.message(),
        "the success rate of {queue=\"sms\"} is 25 % (unhealthy below 50 %); 1 of 2 series is \
         beyond its bound"
    );
}

#[test]
fn a_scalar_is_a_number_and_other_results_are_not() {
    let response = |kind: &str, result: Value| {
        json!({ "status": "success", "data": { "resultType": kind, "result": result } }).to_string()
    };
    let scalar = response("scalar", json!([1.5, "42"]));
    let result = outcome(&json!({}), scalar.as_str());
    assert_eq!(
        (result.status(), result.message()),
        (Status::Healthy, "queue_depth is 42")
    );
    for (kind, result, message) in [
        (
            "string",
            json!([1, "x"]),
            "the query returns a string; it must return numbers",
        ),
        (
            "matrix",
            json!([]),
            "the query returns ranges; it must return one number per series: ",
        ),
    ] {
        let result = outcome(&json!({}), response(kind, result).as_str());
        assert_eq!(result.status(), Status::Unhealthy);
        assert!(result.message().starts_with(message), "{result:?}");
    }
}

#[test]
fn no_data_has_the_configured_status() {
    for (no_data, status) in [
        ("healthy", Status::Healthy),
        ("degraded", Status::Degraded),
        ("unhealthy", Status::Unhealthy),
    ] {
        let more = json!({ "no_data": no_data });
        let empty = outcome(&more, vector(&[]).as_str());
        assert_eq!(
            (empty.status(), empty.message()),
            (status, "queue_depth has no series")
        );
        let none = outcome(&more, vector(&[("mail", "NaN")]).as_str());
        assert_eq!(
            (none.status(), none.message()),
            (status, "queue_depth is not a number")
        );
    }
}

#[test]
fn errors_are_explained() {
    let refused = r#"{"status":"error","errorType":"bad_data","error":"1:3: parse error: unexpected <op:/>"}"#;
    for (response, message) in [
        (
            Response::new(400).body(refused),
            "http://prometheus:9090/prom/api/v1/query rejected the query: bad_data: 1:3: parse error: unexpected <op:/>",
        ),
        (
            Response::new(401).body("Unauthorized"),
            "http://prometheus:9090/prom/api/v1/query responded with 401 Unauthorized",
        ),
        (
            Response::new(200).body("<html>"),
            "http://prometheus:9090/prom/api/v1/query did not return a Prometheus response: ",
        ),
        (
            Response::new(200).body(vector(&[("mail", "many")])),
            "Prometheus returned `many` as a number: ",
        ),
    ] {
        let result = outcome(&json!({}), response);
        assert_eq!(result.status(), Status::Unhealthy);
        assert!(result.message().starts_with(message), "{result:?}");
    }
    let both = json!({ "degraded_above": 1, "degraded_below": 0 });
    let result = World::new().outcome(|| check(settings(&both)));
    assert!(
        result
            .message()
            .contains("`degraded_above` and `degraded_below`"),
        "{result:?}"
    );
}

#[test]
fn the_query_is_sent_in_the_body_and_warnings_are_shown() {
    let world = World::new();
    let response = r#"{"status":"success","warnings":["partial response"],"data":{"resultType":"scalar","result":[1,"1"]}}"#;
    world
        .http("POST", "http://prometheus:9090/prom/api/v1/query")
        .responds(response);
    let result = world.outcome(|| check(settings(&json!({ "query": "a{b=\"c&d\"} + 1" }))));
    assert_eq!(
        result.detail_of("warnings"),
        Some(&json!(["partial response"]))
    );
    let sent = &world.requests()[0];
    assert_eq!(
        String::from_utf8_lossy(sent.body()),
        "query=a%7Bb%3D%22c%26d%22%7D+%2B+1"
    );
}
