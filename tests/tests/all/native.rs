//! Native checks, and the host inside of another service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use vitals_host::check::{Status, seconds};
use vitals_host::{Host, Outcome};
use vitals_tests::guests::HELLO;
use vitals_tests::{Mounted, TestHost, eventually, when};

async fn health(mounted: &Mounted, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let health = mounted.get("/health").await.json();
        when(is_so(&health), health)
    })
    .await
}

fn named<'a>(health: &'a Value, name: &str) -> Option<&'a Value> {
    let mut checks = health["checks"].as_array()?.iter();
    checks.find(|check| check["name"] == name)
}

#[tokio::test]
async fn native_checks_run_beside_plugins() {
    let config = "[checks.database]\ninterval = '15s'\ntimeout = '2s'\ncritical = false";
    let host = TestHost::builder()
        .config(config)
        .guests([HELLO])
        .with(|host| {
            host.check("database", || async {
                Outcome::degraded("slow")
                    .detail("rows", 7)
                    .measure(seconds("lag", Duration::from_millis(1_500)).degraded_above(1))
            })
            .check("queue", || async { Err::<Outcome, _>("no such queue") })
        })
        .start()
        .await;
    let check = host.check("database").await;
    assert_eq!(
        (&check["status"], &check["message"]),
        (&json!("degraded"), &json!("slow"))
    );
    assert_eq!(check["details"], json!({ "rows": 7 }));
    assert_eq!(
        check["result"]["measurements"],
        json!([{ "name": "lag", "value": 1.5, "unit": "seconds", "degraded_at": { "above": 1.0 } }])
    );
    assert_eq!(
        (&check["interval_ms"], &check["critical"]),
        (&json!(15_000), &json!(false))
    );
    assert_eq!(check["plugin"], Value::Null);
    let check = host.check("queue").await;
    assert_eq!(
        (&check["status"], &check["message"]),
        (&json!("unhealthy"), &json!("no such queue"))
    );
    assert_eq!(
        (&check["interval_ms"], &check["critical"]),
        (&json!(30_000), &json!(true))
    );
    assert_eq!(host.check("module:hello").await["status"], "healthy");
}

#[tokio::test]
async fn native_checks_are_registered_replaced_and_unregistered_while_the_host_runs() {
    let (host, _place) = TestHost::builder().build().await;
    let mounted = Mounted::serve(host.router()).await;
    health(&mounted, "no checks", |health| {
        health["checks"] == json!([])
    })
    .await;

    let shows = async |message: &str| {
        let is_so = |check: &Value| check["message"] == message;
        let is_so = |health: &Value| named(health, "cache").is_some_and(is_so);
        health(&mounted, message, is_so).await;
    };
    host.register("cache", || async { Outcome::healthy("one") })
        .unwrap();
    shows("one").await;
    // It takes the place of the first one, and runs at once.
    host.register("cache", || async { Outcome::unhealthy("two") })
        .unwrap();
    shows("two").await;
    assert_eq!(host.health(), Status::Unhealthy);

    let registered = host.register("late", || async { Outcome::healthy("") });
    registered.unwrap().applied().await.unwrap();
    let shown: Value = serde_json::from_slice(&host.health_json()).unwrap();
    assert!(named(&shown, "late").is_some(), "{shown}");
    host.unregister("late").unwrap();

    host.unregister("cache").unwrap();
    health(&mounted, "no check", |health| {
        named(health, "cache").is_none()
    })
    .await;
    assert_eq!(host.health(), Status::Healthy);
    host.shutdown().await;
}

#[tokio::test]
async fn an_invalid_name_of_a_native_check_is_an_error() {
    let check = || async { Outcome::healthy("") };
    let (host, _place) = TestHost::builder().build().await;
    let registered = host.register("Bad Name", check).unwrap_err();
    host.shutdown().await;
    let started = Host::builder().check("Bad Name", check).start().await;
    let started = started.expect_err("it is rejected");
    for error in [registered.to_string(), started.to_string()] {
        let expected = "`Bad Name` is not a valid check name";
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_panic_of_a_native_check_affects_only_its_run() {
    let broken = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&broken);
    let check = move || {
        assert!(!state.load(Ordering::Acquire), "before the future");
        async { Outcome::healthy("fine") }
    };
    let config = "[checks.broken]\ninterval = '100ms'\ntimeout = '100ms'";
    let host = TestHost::builder()
        .config(config)
        .guests([HELLO])
        .with(|host| {
            host.check("broken", check).check("inside", || async {
                tokio::task::yield_now().await;
                no_outcome()
            })
        });
    let host = host.start().await;
    let inside = host.check("inside").await;
    assert_eq!(
        (&inside["status"], &inside["error"]["code"]),
        (&json!("unhealthy"), &json!("panic"))
    );
    assert_eq!(inside["message"], "panicked: inside the future");
    assert_eq!(
        host.check("broken").await["message"],
        "panicked: before the future"
    );
    assert_eq!(host.check("module:hello").await["status"], "healthy");
    assert_eq!(host.get("/health/live").await.status, 200);
    broken.store(false, Ordering::Release);
    let is_healthy = |check: &Value| check["status"] == "healthy";
    host.eventually_check("broken", "it runs again", is_healthy)
        .await;
}

#[tokio::test]
async fn a_native_check_has_its_timeout() {
    let config = "[checks.stuck]\ntimeout = '100ms'";
    let host = TestHost::builder().config(config).with(|host| {
        host.check("stuck", || async {
            tokio::time::sleep(Duration::from_hours(1)).await;
            Outcome::healthy("")
        })
    });
    let host = host.start().await;
    let check = host.check("stuck").await;
    assert_eq!(
        (&check["error"]["code"], &check["error"]["limit"]),
        (&json!("timeout"), &json!("100ms"))
    );
    assert_eq!(check["message"], "timed out after 100ms");
    let latency = check["latency_ms"].as_f64().unwrap_or_default();
    assert!((100.0..1100.0).contains(&latency), "{check:#}");
}

#[tokio::test]
async fn a_service_with_a_health_page_of_its_own_mounts_the_probes() {
    let builder = TestHost::builder()
        .with(|host| host.check("database", || async { Outcome::unhealthy("gone") }));
    let (host, _place) = builder.build().await;
    let own = Router::new()
        .route("/health", get(|| async { "my own" }))
        .route("/orders", get(|| async { "none" }));
    let mounted = Mounted::serve(own.merge(host.probes_router())).await;
    host.first_round().await;
    for (path, body) in [
        ("/health", "my own"),
        ("/orders", "none"),
        // The service owns other paths.
        ("/nowhere", ""),
        ("/health/live", r#"{"status":"alive"}"#),
    ] {
        assert_eq!(mounted.get(path).await.text(), body, "{path}");
    }
    assert_eq!(mounted.get("/health/ready").await.status, 503);
    assert_eq!(
        mounted.get("/health/checks/database").await.json()["message"],
        "gone"
    );
    let json: Value = serde_json::from_slice(&host.health_json()).unwrap();
    assert_eq!(json["status"], "unhealthy");
    host.shutdown().await;
    assert_eq!(
        mounted.get("/health/ready").await.json()["status"],
        "not_ready"
    );
}

fn no_outcome() -> Outcome {
    panic!("inside the future");
}
