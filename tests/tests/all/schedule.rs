//! When checks run, and what `fall`, `rise` and a full host make of it, seen from outside.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vitals_host::Outcome;
use vitals_tests::{Mounted, Reply, Target, TestHost, eventually, guests};

/// Follows a check from page to page until `is_over`, and answers each run that was seen: failures in
/// a row, what the run found, what was shown.
async fn follow(
    host: &TestHost,
    name: &str,
    is_over: impl Fn(&Value) -> bool,
) -> Vec<(u64, String, String)> {
    let mut seen = Vec::new();
    eventually("the last run", async || {
        let check = host.get(&format!("/health/checks/{name}")).await.json();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let failures = check["result"]["consecutive_failures"]
            .as_u64()
            .unwrap_or_default();
        let run = (
            failures,
            word(&check["result"]["status"]),
            word(&check["status"]),
        );
        if seen.last() != Some(&run) {
            seen.push(run);
        }
        if is_over(&check) {
            Ok(())
        } else {
            Err(format!("{seen:#?}"))
        }
    })
    .await;
    seen
}

#[tokio::test]
async fn the_status_turns_after_fall_failures_and_back_after_rise_good_runs() {
    let target = Target::start(Reply::ok("fine"));
    let config = format!(
        "[checks.web]\nplugin = 'http'\ninterval = '150ms'\ntimeout = '150ms'\nfall = 3\nrise = 2\n\
         config = {{ url = '{}' }}",
        target.url("/")
    );
    let host = TestHost::builder()
        .library("http", guests::HTTP)
        .config(&config)
        .start()
        .await;
    assert_eq!(host.health().await["status"], "healthy");

    target.reply(Reply::status("500 Internal Server Error", ""));
    let seen = follow(&host, "web", |check| check["status"] == "unhealthy").await;
    for (failures, found, shown) in &seen {
        let expected = if *failures < 3 {
            "healthy"
        } else {
            "unhealthy"
        };
        assert_eq!(shown, expected, "{seen:#?}");
        assert_eq!(found == "unhealthy", *failures > 0, "{seen:#?}");
    }
    assert!(
        seen.iter().any(|(failures, ..)| (1..3).contains(failures)),
        "{seen:#?}"
    );

    target.reply(Reply::ok("fine"));
    let seen = follow(&host, "web", |check| check["status"] == "healthy").await;
    let counted = seen
        .iter()
        .any(|(_, found, shown)| found == "healthy" && shown == "unhealthy");
    assert!(counted, "the first good run does not turn it: {seen:#?}");
}

#[tokio::test]
async fn the_first_result_is_shown_as_it_is() {
    let config = "[checks.down]\nplugin = 'status'\nfall = 5\nrise = 5\n\
                  config = { status = 'unhealthy' }\n\
                  [checks.up]\nplugin = 'status'\nfall = 5\nrise = 5";
    let host = TestHost::builder()
        .library("status", guests::STATUS)
        .config(config)
        .start()
        .await;
    let health = host.health().await;
    assert_eq!(health["checks"][0]["status"], "unhealthy", "{health:#}");
    assert_eq!(health["checks"][1]["status"], "healthy", "{health:#}");
}

#[tokio::test]
async fn while_fall_is_counted_the_retry_interval_holds() {
    let target = Target::start(Reply::ok("fine"));
    let config = format!(
        "[checks.web]\nplugin = 'http'\ninterval = '2s'\ntimeout = '100ms'\nfall = 4\n\
         retry_interval = '100ms'\nconfig = {{ url = '{}' }}",
        target.url("/")
    );
    let host = TestHost::builder()
        .library("http", guests::HTTP)
        .config(&config)
        .start()
        .await;
    host.health().await;
    target.reply(Reply::status("500 Internal Server Error", ""));
    let failing = |check: &Value| check["result"]["consecutive_failures"].as_u64() >= Some(1);
    host.eventually_check("web", "the first failure", failing)
        .await;
    let first = Instant::now();
    host.eventually("unhealthy", |health| health["status"] == "unhealthy")
        .await;
    // Three more runs: 300 ms apart from one another by retries, 6 s by the interval.
    assert!(
        first.elapsed() < Duration::from_millis(1500),
        "{:?}",
        first.elapsed()
    );
}

