//! A dependency breaks and is mended, as everybody sees it who looks at the host from outside: whoever
//! asks it, the probes of Kubernetes, a real Prometheus, and a real server for error reports.

use vitals_tests::{Bugsink, Prometheus, Reply, Serving, Target, Vitals, eventually, guests};

/// What is seen of the check `shop` and of the host while the check has a status.
struct View {
    status: &'static str,
    ready: u16,
    health: &'static str,
}

const WELL: View = View {
    status: "healthy",
    ready: 200,
    health: "healthy",
};
const BROKEN: View = View {
    status: "unhealthy",
    ready: 503,
    health: "unhealthy",
};

/// Waits until the host and Prometheus agree on what there is to see.
async fn seen(view: &View, host: &Serving, prometheus: &Prometheus) {
    let View {
        status,
        ready,
        health,
    } = view;
    eventually(&format!("the host shows shop as {status}"), async || {
        let (page, readiness) = (host.get("/health").await?, host.get("/health/ready").await?);
        let page = page.json();
        let checks = page["checks"].as_array().into_iter().flatten();
        let shop = checks.into_iter().find(|check| check["name"] == "shop");
        let shop = shop.ok_or_else(|| page.to_string())?;
        let fits = shop["status"] == *status
            && readiness.status == *ready
            && readiness.json()["health"] == *health;
        fits.then_some(())
            .ok_or_else(|| format!("{page}\n{readiness:?}"))
    })
    .await;
    let alive = host.get("/health/live").await.expect("it answers");
    assert_eq!(
        alive.status, 200,
        "a broken dependency is no reason to restart"
    );
    let is_ready = f64::from(u8::from(*ready == 200));
    let series = [
        (
            format!("vitals_check_state{{check='shop',state='{status}'}}"),
            1.0,
        ),
        ("sum(vitals_check_state{check='shop'})".into(), 1.0),
        (format!("vitals_health_state{{state='{health}'}}"), 1.0),
        ("vitals_ready".into(), is_ready),
        ("up{job='vitals'}".into(), 1.0),
        // The plugin's own view, through the host.
        (
            "plugin_metrics_runs_total{check='counts'} > bool 0".into(),
            1.0,
        ),
    ];
    for (query, expected) in series {
        eventually(
            &format!("Prometheus has {query} as {expected}"),
            async || {
                let value = prometheus.value(&query).await?;
                (value == Some(expected))
                    .then_some(())
                    .ok_or_else(|| format!("{value:?}"))
            },
        )
        .await;
    }
}

#[tokio::test]
async fn what_breaks_is_seen_by_all_of_them_and_so_is_what_is_mended() {
    let bugsink = Bugsink::start();
    let shop = Target::start(Reply::ok("open"));
    let config = format!(
        "[metrics]\nenabled = true\n[sentry]\nenvironment = 'tests'\nrelease = 'shop@7'\n\
         [defaults]\ninterval = '200ms'\ntimeout = '200ms'\n\
         [checks.shop]\nplugin = 'http'\nconfig = {{ url = '{}' }}\n\
         [checks.counts]\nplugin = 'metrics'\ncritical = false\n",
        shop.url("/health")
    );
    let mut host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .env("SENTRY_DSN", bugsink.dsn())
        .config(&config)
        .plugin("http", guests::HTTP)
        .plugin("metrics", guests::METRICS)
        .serve()
        .await;
    let prometheus = Prometheus::scraping(host.address());
    seen(&WELL, &host, &prometheus).await;
    assert!(bugsink.events().is_empty());

    shop.reply(Reply::status("503 Service Unavailable", "closed"));
    seen(&BROKEN, &host, &prometheus).await;
    let event = eventually("the failure is reported", async || {
        let events = bugsink.events();
        events.first().cloned().ok_or_else(|| format!("{events:?}"))
    })
    .await;
    let check = host.get("/health/checks/shop").await.unwrap().json();
    let digest = check["plugin"]["digest"].as_str().unwrap();
    for (tag, value) in [
        ("check", "shop"),
        ("code", "unhealthy"),
        ("plugin", "http"),
        ("version", check["plugin"]["version"].as_str().unwrap()),
        ("digest", &digest[..12]),
        ("environment", "tests"),
        ("release", "shop@7"),
    ] {
        let tagged = event.tags.get(tag).map(String::as_str);
        assert_eq!(tagged, Some(value), "{tag}");
    }
    assert!(
        event.title.contains("shop is unhealthy: GET "),
        "{event:#?}"
    );

    shop.reply(Reply::ok("open again"));
    seen(&WELL, &host, &prometheus).await;

    // Not that it has not changed at all: Prometheus has both turns in its memory.
    let turns = "changes(vitals_ready[5m])";
    let turns = prometheus.value(turns).await.unwrap();
    assert_eq!(turns, Some(2.0));
    host.terminate();
    assert!(host.ended().await.success());
    let events = bugsink.events();
    assert_eq!(events.len(), 1, "one for all its failing runs: {events:#?}");
}
