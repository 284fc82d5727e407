//! Metrics of the service that embeds the host, and the whole page as Prometheus's own tool reads it.

use vitals_host::metrics::MetricError;
use vitals_tests::guests::{MEASURE, METRICS, TCP_CONNECT};
use vitals_tests::servers::check_metrics;
use vitals_tests::{Mounted, Reply, Target, TestHost, sample};

#[tokio::test]
async fn the_metrics_of_a_service_are_on_the_page_of_the_host() {
    let config = "[metrics]\nenabled = true";
    let (host, _place) = TestHost::builder().config(config).build().await;
    host.first_round().await;
    let metrics = host.metrics();
    let orders = |channel| {
        let labels = [("channel", channel)];
        metrics.counter("shop_orders_total", "Orders by channel.", &labels)
    };
    orders("web").unwrap().increment();
    orders("web").unwrap().add(2.0);
    orders("post").unwrap();
    let waiting = metrics.gauge("shop_waiting", "Orders that wait.", &[]);
    waiting.unwrap().set(4.0);
    let time = metrics
        .clone()
        .histogram("shop_packing_seconds", "Time.", &[], &[]);
    time.unwrap().observe(0.02);
    let error = metrics.counter("vitals_orders_total", "Orders.", &[]);
    let kept = "vitals_";
    let is_reserved = matches!(error, Err(MetricError::Reserved { kept: it, .. }) if it == kept);
    assert!(is_reserved, "{error:?}");
    let mounted = Mounted::serve(host.probes_router()).await;
    let page = mounted.get("/metrics").await;
    for (series, expected) in [
        (r#"shop_orders_total{channel="web"}"#, 3.0),
        (r#"shop_orders_total{channel="post"}"#, 0.0),
        ("shop_waiting", 4.0),
        (r#"shop_packing_seconds_bucket{le="0.01"}"#, 0.0),
        (r#"shop_packing_seconds_bucket{le="0.05"}"#, 1.0),
        ("vitals_ready", 1.0),
    ] {
        let page = page.text();
        assert_eq!(sample(page, series), Some(expected), "{series} in\n{page}");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_service_can_use_disabled_metrics() {
    let (host, _place) = TestHost::builder().build().await;
    let metrics = host.metrics();
    metrics.counter("vitals_x", "", &[]).unwrap().increment();
    metrics.gauge("x", "", &[("le", "1")]).unwrap().set(1.0);
    let histogram = metrics.histogram("x", "", &[], &[2.0, 1.0]).unwrap();
    histogram.observe(1.0);
    let mounted = Mounted::serve(host.probes_router()).await;
    assert_eq!(mounted.get("/metrics").await.status, 404);
    host.shutdown().await;
}

#[tokio::test]
async fn promtool_has_nothing_to_say_about_the_whole_page() {
    let target = Target::start(Reply::Silence);
    let config = format!(
        "[metrics]\nenabled = true\n[checks.a]\nplugin = 'measure'\n\
         [checks.b]\nplugin = 'tcp-connect'\n\
         config = {{ address = '{}', others = ['127.0.0.1:2'] }}\n\
         [checks.c]\nplugin = 'a-plugin.of-mine'\n",
        target.address()
    );
    let builder = TestHost::builder().config(&config);
    let builder = builder.guests([MEASURE, TCP_CONNECT]);
    let builder = builder.plugin("a-plugin.of-mine", METRICS);
    let (host, _place) = builder.build().await;
    let metrics = host.metrics();
    let labels = [("channel", "web")];
    let orders = metrics.counter("shop_orders_total", "Orders.", &labels);
    orders.unwrap().increment();
    let packing = metrics.histogram("shop_packing_seconds", "Time to pack.", &[], &[]);
    packing.unwrap().observe(1.0);
    let mounted = Mounted::serve(host.router()).await;
    mounted.get("/health").await;
    let page = mounted.get("/metrics").await.text().to_owned();
    for family in [
        "shop_orders_total counter",
        "shop_packing_seconds histogram",
        "plugin_a_plugin_of_mine_runs_total counter",
        "plugin_a_plugin_of_mine_queue_depth gauge",
        "plugin_a_plugin_of_mine_lag_seconds histogram",
        "vitals_denied_total counter",
        "vitals_check_measurement gauge",
        "http_requests_total counter",
    ] {
        let comment = format!("# TYPE {family}");
        assert!(page.contains(&comment), "{family}\n{page}");
    }
    assert_eq!(check_metrics(&page), "", "of\n{page}");
    // It finds errors.
    assert!(!check_metrics("# TYPE a counter\na 1\n").is_empty());
    host.shutdown().await;
}
