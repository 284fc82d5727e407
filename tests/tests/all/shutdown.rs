//! The end: not ready at once, runs in flight get their grace, then all is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use vitals_host::Outcome;
use vitals_tests::{TestHost, TestHostBuilder, Vitals, eventually, get, guests};

/// Runs that were begun, and runs that came to their end.
#[derive(Clone, Default)]
struct Runs {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

/// A host with a check whose first run ends at once and whose later ones take `time`.
fn with_slow_check(runs: &Runs, time: Duration) -> TestHostBuilder {
    let runs = runs.clone();
    let check = move || {
        let runs = runs.clone();
        async move {
            if runs.begun.fetch_add(1, Ordering::AcqRel) > 0 {
                tokio::time::sleep(time).await;
            }
            runs.ended.fetch_add(1, Ordering::AcqRel);
            Outcome::healthy("")
        }
    };
    let config =
        "[checks.slow]\ninterval = '10s'\ntimeout = '10s'\n[defaults]\nretry_interval = '10s'";
    TestHost::builder()
        .config(config)
        .with(|host| host.check("slow", check))
}

#[tokio::test]
async fn the_host_is_unready_at_once_and_a_run_in_flight_ends() {
    let runs = Runs::default();
    let builder =
        with_slow_check(&runs, Duration::from_millis(900)).argument("checks.slow.interval", "1s");
    let builder = builder
        .argument("checks.slow.timeout", "1s")
        .argument("checks.slow.retry_interval", "1s");
    let host = builder.start().await;
    host.health().await;
    assert_eq!(host.get("/health/ready").await.status, 200);
    eventually("a second run is in flight", async || {
        let begun = runs.begun.load(Ordering::Acquire);
        if begun == 2 {
            Ok(())
        } else {
            Err(begun.to_string())
        }
    })
    .await;
    let address = host.address();
    let (_place, served) = host.begin_to_stop();
    let ready = eventually("not ready", async || {
        let ready = get(address, "/health/ready").await?;
        if ready.status == 503 {
            Ok(ready)
        } else {
            Err(ready.body)
        }
    })
    .await;
    assert_eq!(ready.text(), r#"{"status":"not_ready","health":"healthy"}"#);
    assert_eq!(
        runs.ended.load(Ordering::Acquire),
        1,
        "the run is still in flight"
    );
    assert_eq!(
        get(address, "/health/live")
            .await
            .map(|answer| answer.status),
        Ok(200)
    );
    assert_eq!(
        get(address, "/health").await.map(|answer| answer.status),
        Ok(200)
    );
    assert_eq!(served.await.expect("no panic"), 0, "no run was dropped");
    assert_eq!(
        runs.ended.load(Ordering::Acquire),
        2,
        "the run came to its end"
    );
    assert!(
        get(address, "/health/live").await.is_err(),
        "nobody answers any more"
    );
}

#[tokio::test]
async fn a_run_that_outlasts_its_grace_is_dropped() {
    let config = "[server]\nshutdown_grace = '200ms'\n\
                  [checks.slow]\nplugin = 'sleep'\ntimeout = '20s'\nconfig = { time = '15s' }\n\
                  [checks.stubborn]\nplugin = 'spin'\ntimeout = '20s'\n\
                  limits = { fuel = 1_000_000_000_000 }";
    let builder = TestHost::builder()
        .library("sleep", guests::SLEEP)
        .library("spin", guests::SPIN);
    let host = builder
        .config("[metrics]\nenabled = true")
        .config(config)
        .start()
        .await;
    eventually("both runs are in flight", async || {
        let metrics = host.get("/metrics").await.body;
        if metrics.contains("\nvitals_runs_in_flight 2\n") {
            Ok(())
        } else {
            Err(metrics)
        }
    })
    .await;
    let begun = Instant::now();
    assert_eq!(host.stop().await, 2);
    let took = begun.elapsed();
    assert!((200..3000).contains(&took.as_millis()), "it took {took:?}");
}

#[tokio::test]
async fn who_waits_for_the_first_round_is_answered_when_the_host_ends() {
    let config = "[server]\nshutdown_grace = '100ms'\n\
                  [checks.slow]\nplugin = 'sleep'\ntimeout = '20s'\nconfig = { time = '15s' }";
    let host = TestHost::builder()
        .library("sleep", guests::SLEEP)
        .config(config)
        .start()
        .await;
    let address = host.address();
    let waiting = tokio::spawn(async move { get(address, "/health").await });
    eventually("the check is there", async || {
        let answer = get(address, "/health/checks/slow").await?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(answer.body)
        }
    })
    .await;
    host.stop().await;
    // Answered where the request came before the end, else refused; never left hanging.
    if let Ok(answer) = waiting.await.expect("no panic") {
        assert_eq!(answer.json()["checks"][0]["status"], "unknown");
    }
}

#[tokio::test]
async fn the_binary_ends_well_on_sigterm_after_the_run_in_flight() {
    let config = "[server]\nlisten = '127.0.0.1:0'\n[metrics]\nenabled = true\n\
                  [checks.slow]\nplugin = 'sleep'\nconfig = { time = '1500ms' }";
    let serving = Vitals::new(["serve"])
        .config(config)
        .plugin("sleep", guests::SLEEP);
    let mut serving = serving.serve().await;
    eventually("the run is in flight", async || {
        let metrics = serving.get("/metrics").await?.body;
        if metrics.contains("\nvitals_runs_in_flight 1\n") {
            Ok(())
        } else {
            Err(metrics)
        }
    })
    .await;
    serving.terminate();
    eventually("not ready", async || {
        let ready = serving.get("/health/ready").await?;
        let unready = ready.text() == r#"{"status":"not_ready","health":"degraded"}"#;
        let told = serving
            .log()
            .iter()
            .any(|line| line.contains("SIGTERM: shutting down"));
        if unready && told {
            Ok(())
        } else {
            Err(ready.body)
        }
    })
    .await;
    let status = serving.ended().await;
    assert_eq!(status.code(), Some(0), "{status}");
    let log = serving.log().join("\n");
    assert!(log.contains("host stopped"), "{log}");
    assert!(
        log.contains("check is healthy"),
        "the run in flight has its result: {log}"
    );
}

#[tokio::test]
async fn the_binary_says_which_runs_it_dropped() {
    let config = "[server]\nlisten = '127.0.0.1:0'\nshutdown_grace = '100ms'\n[metrics]\nenabled = true\n\
                  [checks.slow]\nplugin = 'sleep'\ntimeout = '20s'\nconfig = { time = '15s' }";
    let serving = Vitals::new(["serve"])
        .config(config)
        .plugin("sleep", guests::SLEEP);
    let mut serving = serving.serve().await;
    eventually("the run is in flight", async || {
        let metrics = serving.get("/metrics").await?.body;
        if metrics.contains("\nvitals_runs_in_flight 1\n") {
            Ok(())
        } else {
            Err(metrics)
        }
    })
    .await;
    serving.terminate();
    assert_eq!(serving.ended().await.code(), Some(0));
    let log = serving.log().join("\n");
    assert!(
        log.contains("runs did not finish within the shutdown grace unfinished=1"),
        "{log}"
    );
}
