//! A configuration that changes while the host runs: only what differs is applied.

use std::fs;

use serde_json::{Value, json};
use vitals_host::reload::ConfigurationState;
use vitals_host::{Host, Outcome};
use vitals_tests::guests::{MARKS_ONE, MARKS_TWO, SETTINGS, STATUS};
use vitals_tests::{TestHost, TestHostBuilder, Vitals, eventually, when};

const HOURLY: &str = "[plugins]\nrescan = '1h'\n[defaults]\ninterval = '1h'\n";

/// A host that reloads its configuration, with `STATUS` as `thing`.
fn reloading(config: &str) -> TestHostBuilder {
    let builder = TestHost::builder().reloading().plugin("thing", STATUS);
    builder.config(&format!("{HOURLY}{config}"))
}

fn saying(check: &str, message: &str) -> String {
    format!("[checks.{check}]\nplugin = 'thing'\nconfig = {{ message = '{message}' }}\n")
}

async fn with_message(host: &TestHost, check: &str, message: &str) -> Value {
    let is_so = |check: &Value| check["message"] == message;
    host.eventually_check(check, message, is_so).await
}

fn names(health: &Value) -> Vec<&str> {
    let checks = health["checks"].as_array().expect("checks").iter();
    checks.filter_map(|check| check["name"].as_str()).collect()
}

#[tokio::test]
async fn only_checks_that_are_added_changed_or_removed_are_affected() {
    let before = [
        saying("same", "1"),
        saying("other", "1"),
        saying("gone", "1"),
    ]
    .concat();
    let host = reloading(&before).start().await;
    let same = host.check("same").await;
    // It is on other lines now, and equivalent.
    let after = [
        "# A line more.\n\n",
        &saying("added", "2"),
        &saying("other", "2"),
        &saying("same", "1"),
    ];
    host.reconfigure(&format!("{HOURLY}{}", after.concat()));
    with_message(&host, "other", "2").await;
    with_message(&host, "added", "2").await;
    assert_eq!(names(&host.health().await), ["added", "other", "same"]);
    assert_eq!(host.check("same").await, same, "it is unaffected");
}

#[tokio::test]
async fn an_invalid_configuration_changes_nothing() {
    let good = saying("a", "1");
    let enabled = format!("[metrics]\nenabled = true\n{good}");
    let host = reloading(&enabled).start().await;
    let before = host.check("a").await;
    let successful = async |expected: &str| {
        let line = format!("vitals_config_last_reload_successful {expected}");
        eventually(&line, async || {
            let metrics = host.get("/metrics").await.body;
            when(metrics.contains(&line), metrics)
        })
        .await;
    };
    successful("1").await;
    host.reconfigure(&format!("{HOURLY}{enabled}intervall = '5s'\n"));
    successful("0").await;
    let answer = host.reload(&[]).await;
    assert_eq!(answer.configuration.state, ConfigurationState::Rejected);
    let errors = &answer.configuration.errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    for part in ["vitals.toml:10", "intervall"] {
        assert!(errors[0].contains(part), "{errors:?}");
    }
    let page = host.get("/plugins").await.json();
    assert_eq!(page["configuration"]["errors"], json!(errors), "{page:#}");
    assert_eq!(host.check("a").await, before);
    host.reconfigure(&format!("{HOURLY}{enabled}"));
    successful("1").await;
    assert_eq!(host.check("a").await, before);
    let page = host.get("/plugins").await.json();
    assert_eq!(page["configuration"]["errors"], json!([]), "{page:#}");
}

