//! Shutdown: the host is unready at once, runs in flight get their grace period, then everything ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use vitals_host::Outcome;
use vitals_tests::guests::{SLEEP, SPIN};
use vitals_tests::{Serving, TestHost, Vitals, eventually, get, when};

/// The runs that began, and those that ended.
#[derive(Clone, Default)]
struct Runs {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

#[tokio::test]
async fn the_host_is_unready_at_once_and_a_run_in_flight_ends() {
    let runs = Runs::default();
    let counted = runs.clone();
    // The first run ends at once.
    let check = move || {
        let runs = counted.clone();
        async move {
            if runs.begun.fetch_add(1, Ordering::AcqRel) > 0 {
                tokio::time::sleep(Duration::from_millis(900)).await;
            }
            runs.ended.fetch_add(1, Ordering::AcqRel);
            Outcome::healthy("")
        }
    };
    let config = "[checks.slow]\ninterval = '1s'\ntimeout = '1s'\nretry_interval = '1s'";
    let builder = TestHost::builder().config(config);
    let host = builder.with(|host| host.check("slow", check)).start().await;
    host.health().await;
    assert_eq!(host.get("/health/ready").await.status, 200);
    eventually("a second run is in flight", async || {
        let begun = runs.begun.load(Ordering::Acquire);
        when(begun == 2, begun)
    })
    .await;
    let address = host.address();
    let (_place, served) = host.begin_to_stop();
    eventually("the host is unready", async || {
        let ready = get(address, "/health/ready").await?.body;
        let unready = r#"{"status":"not_ready","health":"healthy"}"#;
        when(ready == unready, ready)
    })
    .await;
    let ended = || runs.ended.load(Ordering::Acquire);
    assert_eq!(ended(), 1, "the run is still in flight");
    for page in ["/health/live", "/health"] {
        let status = get(address, page).await.map(|page| page.status);
        assert_eq!(status, Ok(200), "{page}");
    }
    assert_eq!(served.await.expect("no panic"), 0, "no run was dropped");
    assert_eq!(ended(), 2, "the run has ended");
    let closed = get(address, "/health/live").await;
    assert!(closed.is_err(), "{closed:?}");
}

/// A check that runs for longer than its grace period.
const SLOW: &str = "[metrics]\nenabled = true\n[server]\nshutdown_grace = '200ms'\n\
                    [checks.slow]\nplugin = 'sleep'\ntimeout = '20s'\nconfig = { time = '15s' }\n";

fn in_flight(metrics: String, count: usize) -> Result<String, String> {
    let series = format!("\nvitals_runs_in_flight {count}\n");
    when(metrics.contains(&series), metrics)
}

#[tokio::test]
async fn a_run_that_exceeds_its_grace_period_is_dropped() {
    let spin = "[checks.stubborn]\nplugin = 'spin'\ntimeout = '20s'\n\
                limits = { fuel = 1_000_000_000_000 }";
    let host = TestHost::start(&format!("{SLOW}{spin}"), [SLEEP, SPIN]).await;
    eventually("both runs are in flight", async || {
        in_flight(host.get("/metrics").await.body, 2)
    })
    .await;
    let begun = Instant::now();
    assert_eq!(host.stop().await, 2);
    let took = begun.elapsed();
    assert!((200..3000).contains(&took.as_millis()), "it took {took:?}");
}

#[tokio::test]
async fn a_request_that_waits_for_the_first_round_gets_a_response_at_shutdown() {
    let host = TestHost::start(SLOW, [SLEEP]).await;
    let address = host.address();
    let waiting = tokio::spawn(async move { get(address, "/health").await });
    eventually("the check is there", async || {
        let check = get(address, "/health/checks/slow").await?;
        when(check.status == 200, check.body)
    })
    .await;
    host.stop().await;
    // It gets a response if it came before the end, else the connection is refused. It never hangs.
    if let Ok(health) = waiting.await.expect("no panic") {
        assert_eq!(health.json()["checks"][0]["status"], "unknown");
    }
}

/// Starts the binary, and waits until its run is in flight.
async fn serve(config: &str) -> Serving {
    let serving = Vitals::host(config, [SLEEP]).serve().await;
    eventually("the run is in flight", async || {
        in_flight(serving.get("/metrics").await?.body, 1)
    })
    .await;
    serving
}

#[tokio::test]
async fn the_binary_exits_with_success_after_sigterm_and_the_run_in_flight() {
    let config = "[metrics]\nenabled = true\n\
                  [checks.slow]\nplugin = 'sleep'\nconfig = { time = '1500ms' }";
    let mut serving = serve(config).await;
    serving.terminate();
    eventually("the host is unready", async || {
        let ready = serving.get("/health/ready").await?.body;
        let unready = r#"{"status":"not_ready","health":"degraded"}"#;
        let mut log = serving.log().into_iter();
        let is_logged = log.any(|line| line.contains("SIGTERM: shutting down"));
        when(ready == unready && is_logged, ready)
    })
    .await;
    assert_eq!(serving.ended().await.code(), Some(0));
    let log = serving.log().join("\n");
    // The run in flight has its result.
    for line in ["host stopped", "check is healthy"] {
        assert!(log.contains(line), "{log}");
    }
}

#[tokio::test]
async fn the_binary_logs_how_many_runs_it_dropped() {
    let mut serving = serve(SLOW).await;
    serving.terminate();
    assert_eq!(serving.ended().await.code(), Some(0));
    let log = serving.log().join("\n");
    let expected = "runs did not finish within the shutdown grace unfinished=1";
    assert!(log.contains(expected), "{log}");
}
