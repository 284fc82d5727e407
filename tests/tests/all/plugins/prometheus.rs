//! The plugin `prometheus` on a real Prometheus, which scrapes the host that queries it.

use vitals_tests::{Prometheus, Serving, Vitals, eventually, get, guests};

use super::told;

const CONFIG: &str = "[metrics]\nenabled = true\n[checks.a]\nplugin = 'status'\n\
                      [checks.b]\nplugin = 'status'\nconfig = { status = 'degraded' }\n";

/// Adds a query to the configuration, and waits until status and message begin and go on so.
async fn becomes(host: &Serving, url: &str, query: &str, beginning: &str, part: &str) {
    let table = format!(
        "{CONFIG}[checks.watched]\nplugin = 'prometheus'\ninterval = '1s'\ntimeout = '900ms'\n\
         [checks.watched.config]\nurl = '{url}'\nquery = {query}\n"
    );
    host.place().write("vitals.toml", table);
    eventually(query, async || {
        let page = get(host.address(), "/health/checks/watched").await?;
        if page.status != 200 {
            return Err(page.body);
        }
        let check = page.json();
        let (status, message) = told(&check);
        let shown = format!("{status}: {message}");
        let is_so = shown.starts_with(beginning) && shown.contains(part);
        is_so.then_some(()).ok_or(shown)
    })
    .await;
}

#[tokio::test]
async fn a_query_is_judged_by_its_worst_series() {
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"])
        .config(CONFIG)
        .plugin("status", guests::STATUS)
        .plugin("prometheus", guests::PROMETHEUS)
        .serve()
        .await;
    let prometheus = Prometheus::scraping(host.address());
    let url = format!("http://{}", prometheus.address());

    let states = "'vitals_check_state{state=\"degraded\",check=~\"a|b\"}'\n";
    for (query, beginning, part) in [
        (
            "'time()'\nunit = 'seconds'\nname = 'the clock'",
            "healthy: the clock is ",
            "",
        ),
        (
            &format!("{states}degraded_above = 0.5"),
            "degraded: vitals_check_state{check=\"b\",",
            " is 1 (degraded above 0.5); 1 of 2 series is beyond its bound",
        ),
        (
            &format!("{states}unhealthy_above = 1"),
            "healthy: vitals_check_state{check=\"b\",",
            " is 1, the worst of 2 series",
        ),
        (
            "'no_such_metric'",
            "unhealthy: no_such_metric has no series",
            "",
        ),
        (
            "'sum('",
            "unhealthy: ",
            "/api/v1/query rejected the query: bad_data: ",
        ),
        (
            "'vitals_ready[1m]'",
            "unhealthy: the query returns ranges; ",
            "",
        ),
    ] {
        becomes(&host, &url, query, beginning, part).await;
    }

    drop(prometheus);
    let refused = "/api/v1/query: connection refused";
    becomes(&host, &url, "'time()'", "unhealthy: ", refused).await;
}
