//! A new version serves only where every check that uses its plugin runs on it; until then, and for
//! ever if one does not, the last good version does.

use serde_json::{Value, json};
use vitals_host::reload::PluginOutcome;
use vitals_tests::guests::{FLIP, HELLO, SETTINGS, SPIN, STATUS, WANTS_CONFIG};
use vitals_tests::{TestHost, eventually};

const HOURLY: &str = "[plugins]\nrescan = '1h'\n[defaults]\ninterval = '1h'\n";

/// A host whose plugin `thing` is a good one.
async fn serving(config: &str) -> TestHost {
    let builder = TestHost::builder().config(config);
    builder.plugin("thing", HELLO).start().await
}

/// Waits until the newest file of `thing` is refused, and answers why.
async fn refusal(host: &TestHost) -> String {
    eventually("the new version is refused", async || {
        let plugin = host.plugin("thing").await;
        let error = plugin["last_error"].as_str().map(str::to_owned);
        error.ok_or_else(|| format!("{plugin:#}"))
    })
    .await
}

async fn with_message(host: &TestHost, check: &str, message: &str) -> Value {
    let is_so = |check: &Value| check["message"] == message;
    host.eventually_check(check, message, is_so).await
}

async fn with_code(host: &TestHost, code: &str) -> Value {
    let is_so = |check: &Value| check["error"]["code"] == code;
    host.eventually_check("a", code, is_so).await
}

fn runs(metrics: &str, check: &str) -> u64 {
    let start = format!("vitals_check_runs_total{{check=\"{check}\"");
    let of_check = metrics.lines().filter(|line| line.starts_with(&start));
    let count = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
    of_check.filter_map(count).sum()
}

#[tokio::test]
async fn a_version_whose_trial_run_a_limit_ends_is_refused() {
    let config = format!(
        "{HOURLY}[defaults.limits]\nfuel = 9_000_000\n\
         [checks.a]\nplugin = 'thing'\n[checks.b]\nplugin = 'thing'\n"
    );
    let host = serving(&config).await;
    let before = host.check("a").await;
    host.drop_in("thing", SPIN);
    let why = refusal(&host).await;
    assert!(
        why.starts_with("the trial run of check `") && why.contains("failed with `fuel`"),
        "{why}"
    );
    assert!(why.contains("`trial = false`"), "{why}");
    let plugin = host.plugin("thing").await;
    assert_eq!(
        (&plugin["state"], &plugin["generation"]),
        (&json!("loaded"), &json!(1))
    );
    let after = host.check("a").await;
    assert_eq!(after, before, "nobody has noticed anything");
    // One that is good after it is taken, and its trial run is the check's next result.
    host.drop_in("thing", FLIP);
    with_message(&host, "b", "flop").await;
}

#[tokio::test]
async fn an_unhealthy_trial_run_is_simply_the_next_result() {
    let config = format!("{HOURLY}[metrics]\nenabled = true\n[checks.a]\nplugin = 'thing'\n");
    let host = serving(&config).await;
    host.health().await;
    host.drop_in("thing", FLIP);
    // It is told what the run before it found, and nothing else runs.
    let check = with_message(&host, "a", "flop").await;
    assert_eq!(check["details"]["before"], "healthy", "{check:#}");
    assert_eq!(
        (&check["status"], &check["plugin"]["generation"]),
        (&json!("unhealthy"), &json!(2))
    );
    assert_eq!(check["result"]["consecutive_failures"], 1);
    let metrics = host.get("/metrics").await.text().to_owned();
    assert_eq!(runs(&metrics, "a"), 2, "{metrics}");
}

#[tokio::test]
async fn what_was_counted_of_a_check_lives_on_over_a_reload() {
    let config = format!(
        "{HOURLY}[checks.a]\nplugin = 'thing'\nfall = 2\nretry_interval = '1h'\n\
         config = {{ status = 'unhealthy', message = 'bad' }}\n"
    );
    let builder = TestHost::builder().config(&config);
    let host = builder.plugin("thing", STATUS).start().await;
    let first = host.check("a").await;
    assert_eq!(first["result"]["consecutive_failures"], 1, "{first:#}");
    let mut other = STATUS.bytes();
    // An empty custom section: another digest, the same component.
    other.extend([0, 2, 1, b'x']);
    host.drop_in("thing", other);
    let counted = |check: &Value| check["result"]["consecutive_failures"] == 2;
    host.eventually_check("a", "the second failure is counted", counted)
        .await;
}

#[tokio::test]
async fn without_a_trial_the_version_is_taken_as_it_is() {
    let config =
        format!("{HOURLY}[checks.a]\nplugin = 'thing'\nlimits.fuel = 9_000_000\ntrial = false\n");
    let host = serving(&config).await;
    host.health().await;
    host.drop_in("thing", SPIN);
    with_code(&host, "fuel").await;
}

