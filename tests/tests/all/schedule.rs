//! When checks run, and the effects of `fall`, `rise` and a full host. Rates, stale results and first
//! results are tested beside the schedule and the board.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vitals_host::Outcome;
use vitals_tests::guests::{FLIP, HTTP, RECURSE, SLEEP};
use vitals_tests::{Reply, Target, TestHost, eventually, sample, when};

/// A host with a check `web` of a server.
async fn watching(target: &Target, lines: &str) -> TestHost {
    let url = target.url("/");
    let config = format!("[checks.web]\nplugin = 'http'\n{lines}\nconfig = {{ url = '{url}' }}");
    let host = TestHost::start(&config, [HTTP]).await;
    assert_eq!(host.health().await["status"], "healthy");
    host
}

/// Follows the check until it has a status. Returns the consecutive failures, the result and the status
/// of each run that was seen.
async fn follow(host: &TestHost, status: &str) -> Vec<(u64, String, String)> {
    let mut seen = Vec::new();
    eventually("the last run", async || {
        let check = host.get("/health/checks/web").await.json();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let result = &check["result"];
        let failures = result["consecutive_failures"].as_u64().unwrap_or_default();
        let run = (failures, word(&result["status"]), word(&check["status"]));
        if seen.last() != Some(&run) {
            seen.push(run);
        }
        when(check["status"] == status, check)
    })
    .await;
    seen
}

#[tokio::test]
async fn the_status_changes_after_fall_failures_and_after_rise_good_runs() {
    let target = Target::start(Reply::ok("fine"));
    let lines = "interval = '150ms'\ntimeout = '150ms'\nfall = 3\nrise = 2";
    let host = watching(&target, lines).await;

    target.reply(Reply::status("500 Internal Server Error", ""));
    let seen = follow(&host, "unhealthy").await;
    for (failures, result, shown) in &seen {
        assert_eq!(shown == "unhealthy", *failures >= 3, "{seen:#?}");
        assert_eq!(result == "unhealthy", *failures > 0, "{seen:#?}");
    }
    let mut failures = seen.iter().map(|(failures, ..)| failures);
    assert!(failures.any(|it| (1..3).contains(it)), "{seen:#?}");

    target.reply(Reply::ok("fine"));
    let seen = follow(&host, "healthy").await;
    let mut runs = seen.iter();
    let counted = runs.any(|(_, result, shown)| result == "healthy" && shown == "unhealthy");
    assert!(counted, "the first good run changes nothing: {seen:#?}");
}

#[tokio::test]
async fn the_retry_interval_applies_until_the_status_changes() {
    let target = Target::start(Reply::ok("fine"));
    let lines = "interval = '2s'\ntimeout = '100ms'\nfall = 4\nretry_interval = '100ms'";
    let host = watching(&target, lines).await;
    target.reply(Reply::status("500 Internal Server Error", ""));
    let failing = |check: &Value| check["result"]["consecutive_failures"].as_u64() >= Some(1);
    host.eventually_check("web", "the first failure", failing)
        .await;
    let first = Instant::now();
    host.eventually("unhealthy", |health| health["status"] == "unhealthy")
        .await;
    // Three more runs take 300 ms with retries, and 6 s with the interval.
    let took = first.elapsed();
    assert!(took < Duration::from_millis(1500), "{took:?}");
}

#[tokio::test]
async fn the_guest_gets_the_previous_result() {
    let host = async |interval: &str| {
        let config =
            format!("[checks.flip]\nplugin = 'flip'\ninterval = '{interval}'\ntimeout = '500ms'");
        TestHost::start(&config, [FLIP]).await
    };
    // The interval leaves time to see the first run.
    let check = host("1h").await.check("flip").await;
    let (before, status) = (&check["details"]["before"], &check["status"]);
    assert_eq!((before, status), (&json!("nothing"), &json!("healthy")));

    let host = host("500ms").await;
    let shows = async |before: &str, status: &str| {
        let expected = (json!(before), json!(status));
        host.eventually_check("flip", &format!("{status} after {before}"), |check| {
            (&check["details"]["before"], &check["status"]) == (&expected.0, &expected.1)
        })
        .await;
    };
    shows("healthy", "unhealthy").await;
    shows("unhealthy", "healthy").await;
}

