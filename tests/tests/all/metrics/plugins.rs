//! Metrics of plugins: how they are exposed, which are rejected, and when they are removed.

use insta::assert_snapshot;
use serde_json::{Value, json};
use vitals_tests::guests::{HELLO, METER, METRICS};
use vitals_tests::{TestHost, TestHostBuilder, eventually, sample, when};

const ENABLED: &str = "[plugins]\nrescan = '1h'\n[metrics]\nenabled = true\n\
                       [defaults]\ninterval = '1h'\n";

fn enabled(config: &str) -> TestHostBuilder {
    TestHost::builder().config(&format!("{ENABLED}{config}"))
}

/// The configuration of a check that makes these calls.
fn calling(check: &str, calls: &Value) -> String {
    format!(
        "[checks.{check}]\nplugin = 'meter'\nconfig.calls = {}\n",
        toml(calls)
    )
}

/// JSON as a value of TOML.
fn toml(value: &Value) -> String {
    let value = toml::Value::try_from(value).expect("TOML has such values");
    value.to_string()
}

/// The part of the page with the metrics of plugins.
async fn own(host: &TestHost) -> String {
    let page = host.get("/metrics").await;
    let own = page.text().lines().filter(|line| {
        let line = line.trim_start_matches("# HELP ");
        line.trim_start_matches("# TYPE ").starts_with("plugin_")
    });
    own.collect::<Vec<_>>().join("\n")
}

async fn eventually_own(host: &TestHost, what: &str, is_so: impl Fn(&str) -> bool) -> String {
    eventually(what, async || {
        let own = own(host).await;
        when(is_so(&own), own)
    })
    .await
}

#[tokio::test]
async fn the_metrics_of_a_plugin_are_exposed_for_each_check() {
    let config = "[checks.one]\nplugin = 'queue-watch'\n[checks.two]\nplugin = 'queue-watch'\n";
    let builder = enabled(config).plugin("queue-watch", METRICS);
    let host = builder.start().await;
    host.health().await;
    assert_snapshot!(own(&host).await);
}

#[tokio::test]
async fn values_are_kept_from_run_to_run() {
    let config = "[checks.one]\nplugin = 'counts'\ninterval = '100ms'\ntimeout = '100ms'\n";
    let builder = enabled(config).plugin("counts", METRICS);
    let host = builder.start().await;
    let runs = r#"plugin_counts_runs_total{check="one",kind="test"}"#;
    let is_so = |own: &str| sample(own, runs) >= Some(3.0);
    let own = eventually_own(&host, "three runs", is_so).await;
    let lag = r#"plugin_counts_lag_seconds_count{check="one"}"#;
    assert!(sample(&own, lag) >= Some(2.0), "{own}");
}

#[tokio::test]
async fn an_invalid_metric_is_rejected_and_the_guest_learns_why() {
    let config = "[checks.one]\nplugin = 'counts'\nconfig = { wrong = true }\n";
    let builder = enabled(config).plugin("counts", METRICS);
    let host = builder.start().await;
    let check = host.check("one").await;
    let rejected = check["details"]["refused"].as_array().expect("a list");
    let rejected: Vec<_> = rejected.iter().filter_map(Value::as_str).collect();
    assert_snapshot!(rejected.join("\n"));
    let own = own(&host).await;
    let runs = r#"plugin_counts_runs_total{check="one",kind="test"}"#;
    assert_eq!(sample(&own, runs), Some(1.0), "{own}");
    assert!(!own.contains("unset") && !own.contains("other="), "{own}");
}

#[tokio::test]
async fn no_call_can_break_the_page_or_reveal_a_secret() {
    let secret = "hunter2_of_the_operator";
    let foul = "a\n# TYPE plugin_meter_x gauge\r\u{1b}[2J\"} 1\u{202e}";
    let calls = json!([
        { "do": "set", "name": "fine", "help": foul, "labels": [["by", foul]], "value": 1.5 },
        { "do": "set", "name": "told", "help": "is ${TOKEN}", "labels": [["by", "it is ${TOKEN}"]], "value": 1 },
        { "do": "set", "name": "of_${TOKEN}", "value": 1 },
        { "do": "set", "name": "x", "labels": [["${TOKEN}", "y"]], "value": 1 },
        { "do": "set", "name": foul, "value": 1 },
        { "do": "set", "name": "x", "labels": [["check", "other"]], "value": 1 },
        { "do": "set", "name": "x", "labels": [["__name__", "vitals_ready"]], "value": 1 },
        { "do": "observe", "name": "x", "labels": [["le", "1"]], "value": 1 },
        { "do": "set", "name": "x", "labels": [["by", "1"], ["by", "2"]], "value": 1 },
        { "do": "set", "name": "x", "labels": [["by", "x".repeat(129)]], "value": 1 },
        { "do": "add", "name": "x", "value": -1 },
        { "do": "add", "name": "x", "value": "NaN" },
        { "do": "set", "name": "x", "value": "inf" },
        { "do": "observe", "name": "x", "value": "-inf" },
        { "do": "observe", "name": "x", "buckets": [2, 1], "value": 1 },
        { "do": "observe", "name": "x", "buckets": ["inf"], "value": 1 },
        { "do": "observe", "name": "x", "buckets": (0..33).collect::<Vec<_>>(), "value": 1 },
        { "do": "observe", "name": "lag", "buckets": [1, 2], "value": 1 },
        { "do": "observe", "name": "lag", "buckets": [5], "value": 1 },
        { "do": "set", "name": "lag", "value": 1 },
        { "do": "set", "name": "lag_count", "value": 1 },
        { "do": "set", "name": "fine", "value": 1 },
    ]);
    let builder = enabled(&calling("foul", &calls)).guests([METER]);
    let host = builder.env("TOKEN", secret).start().await;
    let details = host.check("foul").await["details"].clone();
    let results = details.as_object().expect("an object").iter();
    let line = |(number, result): (&String, &Value)| {
        format!("{number} {}", result.as_str().expect("a text"))
    };
    let results: Vec<_> = results.map(line).collect();
    assert_snapshot!("hostile_calls", results.join("\n"));
    let page = host.get("/metrics").await;
    assert!(!page.text().contains(secret), "{}", page.text());
    assert_snapshot!("hostile_page", own(&host).await);
}