#[tokio::test]
async fn one_that_was_dropped_in_keeps_running_where_the_new_version_wants_settings() {
    let host = TestHost::builder().plugin("thing", HELLO).start().await;
    let before = host.check("module:thing").await;
    assert_eq!(before["status"], "healthy");
    host.drop_in("thing", WANTS_CONFIG);
    let why = refusal(&host).await;
    assert!(why.contains("`greeting` is missing"), "{why}");
    assert_eq!(host.check("module:thing").await["status"], "healthy");
}

#[tokio::test]
async fn a_new_key_and_the_version_that_needs_it_come_in_either_order() {
    let old = format!("{HOURLY}[checks.a]\nplugin = 'thing'\nconfig = {{}}\n");
    let new = format!("{HOURLY}[checks.a]\nplugin = 'thing'\nconfig = {{ name = 'new key' }}\n");
    let message = "new key with token ";
    for config_first in [false, true] {
        let builder = TestHost::builder().reloading().config(&old);
        let host = builder.plugin("thing", HELLO).start().await;
        assert_eq!(host.check("a").await["status"], "healthy");
        if config_first {
            host.reconfigure(&new);
            with_code(&host, "load").await;
            host.drop_in("thing", SETTINGS);
        } else {
            host.drop_in("thing", SETTINGS);
            let why = refusal(&host).await;
            let is_so = why.contains("cannot run check `a`") && why.contains("`name` is missing");
            assert!(is_so, "{why}");
            assert_eq!(host.check("a").await["message"], "hello");
            host.reconfigure(&new);
        }
        with_message(&host, "a", message).await;
        assert!(host.plugin("thing").await["last_error"].is_null());
    }
}

#[tokio::test]
async fn a_reload_answers_what_was_loaded_refused_and_removed() {
    let config = format!("{HOURLY}[checks.a]\nplugin = 'thing'\nlimits.fuel = 9_000_000\n");
    let builder = TestHost::builder().config(&config).plugin("old", HELLO);
    let host = builder.plugin("thing", HELLO).start().await;
    host.health().await;
    assert!(host.reload(&[]).await.is_empty());
    host.drop_in("new", FLIP);
    host.drop_in("thing", SPIN);
    host.take_out("old");
    let answer = host.reload(&[]).await;
    let outcomes: Vec<_> = answer
        .plugins
        .iter()
        .map(|plugin| (plugin.name.as_str(), plugin.outcome))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("new", PluginOutcome::Loaded),
            ("old", PluginOutcome::Removed),
            ("thing", PluginOutcome::Rejected)
        ]
    );
    assert!(answer.has_rejections());
    let refused = &answer.plugins[2];
    assert!(
        refused
            .error
            .as_ref()
            .is_some_and(|error| error.contains("trial run")),
        "{refused:?}"
    );
    assert_eq!(refused.generation, 1);
    // It has been answered, so the check exists; its first run follows at once.
    assert_eq!(host.check("module:new").await["plugin"]["name"], "new");
    let has_run = |check: &Value| check["message"] == "flip";
    host.eventually_check("module:new", "it has run", has_run)
        .await;
}

#[tokio::test]
async fn a_version_that_is_put_back_is_the_one_that_served_all_the_while() {
    let config = format!("{HOURLY}[metrics]\nenabled = true\n[checks.a]\nplugin = 'thing'\n");
    let host = serving(&config).await;
    let before = host.check("a").await;
    host.drop_in("thing", "garbage");
    refusal(&host).await;
    host.drop_in("thing", HELLO);
    eventually("it is back", async || {
        let plugin = host.plugin("thing").await;
        let is_back = plugin["last_error"].is_null();
        is_back.then_some(()).ok_or_else(|| format!("{plugin:#}"))
    })
    .await;
    assert_eq!(host.check("a").await, before, "nobody has noticed anything");
    let metrics = host.get("/metrics").await.text().to_owned();
    let successful = "vitals_plugin_last_load_successful{plugin=\"thing\"} 1";
    assert!(metrics.contains(successful), "{metrics}");
}

#[tokio::test]
async fn a_version_that_nobody_can_try_waits_for_the_configuration() {
    let config = |settings: &str| {
        format!(
            "{HOURLY}[checks.a]\nplugin = 'thing'\nlimits.fuel = 9_000_000\nconfig = {settings}\n"
        )
    };
    let builder = TestHost::builder().reloading().config(&config("{}"));
    let host = builder.plugin("thing", HELLO).start().await;
    assert_eq!(host.check("a").await["status"], "healthy");
    host.reconfigure(&config("{ nonsense = 1 }"));
    with_code(&host, "load").await;
    host.drop_in("thing", SPIN);
    let why = refusal(&host).await;
    assert!(why.contains("nonsense"), "{why}");
    host.reconfigure(&config("{}"));
    let runs = |check: &Value| check["status"] == "healthy";
    host.eventually_check("a", "the last good version runs", runs)
        .await;
    eventually("it is tried now, and refused for that", async || {
        let why = refusal(&host).await;
        let is_so = why.contains("the trial run of check `a`");
        is_so.then_some(()).ok_or(why)
    })
    .await;
    assert_eq!(host.check("a").await["status"], "healthy");
}
