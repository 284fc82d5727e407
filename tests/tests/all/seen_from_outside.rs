//! A dependency fails and recovers, as seen from outside: by clients, by the probes of Kubernetes, by a
//! real Prometheus, and by a real server for error reports.

use vitals_tests::guests::{HTTP, METRICS};
use vitals_tests::{Bugsink, Prometheus, Reply, Serving, Target, Vitals, eventually, when};

use super::sentry::assert_tags;

/// Waits until the host and Prometheus show that the check `shop` and the host have a status.
async fn seen(status: &str, host: &Serving, prometheus: &Prometheus) {
    let ready = if status == "healthy" { 200 } else { 503 };
    eventually(&format!("the host shows shop as {status}"), async || {
        let (page, readiness) = (host.get("/health").await?, host.get("/health/ready").await?);
        let page = page.json();
        let mut checks = page["checks"].as_array().into_iter().flatten();
        let is_so = checks.any(|check| check["name"] == "shop" && check["status"] == status)
            && readiness.status == ready
            && readiness.json()["health"] == status;
        when(is_so, page)
    })
    .await;
    let alive = host.get("/health/live").await.expect("it responds");
    assert_eq!(alive.status, 200, "the failure is no reason to restart");
    let is_ready = f64::from(u8::from(ready == 200));
    let series = [
        (
            format!("vitals_check_state{{check='shop',state='{status}'}}"),
            1.0,
        ),
        ("sum(vitals_check_state{check='shop'})".into(), 1.0),
        (format!("vitals_health_state{{state='{status}'}}"), 1.0),
        ("vitals_ready".into(), is_ready),
        ("up{job='vitals'}".into(), 1.0),
        // The metric of a plugin.
        (
            "plugin_metrics_runs_total{check='counts'} > bool 0".into(),
            1.0,
        ),
    ];
    for (query, expected) in series {
        let what = format!("in Prometheus, {query} is {expected}");
        eventually(&what, async || {
            let value = prometheus.value(&query).await?;
            when(value == Some(expected), format!("{value:?}"))
        })
        .await;
    }
}

#[tokio::test]
async fn a_failure_and_a_recovery_are_seen_by_all() {
    let bugsink = Bugsink::start();
    let shop = Target::start(Reply::ok("open"));
    let config = format!(
        "[metrics]\nenabled = true\n[sentry]\nenvironment = 'tests'\nrelease = 'shop@7'\n\
         [defaults]\ninterval = '200ms'\ntimeout = '200ms'\n\
         [checks.shop]\nplugin = 'http'\nconfig = {{ url = '{}' }}\n\
         [checks.counts]\nplugin = 'metrics'\ncritical = false\n",
        shop.url("/health")
    );
    let vitals = Vitals::host(&config, [HTTP, METRICS]);
    let vitals = vitals.env("SENTRY_DSN", bugsink.dsn());
    let mut host = vitals.serve().await;
    let prometheus = Prometheus::scraping(host.address());
    seen("healthy", &host, &prometheus).await;
    assert!(bugsink.events().is_empty());

    shop.reply(Reply::status("503 Service Unavailable", "closed"));
    seen("unhealthy", &host, &prometheus).await;
    let event = eventually("the failure is reported", async || {
        let events = bugsink.events();
        events.first().cloned().ok_or_else(|| format!("{events:?}"))
    })
    .await;
    let check = host.get("/health/checks/shop").await.unwrap().json();
    let tags = [
        ("check", "shop"),
        ("code", "unhealthy"),
        ("plugin", "http"),
        ("environment", "tests"),
        ("release", "shop@7"),
    ];
    assert_tags(&event, &check, &tags);
    let title = "shop is unhealthy: GET ";
    assert!(event.title.contains(title), "{event:#?}");

    shop.reply(Reply::ok("open again"));
    seen("healthy", &host, &prometheus).await;

    // Prometheus has stored both transitions.
    let changes = prometheus.value("changes(vitals_ready[5m])").await;
    assert_eq!(changes, Ok(Some(2.0)));
    host.terminate();
    assert!(host.ended().await.success());
    let events = bugsink.events();
    assert_eq!(events.len(), 1, "one for all its failing runs: {events:#?}");
}