#[tokio::test]
async fn an_identity_follows_its_file_and_checks_need_it_to_be_defined() {
    let builder = TestHost::builder().reloading().plugin("thing", STATUS);
    let file = builder.place().path().join("identity.pem");
    let renew = || {
        let made = rcgen::generate_simple_self_signed(["client.test".to_owned()]).unwrap();
        fs::write(&file, made.cert.pem() + &made.signing_key.serialize_pem()).unwrap();
        made.cert.pem()
    };
    let identity = format!("[tls.identities.shop]\ncertificate = {file:?}\nkey = {file:?}\n");
    let check = saying("a", "1") + "allow.identities = ['shop']\n";
    let certificate = renew();
    let config = format!("{HOURLY}{identity}{check}");
    let host = builder.config(&config).start().await;
    let before = host.check("a").await;
    let page = host.get("/health/checks/a").await.json();
    assert_eq!(page["grants"], json!(["identity shop"]), "{page:#}");

    // Without its key it cannot be used, and nothing changes.
    fs::write(&file, &certificate).unwrap();
    let answer = host.reload(&[]).await;
    assert_eq!(answer.configuration.state, ConfigurationState::Rejected);
    let errors = &answer.configuration.errors;
    let error = "`[tls.identities.shop]` cannot be used: its `key` ";
    assert!(errors.len() == 1 && errors[0].contains(error), "{errors:?}");
    assert_eq!(host.check("a").await, before);
    for state in [ConfigurationState::Applied, ConfigurationState::Unchanged] {
        if state == ConfigurationState::Applied {
            renew();
        }
        assert_eq!(host.reload(&[]).await.configuration.state, state);
        assert_eq!(host.check("a").await, before, "it is unaffected");
    }

    host.reconfigure(&format!("{HOURLY}{check}"));
    let is_wrong = |check: &Value| check["error"]["code"] == "load";
    let wrong = host.eventually_check("a", "it is wrong", is_wrong).await;
    let message = wrong["message"].as_str().unwrap_or_default();
    let error = "cannot grant `shop` in `allow.identities`: the configuration has no \
                 `[tls.identities.shop]` (";
    assert!(message.contains(error), "{message}");
    host.reconfigure(&config);
    with_message(&host, "a", "1").await;
}

#[tokio::test]
async fn an_error_in_one_check_affects_only_that_check() {
    let host = reloading(&[saying("a", "1"), saying("b", "1")].concat());
    let host = host.start().await;
    host.health().await;
    let broken = "[checks.a]\nplugin = 'thing'\nconfig = { mesage = '2' }\n";
    host.reconfigure(&format!("{HOURLY}{broken}{}", saying("b", "2")));
    with_message(&host, "b", "2").await;
    let is_wrong = |check: &Value| check["error"]["code"] == "load";
    let a = host.eventually_check("a", "it is wrong", is_wrong).await;
    let message = a["message"].as_str().unwrap_or_default();
    assert!(message.contains("`mesage`"), "{message}");
    host.reconfigure(&format!("{HOURLY}{}{}", saying("a", "3"), saying("b", "2")));
    with_message(&host, "a", "3").await;
}

#[tokio::test]
async fn keys_that_need_a_restart_are_named_and_the_others_applied() {
    let host = reloading(&saying("a", "1")).start().await;
    host.health().await;
    let new = format!(
        "{HOURLY}[server]\nstartup_grace = '2m'\n[engine]\nmax_runs = 3\n\
         [tools]\nwiki = 'https://wiki.test'\n{}",
        saying("a", "2")
    );
    host.reconfigure(&new);
    let answer = host.reload(&[]).await;
    assert_eq!(answer.configuration.state, ConfigurationState::Applied);
    assert_eq!(
        answer.configuration.restart_needed,
        ["server.startup_grace", "engine.max_runs"]
    );
    assert_eq!(answer.checks.changed.len(), 1, "{answer:?}");
    with_message(&host, "a", "2").await;
    let tools = host.get("/health/tools").await.json();
    assert_eq!(tools["wiki"], "https://wiki.test");
    let page = host.get("/plugins").await.json();
    let needed = &page["configuration"]["restart_needed"];
    assert_eq!(needed, &json!(["server.startup_grace", "engine.max_runs"]));
}

