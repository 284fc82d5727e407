//! A panic of the host's own code costs one run of one check, or one iteration of the watcher: it is
//! shown and counted, and affects no other check.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use vitals_host::check::{ErrorTracker, GuestReport};
use vitals_host::{Host, Outcome};
use vitals_tests::guests::{HELLO, LOG, RECURSE};
use vitals_tests::{Mounted, TestHost, eventually, sample, when};

/// An error tracker that panics until it is fixed.
#[derive(Default)]
struct BrokenTracker {
    is_fixed: AtomicBool,
    calls: AtomicUsize,
}

impl ErrorTracker for BrokenTracker {
    fn capture(&self, report: &GuestReport<'_>) -> Option<String> {
        self.calls.fetch_add(1, Ordering::AcqRel);
        let is_fixed = self.is_fixed.load(Ordering::Acquire);
        assert!(is_fixed, "the tracker broke over `{}`", report.message);
        Some("event-1".into())
    }
}

const PANICS: &str = "vitals_host_panics_total";

#[tokio::test]
async fn a_panic_of_the_host_inside_a_run_affects_only_that_check() {
    let config = "[metrics]\nenabled = true\n[defaults]\ninterval = '200ms'\ntimeout = '200ms'\n\
                  [checks.reports]\nplugin = 'log'\n[checks.good]\nplugin = 'hello'";
    let tracker = Arc::<BrokenTracker>::default();
    let given = Arc::clone(&tracker);
    let host = TestHost::builder()
        .guests([LOG, HELLO])
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
    let expected = "the host panicked during the run";
    assert!(message.starts_with(expected), "{check:#}");
    assert!(message.contains("the tracker broke over"), "{check:#}");
    assert_eq!(check["result"]["consecutive_failures"], 0, "{check:#}");
    // It runs again at the next due time, and each panic is counted.
    eventually("more runs of it", async || {
        let calls = tracker.calls.load(Ordering::Acquire);
        when(calls >= 4, calls)
    })
    .await;
    let check = host.check("reports").await;
    assert_eq!(check["result"]["breaker"]["open"], false, "{check:#}");
    let metrics = host.get("/metrics").await.body;
    for series in [
        PANICS,
        r#"vitals_check_runs_total{check="reports",result="host"}"#,
    ] {
        assert!(sample(&metrics, series) >= Some(3.0), "{metrics}");
    }
    let good = host.check("good").await;
    assert_eq!(good["status"], "healthy", "{good:#}");
    assert_eq!(host.health().await["status"], "degraded");
    assert_eq!(host.get("/health/live").await.status, 200);
    assert_eq!(host.get("/health/ready").await.status, 200);

    tracker.is_fixed.store(true, Ordering::Release);
    let is_healthy = |check: &Value| check["status"] == "healthy";
    let check = host.eventually_check("reports", "it is healthy", is_healthy);
    assert_eq!(check.await["details"]["event"], "event-1");
}

#[tokio::test]
async fn a_panic_of_the_host_improves_no_status() {
    let config = "[checks.a]\nplugin = 'a'\ninterval = '200ms'\ntimeout = '200ms'";
    let given = Arc::<BrokenTracker>::default();
    let host = TestHost::builder()
        .plugin("a", RECURSE)
        .config(config)
        .with(|host| host.error_tracker(given))
        .start()
        .await;
    assert_eq!(host.check("a").await["status"], "unhealthy");
    host.drop_in("a", LOG);
    let panicked = |check: &Value| check["error"]["code"] == "host";
    let check = host.eventually_check("a", "a panic", panicked).await;
    assert_eq!(check["status"], "unhealthy", "{check:#}");
    assert_eq!(check["result"]["status"], "unknown", "{check:#}");
    assert_eq!(host.health().await["status"], "unhealthy");
}

/// Panics when it is dropped.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "over the end of a check");
    }
}

/// Makes the watcher panic: only it holds a check that is not enabled, `mine`, and drops it.
pub(crate) fn panic_in_watcher(host: &Host) {
    let mine = PanicsOnDrop;
    let check = move || {
        let _mine = &mine;
        async { Outcome::healthy("") }
    };
    host.register("mine", check).expect("a name");
    host.unregister("mine").expect("a name");
}

#[tokio::test]
async fn a_panic_of_the_watcher_costs_one_iteration() {
    let config = "[metrics]\nenabled = true\n[checks.mine]\nenabled = false";
    let (host, _place) = TestHost::builder().config(config).build().await;
    let mounted = Mounted::serve(host.router()).await;
    panic_in_watcher(&host);
    host.register("after", || async { Outcome::healthy("it goes on") })
        .expect("a name");
    eventually("the check that came after", async || {
        let health = mounted.get("/health").await.json();
        let is_there = health["checks"][0]["message"] == "it goes on";
        let is_alone = health["checks"].as_array().map(Vec::len) == Some(1);
        when(is_there && is_alone, health)
    })
    .await;
    eventually("the panic is counted", async || {
        let metrics = mounted.get("/metrics").await.body;
        when(sample(&metrics, PANICS) >= Some(1.0), metrics)
    })
    .await;
    assert_eq!(mounted.get("/health/live").await.status, 200);
    host.shutdown().await;
}
