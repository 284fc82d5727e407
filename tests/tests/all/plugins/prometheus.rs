//! The plugin `prometheus` on a real one, which scrapes the very host that asks it.

use serde_json::{Value, json};
use vitals_tests::{Prometheus, Reply, Serving, Target, Vitals, eventually, get, guests};

use super::{measured, number, told};

/// A host with two checks of its own, and a Prometheus that scrapes it.
async fn scraped() -> (Serving, Prometheus) {
    let config = "[metrics]\nenabled = true\n[checks.a]\nplugin = 'status'\n[checks.b]\nplugin = 'status'\n\
                  config = { status = 'degraded' }";
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .config(config)
        .plugin("status", guests::STATUS)
        .serve()
        .await;
    let prometheus = Prometheus::scraping(host.address());
    (host, prometheus)
}

/// Lets the host run a query, and waits for a result that is as wanted.
async fn asked(host: &Serving, url: &str, more: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let table = format!(
        "[metrics]\nenabled = true\n[checks.a]\nplugin = 'status'\n[checks.b]\nplugin = 'status'\n\
         config = {{ status = 'degraded' }}\n\
         [checks.watched]\nplugin = 'prometheus'\ninterval = '1s'\ntimeout = '900ms'\n\
         [checks.watched.config]\nurl = '{url}'\n{more}\n"
    );
    host.place().write("vitals.toml", table);
    eventually("the check has the result", async || {
        let page = get(host.address(), "/health/checks/watched").await?;
        let check = (page.status == 200).then(|| page.json());
        match check {
            Some(check) if wanted(&check) => Ok(check),
            other => Err(format!("{other:#?}")),
        }
    })
    .await
}

#[tokio::test]
async fn a_query_is_judged_by_its_worst_series() {
    let (host, prometheus) = scraped().await;
    let plugin = guests::PROMETHEUS.bytes();
    host.place().write("plugins/prometheus.wasm", plugin);
    let url = format!("http://{}", prometheus.address());

    let query = "query = 'vitals_check_state{state=\"degraded\"}'";
    let more = format!("{query}\ndegraded_above = 0.5");
    let check = asked(&host, &url, &more, |check| check["status"] == "degraded").await;
    let (_, message) = told(&check);
    assert!(
        message.starts_with("vitals_check_state{check=\"b\","),
        "{message}"
    );
    assert!(
        message.contains(" is 1 (degraded above 0.5); 1 of "),
        "{message}"
    );
    assert!((number(&check, "value") - 1.0).abs() < f64::EPSILON);
    assert_eq!(
        measured(&check, "value")["degraded_at"],
        json!({ "above": 0.5 })
    );

    let good = |check: &Value| check["status"] == "healthy";
    let more = format!("{query}\nunhealthy_above = 1");
    asked(&host, &url, &more, good).await;
    let more = "query = 'time()'\nunit = 'seconds'\nname = 'the clock'";
    let check = asked(&host, &url, more, |check| {
        good(check) && told(check).1.starts_with("the clock")
    })
    .await;
    assert!(told(&check).1.starts_with("the clock is "), "{check:#}");

    for (more, status, message) in [
        (
            "query = 'no_such_metric'",
            "unhealthy",
            "no_such_metric has no series",
        ),
        (
            "query = 'no_such_metric'\nno_data = 'healthy'",
            "healthy",
            "no_such_metric has no series",
        ),
        (
            "query = 'sum('",
            "unhealthy",
            "/api/v1/query rejected the query: bad_data: ",
        ),
        (
            "query = 'vitals_ready[1m]'",
            "unhealthy",
            "the query returns ranges; ",
        ),
    ] {
        let fits = |check: &Value| {
            let (found, said) = told(check);
            found == status && said.contains(message)
        };
        asked(&host, &url, more, fits).await;
    }

    // Gone, it is missed; a page that is none of its is no Prometheus.
    drop(prometheus);
    let down = |check: &Value| told(check).1.ends_with("/api/v1/query: connection refused");
    let check = asked(&host, &url, "query = 'time()'", down).await;
    assert_eq!(check["status"], "unhealthy");
    let other = Target::start(Reply::ok("<html>"));
    let strange = |check: &Value| told(check).1.contains("does not answer as Prometheus");
    asked(&host, &other.url(""), "query = 'time()'", strange).await;
    let locked = Target::start(Reply::status("401 Unauthorized", "who are you"));
    let refused = |check: &Value| {
        told(check)
            .1
            .ends_with("/api/v1/query responded with 401 Unauthorized")
    };
    asked(&host, &locked.url(""), "query = 'time()'", refused).await;
    let slow = Target::start(Reply::Silence);
    let late =
        |check: &Value| check["status"] == "unhealthy" && told(check).1.contains("nothing within");
    asked(&host, &slow.url(""), "query = 'time()'", late).await;
}