#[tokio::test]
async fn the_limit_on_series_applies_to_each_check_alone() {
    let config = "[checks.flood]\nplugin = 'counts'\nconfig = { series = 110 }\n\
                  [checks.good]\nplugin = 'counts'\n";
    let builder = enabled(config).plugin("counts", METRICS);
    let host = builder.start().await;
    let check = host.check("flood").await;
    let rejected = check["details"]["refused"].as_array().expect("a list");
    // One of the hundred is the counter; the histogram comes too late.
    assert_eq!(rejected.len(), 12, "{check:#}");
    assert_eq!(
        rejected[0],
        "cannot record metric `queue_depth`: the check has reached the host's limit on series; use \
         fewer label values"
    );
    let own = own(&host).await;
    let series = |check: &str| {
        let of_check = format!("check=\"{check}\"");
        own.lines().filter(|line| line.contains(&of_check)).count()
    };
    assert_eq!(series("flood"), 100, "{own}");
    // A counter, two gauges, three buckets and the one for the rest, sum and count.
    assert_eq!(series("good"), 9, "{own}");
}

#[tokio::test]
async fn another_version_defines_its_metrics_anew() {
    let builder = enabled("[checks.one]\nplugin = 'thing'\n");
    let host = builder.plugin("thing", METRICS).start().await;
    host.health().await;
    let before = own(&host).await;
    let counter = "# TYPE plugin_thing_runs_total counter";
    assert!(before.contains(counter), "{before}");
    // The same name for a gauge, and nothing else.
    host.drop_in("thing", METER);
    host.reload(&[]).await;
    let after = eventually_own(&host, "the new version counts", |own| own.contains(" 7")).await;
    assert_eq!(
        after,
        "# HELP plugin_thing_runs_total Another type.\n\
         # TYPE plugin_thing_runs_total gauge\n\
         plugin_thing_runs_total{check=\"one\",kind=\"test\"} 7"
    );
    host.drop_in("thing", METRICS);
    host.reload(&[]).await;
    let again = eventually_own(&host, "it starts over", |own| own.contains("counter")).await;
    assert_eq!(again, before);
}

#[tokio::test]
async fn the_series_of_a_check_are_removed_with_it_or_with_its_plugin() {
    let check = |name: &str, plugin: &str| format!("[checks.{name}]\nplugin = '{plugin}'\n");
    let both = [check("one", "counts"), check("two", "counts")].concat();
    let host = enabled(&both)
        .reloading()
        .plugin("counts", METRICS)
        .plugin("other", METER)
        .plugin("third", HELLO)
        .start()
        .await;
    host.health().await;
    let of = |own: &str, check: &str| own.contains(&format!("check=\"{check}\""));
    let before = own(&host).await;
    assert!(of(&before, "one") && of(&before, "two"), "{before}");

    host.reconfigure(&format!("{ENABLED}{}", check("one", "counts")));
    eventually_own(&host, "no series of the check", |own| !of(own, "two")).await;
    let runs = r#"plugin_counts_runs_total{check="one",kind="test"}"#;
    assert_eq!(sample(&own(&host).await, runs), Some(1.0), "it stays");

    host.reconfigure(&format!("{ENABLED}{}", check("one", "other")));
    let runs = "plugin_other_runs_total{check=\"one\",kind=\"test\"} 7";
    let after = eventually_own(&host, "the other plugin's", |own| own.contains(runs)).await;
    // The plugin still counts as a check of its own.
    let previous = r#"plugin_counts_runs_total{check="one""#;
    assert!(!after.contains(previous), "{after}");

    host.take_out("other");
    let is_gone = |own: &str| !own.contains("_other_");
    eventually_own(&host, "nothing of the plugin", is_gone).await;
}

#[tokio::test]
async fn disabled_metrics_accept_every_call_and_keep_none() {
    let calls = json!([
        { "do": "add", "name": "", "value": -1 },
        { "do": "set", "name": "x", "labels": [["check", "other"]], "value": "NaN" },
        { "do": "observe", "name": "x", "buckets": [2, 1], "value": 1 },
    ]);
    let host = TestHost::start(&calling("one", &calls), [METER]).await;
    let check = host.check("one").await;
    let accepted = json!({ "00": "taken", "01": "taken", "02": "taken" });
    assert_eq!(check["details"], accepted);
    assert_eq!(host.get("/metrics").await.status, 404);
}