#[tokio::test]
async fn a_run_that_exceeds_a_limit_counts_as_unhealthy_for_the_next_one() {
    let config = "[checks.a]\nplugin = 'a'\ninterval = '300ms'\ntimeout = '300ms'";
    let builder = TestHost::builder().config(config);
    let host = builder.plugin("a", RECURSE).start().await;
    assert_eq!(host.check("a").await["error"]["code"], "stack");
    // This guest shows the previous result.
    host.drop_in("a", FLIP);
    let is_so = |check: &Value| check["details"]["before"] == "unhealthy";
    host.eventually_check("a", "it knows of the failure", is_so)
        .await;
}

#[tokio::test]
async fn a_check_never_overlaps_itself() {
    /// Runs now, at most, and so far.
    #[derive(Default)]
    struct Runs([AtomicUsize; 3]);
    let counts = Arc::<Runs>::default();
    let check = {
        let counts = Arc::clone(&counts);
        move || {
            let counts = Arc::clone(&counts);
            async move {
                let Runs([now, most, all]) = &*counts;
                most.fetch_max(now.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
                tokio::time::sleep(Duration::from_millis(90)).await;
                now.fetch_sub(1, Ordering::AcqRel);
                all.fetch_add(1, Ordering::AcqRel);
                Outcome::healthy("")
            }
        }
    };
    let Runs([_, most, all]) = &*counts;
    // A run takes nearly the interval, and each registration requests a run at once.
    let config = "[checks.slow]\ninterval = '100ms'\ntimeout = '100ms'";
    let (host, _place) = TestHost::builder().config(config).build().await;
    eventually("many runs and registrations", async || {
        host.register("slow", check.clone()).expect("a name");
        let runs = all.load(Ordering::Acquire);
        when(runs >= 10, runs)
    })
    .await;
    host.shutdown().await;
    assert_eq!(most.load(Ordering::Acquire), 1);
}

#[tokio::test]
async fn a_full_host_fails_no_check() {
    let mut config = "[metrics]\nenabled = true\n[engine]\nmax_runs = 1\n\
                      [defaults]\ninterval = '500ms'\ntimeout = '400ms'\n"
        .to_owned();
    for number in 0..8 {
        let check = format!("[checks.c{number}]\nplugin = 'sleep'\n");
        config.extend([&check, "config = { time = '200ms' }\n"]);
    }
    // 1.6 s of work every 500 ms, for one permit.
    let host = TestHost::start(&config, [SLEEP]).await;
    let mut all_ran = false;
    let skipped = eventually("all have run and some were skipped", async || {
        let health = host.get("/health").await.json();
        let mut checks = health["checks"].as_array().expect("checks").iter();
        assert!(
            !checks.any(|check| check["status"] == "unhealthy"),
            "{health:#}"
        );
        all_ran |= host.get("/health/startup").await.status == 200;
        let metrics = host.get("/metrics").await.body;
        let skipped = sample(&metrics, r#"vitals_runs_skipped_total{reason="busy"}"#);
        let skipped = skipped.unwrap_or_default();
        when(all_ran && skipped >= 3.0, skipped)
    })
    .await;
    for check in host.health().await["checks"].as_array().expect("checks") {
        let latency = check["latency_ms"].as_f64().unwrap_or_default();
        // It slept for 200 ms, and waited for its permit for a second and more.
        assert!((200.0..500.0).contains(&latency), "{check:#}");
    }
    let metrics = host.get("/metrics").await.body;
    let value = |series: &str| sample(&metrics, series).expect(series);
    let waits = value("vitals_run_queue_wait_seconds_count");
    let brief = value(r#"vitals_run_queue_wait_seconds_bucket{le="0.1"}"#);
    assert!(waits >= 8.0 + skipped, "skipped runs count too: {metrics}");
    assert!(waits - brief >= 8.0, "{metrics}");
    let busy = value(r#"vitals_guest_slots{state="busy"}"#);
    let free = value(r#"vitals_guest_slots{state="free"}"#);
    assert_eq!((busy + free, busy), (1.0, value("vitals_runs_in_flight")));
    let ready = host.get("/health/ready").await;
    assert_eq!(ready.status, 200, "{}", ready.text());
}