#[tokio::test]
async fn the_guest_is_told_what_the_last_run_found() {
    let host = async |interval: &str| {
        let config =
            format!("[checks.flip]\nplugin = 'flip'\ninterval = '{interval}'\ntimeout = '500ms'");
        let builder = TestHost::builder().library("flip", guests::FLIP);
        builder.config(&config).start().await
    };
    // Nobody can come too late for the first one.
    let check = host("1h").await.check("flip").await;
    let (before, status) = (&check["details"]["before"], &check["status"]);
    assert_eq!((before, status), (&json!("nothing"), &json!("healthy")));

    let host = host("500ms").await;
    let told = async |before: &str, status: &str| {
        let expected = (json!(before), json!(status));
        host.eventually_check("flip", &format!("{status} after {before}"), |check| {
            (&check["details"]["before"], &check["status"]) == (&expected.0, &expected.1)
        })
        .await;
    };
    told("healthy", "unhealthy").await;
    told("unhealthy", "healthy").await;
}

#[tokio::test]
async fn a_run_that_a_limit_ended_counts_as_unhealthy_and_its_successor_is_told() {
    // The file is replaced by a guest that says what it was told.
    let config = "[checks.a]\nplugin = 'a'\ninterval = '300ms'\ntimeout = '300ms'";
    let host = TestHost::builder()
        .plugin("a", guests::RECURSE)
        .config(config)
        .start()
        .await;
    assert_eq!(host.check("a").await["error"]["code"], "stack");
    host.drop_in("a", guests::FLIP);
    let told = |check: &Value| check["details"]["before"] == "unhealthy";
    host.eventually_check("a", "told of the failure", told)
        .await;
}

#[tokio::test]
async fn runs_follow_at_a_fixed_rate_however_long_they_take() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let check = move || {
        let counted = Arc::clone(&counted);
        async move {
            counted.fetch_add(1, Ordering::AcqRel);
            tokio::time::sleep(Duration::from_millis(120)).await;
            Outcome::healthy("")
        }
    };
    let config = "[checks.steady]\ninterval = '200ms'\ntimeout = '200ms'";
    let host = TestHost::builder()
        .config(config)
        .with(|host| host.check("steady", check));
    let host = host.start().await;
    let reach = async |count: usize| {
        eventually("so many runs", async || {
            let runs = runs.load(Ordering::Acquire);
            if runs >= count {
                Ok(Instant::now())
            } else {
                Err(runs.to_string())
            }
        })
        .await
    };
    // The first run is at once; from the second on they keep their phase.
    let second = reach(2).await;
    let twelfth = reach(12).await;
    let took = twelfth - second;
    // Ten intervals are 2 s; with the run's own time between them they were 3.2 s.
    assert!(
        (1700..2600).contains(&took.as_millis()),
        "ten runs took {took:?}"
    );
    host.stop().await;
}

