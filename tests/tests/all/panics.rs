//! A panic of the host's own code costs one run of one check: it is said there, it is counted, and
//! no other check notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use vitals_host::Outcome;
use vitals_host::check::{ErrorTracker, GuestReport};
use vitals_tests::{Mounted, TestHost, eventually, guests};

/// An error tracker that panics while it is told to.
#[derive(Default)]
struct Brittle {
    whole: AtomicBool,
    calls: AtomicUsize,
}

impl ErrorTracker for Brittle {
    fn capture(&self, report: &GuestReport<'_>) -> Option<String> {
        self.calls.fetch_add(1, Ordering::AcqRel);
        let whole = self.whole.load(Ordering::Acquire);
        assert!(whole, "the tracker broke over `{}`", report.message);
        Some("event-1".into())
    }
}

fn counted(metrics: &str, series: &str) -> f64 {
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or(-1.0)
}

#[tokio::test]
async fn a_panic_of_the_host_inside_a_run_is_said_on_that_check_alone() {
    let config = "[metrics]\nenabled = true\n[defaults]\ninterval = '200ms'\ntimeout = '200ms'\n\
                  [checks.reports]\nplugin = 'log'\n[checks.good]\nplugin = 'hello'";
    let tracker = Arc::new(Brittle::default());
    let given = Arc::clone(&tracker);
    let host = TestHost::builder()
        .library("log", guests::LOG)
        .library("hello", guests::HELLO)
        .config(config)
        .with(|host| host.error_tracker(given))
        .start()
        .await;
    let check = host.check("reports").await;
    assert_eq!(
        (&check["status"], &check["error"]["code"]),
        (&json!("unknown"), &json!("host")),
        "{check:#}"
    );
    let message = check["message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("the host panicked during the run"),
        "{check:#}"
    );
    assert!(message.contains("the tracker broke over"), "{check:#}");
    assert_eq!(check["result"]["consecutive_failures"], 0, "{check:#}");
    // It goes on at its next due time, and each of them is counted.
    eventually("more runs of it", async || {
        let calls = tracker.calls.load(Ordering::Acquire);
        if calls >= 4 {
            Ok(())
        } else {
            Err(calls.to_string())
        }
    })
    .await;
    let check = host.check("reports").await;
    assert_eq!(check["result"]["breaker"]["open"], false, "{check:#}");
    let metrics = host.get("/metrics").await.body;
    assert!(
        counted(&metrics, "vitals_host_panics_total") >= 3.0,
        "{metrics}"
    );
    let of_check = r#"vitals_check_runs_total{check="reports",result="host"}"#;
    assert!(counted(&metrics, of_check) >= 3.0, "{metrics}");
    let good = host.check("good").await;
    assert_eq!(good["status"], "healthy", "{good:#}");
    assert_eq!(host.health().await["status"], "degraded");
    assert_eq!(host.get("/health/live").await.status, 200);
    assert_eq!(host.get("/health/ready").await.status, 200);

    tracker.whole.store(true, Ordering::Release);
    let fine = |check: &Value| check["status"] == "healthy";
    let check = host
        .eventually_check("reports", "it is well again", fine)
        .await;
    assert_eq!(check["details"]["event"], "event-1", "{check:#}");
}

#[tokio::test]
async fn a_panic_of_the_host_makes_nothing_better_that_was_unhealthy() {
    let config = "[checks.a]\nplugin = 'a'\ninterval = '200ms'\ntimeout = '200ms'";
    let given = Arc::new(Brittle::default());
    let host = TestHost::builder()
        .plugin("a", guests::RECURSE)
        .config(config)
        .with(|host| host.error_tracker(given))
        .start()
        .await;
    assert_eq!(host.check("a").await["status"], "unhealthy");
    host.drop_in("a", guests::LOG);
    let panicked = |check: &Value| check["error"]["code"] == "host";
    let check = host.eventually_check("a", "a panic", panicked).await;
    assert_eq!(check["status"], "unhealthy", "{check:#}");
    assert_eq!(check["result"]["status"], "unknown", "{check:#}");
    assert_eq!(host.health().await["status"], "unhealthy");
}

/// Panics when it is dropped.
struct Mine;

impl Drop for Mine {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "over the end of a check");
    }
}

#[tokio::test]
async fn a_panic_in_a_turn_of_the_watcher_costs_that_turn_alone() {
    // A check that is not enabled is nobody's but the watcher's, which drops it.
    let config = "[metrics]\nenabled = true\n[checks.mine]\nenabled = false";
    let (host, _place) = TestHost::builder().config(config).build().await;
    let mounted = Mounted::serve(host.router()).await;
    let mine = Mine;
    host.register("mine", move || {
        let _mine = &mine;
        async { Outcome::healthy("") }
    })
    .expect("a name");
    host.unregister("mine").expect("a name");
    host.register("after", || async { Outcome::healthy("it goes on") })
        .expect("a name");
    eventually("the check that came after", async || {
        let health = mounted.get("/health").await.json();
        let is_there = health["checks"][0]["message"] == "it goes on";
        if is_there && health["checks"].as_array().map(Vec::len) == Some(1) {
            Ok(())
        } else {
            Err(format!("{health:#}"))
        }
    })
    .await;
    eventually("the panic is counted", async || {
        let metrics = mounted.get("/metrics").await.body;
        if counted(&metrics, "vitals_host_panics_total") >= 1.0 {
            Ok(())
        } else {
            Err(metrics)
        }
    })
    .await;
    assert_eq!(mounted.get("/health/live").await.status, 200);
    host.shutdown().await;
}