#[tokio::test]
async fn a_reload_applies_access_status_and_host_names() {
    let host = reloading(&saying("a", "1")).start().await;
    host.health().await;
    let named = async || {
        let headers = [("host", "vitals.example.com")];
        host.ask("GET", "/health/live", &headers).await.status
    };
    assert_eq!(named().await, 421);
    assert_eq!(host.get("/plugins").await.status, 200);
    host.reconfigure(&format!(
        "{HOURLY}[server]\ndetails = 'authorized'\nunhealthy_status = 503\n\
         hosts = ['vitals.example.com']\n{}",
        saying("a", "1").replace("message =", "status = 'unhealthy', message =")
    ));
    let answer = host.reload(&[]).await;
    let needed = answer.configuration.restart_needed;
    assert!(needed.is_empty(), "{needed:?}");
    assert_eq!(named().await, 200);
    assert_eq!(host.get("/plugins").await.status, 403);
    eventually("`/health` responds with 503", async || {
        let status = host.get("/health").await.status;
        when(status == 503, status)
    })
    .await;
}

#[tokio::test]
async fn a_reload_applies_whether_plugins_run_by_themselves() {
    let host = reloading(&saying("a", "1")).start().await;
    host.health().await;
    host.reconfigure("[plugins]\nauto = false\nrescan = '1h'\n");
    let is_empty = |health: &Value| names(health).is_empty();
    host.eventually("nothing runs by itself", is_empty).await;
    host.reconfigure("[plugins]\nrescan = '1h'\n");
    let runs = |health: &Value| names(health) == ["module:thing"];
    host.eventually("it does again", runs).await;
}

#[tokio::test]
async fn a_file_that_contains_a_value_is_part_of_the_configuration() {
    let builder = TestHost::builder().reloading().plugin("settings", SETTINGS);
    let secret = builder.place().path().join("token");
    fs::write(&secret, "first-token\n").unwrap();
    let config = format!(
        "{HOURLY}[checks.a]\nplugin = 'settings'\n\
         config = {{ name = 'the name', token = '${{file:{}}}' }}\n",
        secret.display()
    );
    let host = builder.config(&config).start().await;
    let before = with_message(&host, "a", "the name with token [redacted]").await;
    // The token is the name now, so the redaction shows which token is known.
    host.place().write("token", "the name\n");
    let message = "[redacted] with token [redacted]";
    let after = with_message(&host, "a", message).await;
    assert_ne!(before["checked_at"], Value::Null);
    assert_eq!(after["status"], "healthy");
}

#[tokio::test]
async fn a_new_secret_is_redacted_in_checks_that_do_not_change() {
    let before = saying("teller", "hunter2-hunter2");
    let host = reloading(&before).env("PASSWORD", "hunter2-hunter2");
    let host = host.env("OTHER", "another secret").start().await;
    with_message(&host, "teller", "hunter2-hunter2").await;
    let user = "[checks.user]\nplugin = 'thing'\nconfig = { message = '${PASSWORD}' }\n";
    let often = before.replace("config", "interval = '5s'\nconfig");
    host.reconfigure(&format!("{HOURLY}{often}{user}"));
    with_message(&host, "teller", "[redacted]").await;
    // Texts may still contain the old secret, until another one replaces it.
    let later = saying("later", "hunter2-hunter2");
    host.reconfigure(&format!("{HOURLY}{often}{later}"));
    with_message(&host, "later", "[redacted]").await;
    let user = user.replace("PASSWORD", "OTHER");
    host.reconfigure(&format!("{HOURLY}{often}{user}"));
    with_message(&host, "teller", "hunter2-hunter2").await;
}

#[tokio::test]
async fn a_native_check_and_one_of_a_plugin_replace_each_other() {
    let config = format!("{HOURLY}[checks.a]\ninterval = '1h'\n");
    let native =
        |host: vitals_host::HostBuilder| host.check("a", || async { Outcome::healthy("native") });
    let builder = TestHost::builder().reloading().plugin("thing", STATUS);
    let host = builder.config(&config).with(native).start().await;
    with_message(&host, "a", "native").await;
    for _ in 0..2 {
        host.reconfigure(&format!("{HOURLY}{}", saying("a", "guest")));
        with_message(&host, "a", "guest").await;
        host.reconfigure(&config);
        with_message(&host, "a", "native").await;
    }
}