#[tokio::test]
async fn a_check_never_overlaps_itself() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let runs = Arc::new(AtomicUsize::new(0));
    let check = {
        let (now, most, runs) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&runs));
        move || {
            let (now, most, runs) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&runs));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
                tokio::time::sleep(Duration::from_millis(90)).await;
                now.fetch_sub(1, Ordering::AcqRel);
                runs.fetch_add(1, Ordering::AcqRel);
                Outcome::healthy("")
            }
        }
    };
    // A run takes nearly the interval, and each registration asks for a run at once.
    let config = "[checks.slow]\ninterval = '100ms'\ntimeout = '100ms'";
    let (host, _place) = TestHost::builder().config(config).build().await;
    eventually("many runs and registrations", async || {
        host.register("slow", check.clone()).expect("a name");
        let runs = runs.load(Ordering::Acquire);
        if runs >= 10 {
            Ok(())
        } else {
            Err(runs.to_string())
        }
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
    // 1.6 s of work every 500 ms, for one slot.
    let host = TestHost::builder()
        .library("sleep", guests::SLEEP)
        .config(&config)
        .start()
        .await;
    let mut all_ran = false;
    let skipped = eventually("all have run and some were skipped", async || {
        let health = host.get("/health").await.json();
        let statuses = health["checks"]
            .as_array()
            .expect("checks")
            .iter()
            .map(|check| &check["status"]);
        let statuses: Vec<_> = statuses.collect();
        assert!(!statuses.contains(&&json!("unhealthy")), "{health:#}");
        all_ran |= host.get("/health/startup").await.status == 200;
        let metrics = host.get("/metrics").await.body;
        let series = r#"vitals_runs_skipped_total{reason="busy"} "#;
        let skipped = metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.parse::<f64>().ok());
        match skipped {
            Some(skipped) if all_ran && skipped >= 3.0 => Ok(skipped),
            _ => Err(format!("skipped {skipped:?}, {health:#}")),
        }
    })
    .await;
    assert!(skipped >= 3.0);
    for check in host.health().await["checks"].as_array().expect("checks") {
        let latency = check["latency_ms"].as_f64().unwrap_or_default();
        // It slept for 200 ms, and waited for its slot for a second and more.
        assert!((200.0..500.0).contains(&latency), "{check:#}");
    }
    let metrics = host.get("/metrics").await.body;
    let value = |series: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(series));
        let value = line.and_then(|rest| rest.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {series} in {metrics}"))
    };
    let waits = value("vitals_run_queue_wait_seconds_count");
    let brief = value(r#"vitals_run_queue_wait_seconds_bucket{le="0.1"}"#);
    assert!(waits >= 8.0 + skipped, "who gave up counts too: {metrics}");
    assert!(waits - brief >= 8.0, "{metrics}");
    let busy = value(r#"vitals_guest_slots{state="busy"}"#);
    let free = value(r#"vitals_guest_slots{state="free"}"#);
    assert_eq!((busy + free, busy), (1.0, value("vitals_runs_in_flight")));
    let ready = host.get("/health/ready").await;
    assert_eq!(ready.status, 200, "{}", ready.text());
}

/// A check whose runs end at once until `stuck`, and never from then on.
fn sticking(stuck: &Arc<AtomicBool>, outcome: Outcome) -> impl Fn() -> Run + Send + Sync + 'static {
    let stuck = Arc::clone(stuck);
    move || {
        let (stuck, outcome) = (stuck.load(Ordering::Acquire), outcome.clone());
        Box::pin(async move {
            if stuck {
                std::future::pending::<()>().await;
            }
            outcome
        })
    }
}

type Run = Pin<Box<dyn Future<Output = Outcome> + Send>>;

#[tokio::test]
async fn a_result_that_is_too_old_is_unknown_unless_it_was_unhealthy() {
    // The hog takes the one slot and keeps it for longer than the others' results last.
    let config = "[engine]\nmax_runs = 1\n[server]\nshutdown_grace = '50ms'\n\
                  [defaults]\ninterval = '100ms'\ntimeout = '50ms'\n\
                  [checks.hog]\ninterval = '1m'\ntimeout = '1m'\n[checks.good]\n[checks.bad]";
    let free = Arc::new(AtomicBool::new(false));
    let host = TestHost::builder().config(config).with(|host| {
        host.check("hog", sticking(&free, Outcome::healthy("")))
            .check("good", sticking(&free, Outcome::healthy("")))
            .check("bad", sticking(&free, Outcome::unhealthy("down")))
    });
    let (host, _place) = host.build().await;
    let mounted = Mounted::serve(host.router()).await;
    mounted.get("/health").await;
    let stuck = Arc::new(AtomicBool::new(true));
    host.register("hog", sticking(&stuck, Outcome::healthy("")))
        .expect("a name");
    let health = eventually("the good result is too old", async || {
        let health = mounted.get("/health").await.json();
        let is_old = health["checks"][1]["status"] == "unknown";
        if is_old {
            Ok(health)
        } else {
            Err(format!("{health:#}"))
        }
    })
    .await;
    assert_eq!(health["checks"][1]["name"], "good");
    let message = health["checks"][1]["message"].as_str().unwrap_or_default();
    assert!(message.contains("too old"), "{health:#}");
    assert_eq!(
        (&health["checks"][0]["name"], &health["checks"][0]["status"]),
        (&json!("bad"), &json!("unhealthy"))
    );
    host.shutdown().await;
}