#[tokio::test]
async fn a_native_check_cannot_have_the_name_of_a_configured_one() {
    let (host, place): (Host, _) = reloading("").build().await;
    let register = || host.register("a", || async { Outcome::healthy("") });
    register().unwrap();
    place.write("vitals.toml", format!("{HOURLY}{}", saying("a", "guest")));
    let taken = eventually("the name is taken", async || match register() {
        Ok(_) => Err("it is not".to_owned()),
        Err(error) => Ok(error.to_string()),
    });
    assert!(taken.await.contains("has a `plugin` in the configuration"));
    host.shutdown().await;
}

#[tokio::test]
async fn grants_are_widened_by_the_configuration_or_by_accept_grants() {
    let config = |second: &str| {
        format!(
            "{HOURLY}[checks.orders]\nplugin = 'marks'\n\
             config = {{ first = 'one.test:1', second = '{second}' }}\n\
             [checks.others]\nplugin = 'thing'\n"
        )
    };
    let builder = TestHost::builder().reloading().plugin("marks", MARKS_ONE);
    let builder = builder
        .plugin("thing", STATUS)
        .config(&config("two.test:2"));
    let host = builder.start().await;
    with_message(&host, "orders", "wants one").await;
    host.drop_in("marks", MARKS_TWO);
    let rejected = host.reload(&[]).await;
    let error = rejected.plugins[0].error.as_deref().unwrap_or_default();
    assert!(error.contains("--accept-grants orders"), "{error}");
    // A change of another check accepts nothing, nor does the name of another check.
    host.reconfigure(&format!("{}trial = false\n", config("two.test:2")));
    assert!(host.reload(&[]).await.has_rejections());
    assert!(host.reload(&["others"]).await.has_rejections());
    let unknown = host.reload(&["nobody"]).await;
    let problem = &unknown.problems[0];
    assert!(problem.contains("no check `nobody`"), "{problem}");
    assert_eq!(host.check("orders").await["message"], "wants one");

    let answer = host.reload(&["orders"]).await;
    assert!(!answer.has_rejections(), "{answer:?}");
    assert_eq!(host.check("orders").await["message"], "wants two");

    // The other way: the configuration of the check itself changes.
    host.drop_in("marks", MARKS_ONE);
    with_message(&host, "orders", "wants one").await;
    host.drop_in("marks", MARKS_TWO);
    assert!(host.reload(&[]).await.has_rejections());
    host.reconfigure(&config("three.test:3"));
    let check = with_message(&host, "orders", "wants two").await;
    assert_eq!(
        check["grants"],
        json!(["tcp one.test:1", "tcp three.test:3"])
    );
}

#[tokio::test]
async fn a_configuration_file_that_is_removed_is_reported_and_changes_nothing() {
    let config = format!("{HOURLY}{}", saying("a", "1"));
    let host = Vitals::host(&config, []).plugin("thing", STATUS);
    let host = host.serve().await;
    let health = host.get("/health").await.unwrap().json();
    assert_eq!(names(&health), ["a"]);
    let file = host.place().path().join("vitals.toml");
    fs::remove_file(&file).unwrap();
    host.eventually_logs("vitals.toml is gone").await;
    let health = host.get("/health").await.unwrap().json();
    assert_eq!(names(&health), ["a"]);
    fs::write(&file, format!("{HOURLY}{}", saying("b", "1"))).unwrap();
    eventually("the new file is read", async || {
        let health = host.get("/health").await?.json();
        when(names(&health) == ["b"], health)
    })
    .await;
    let errors = host.log();
    let errors = errors.iter().filter(|line| line.contains("is gone"));
    assert_eq!(errors.count(), 1, "it is reported once");
}
