//! Guests in script languages, which use more of the contract and the engine than guests in Rust.

use serde_json::{Value, json};
use tokio::sync::Mutex;
use vitals_tests::TestHost;
use vitals_tests::guests::{self, Guest};

/// A host with the default limits, on which all of them run: JavaScript with both of its engines.
async fn host() -> TestHost {
    let config = "[defaults]\ninterval = '1s'\ntimeout = '1s'\n\
                  [checks.certificate]\nplugin = 'expiry'\nconfig = { expires = '2999-12-31' }\n\
                  [checks.licence]\nplugin = 'expiry'\nconfig = { expires = '2001-01-01T12:00:00Z' }\n\
                  [checks.domain]\nplugin = 'expiry'\nconfig = { expires = 'soon' }\n\
";
    let mut builder = TestHost::builder()
        .config(SLOW_TO_COMPILE)
        .config(config)
        .plugin("expiry", guests::PYTHON_EXPIRY);
    for (engine, guest) in ENGINES {
        builder = builder.plugin(engine, guest).config(&format!(
            "[checks.disk-{engine}]\nplugin = '{engine}'\nconfig = {{ used = 85 }}\n\
             [checks.inodes-{engine}]\nplugin = '{engine}'\nconfig = {{ used = 99, total = 100 }}\n\
             [checks.wrong-{engine}]\nplugin = '{engine}'\n\
             config = {{ degraded_above = 0.9, unhealthy_above = 0.5 }}"
        ));
    }
    builder.start().await
}

#[tokio::test]
async fn checks_in_python_and_javascript_run_under_the_default_limits() {
    let _alone = COMPILING.lock().await;
    let host = host().await;
    let certificate = host.check("certificate").await;
    assert_eq!(certificate["status"], "healthy", "{certificate:#}");
    assert_eq!(certificate["message"], "valid until 2999-12-31");
    assert_eq!(
        certificate["details"]["expires"],
        "2999-12-31T00:00:00+00:00"
    );
    assert_eq!(certificate["details"]["expired"], false);
    assert!(
        certificate["details"]["days_left"].as_i64() > Some(300_000),
        "{certificate:#}"
    );
    let time = &certificate["result"]["measurements"][0];
    assert_eq!(
        (&time["name"], &time["unit"]),
        (&json!("time_left"), &json!("seconds"))
    );
    let degraded = json!({ "below": 2_592_000.0 });
    assert_eq!(time["degraded_at"], degraded, "{certificate:#}");

    let licence = host.check("licence").await;
    assert_eq!(
        (&licence["status"], &licence["message"]),
        (&json!("unhealthy"), &json!("expired on 2001-01-01"))
    );
    let domain = host.check("domain").await;
    assert_eq!(domain["status"], "unhealthy", "{domain:#}");
    let message = domain["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("cannot read `expires`: "), "{domain:#}");
    assert!(domain.get("error").is_none(), "it trapped: {domain:#}");

    for (engine, _) in ENGINES {
        let name = format!("disk-{engine}");
        let disk = host.check(&name).await;
        assert_eq!(
            (&disk["status"], &disk["message"]),
            (&json!("degraded"), &json!("85 % used")),
            "{disk:#}"
        );
        let quota = json!({ "used": 85, "total": 100 });
        assert_eq!(disk["details"]["quota"], quota, "{disk:#}");
        let measurement = &disk["result"]["measurements"][0];
        assert_eq!(measurement["unhealthy_at"], json!({ "above": 0.95 }));
        let inodes = host.check(&format!("inodes-{engine}")).await;
        assert_eq!(inodes["status"], "unhealthy", "{inodes:#}");
        let wrong = host.check(&format!("wrong-{engine}")).await;
        assert_eq!(
            wrong["message"], "degraded_above (0.9) is greater than unhealthy_above (0.5)",
            "{wrong:#}"
        );
        let is_so = |check: &Value| check["details"]["previous"] == "degraded";
        host.eventually_check(&name, "it gets the previous result", is_so)
            .await;
    }
    let is_so = |check: &Value| check["details"]["previous"] == "healthy";
    host.eventually_check("certificate", "it gets the previous result", is_so)
        .await;
}

#[tokio::test]
async fn script_guests_without_the_settings_they_need_are_idle() {
    let _alone = COMPILING.lock().await;
    let builder = TestHost::builder().config(SLOW_TO_COMPILE);
    let builder = builder.plugin("expiry", guests::PYTHON_EXPIRY);
    let host = builder.plugin("quota", guests::JS_QUOTA).start().await;
    let health = host.health().await;
    let count = health["checks"].as_array().map(Vec::len);
    assert_eq!(count, Some(1), "{health:#}");
    assert_eq!(health["checks"][0]["name"], "module:quota");
    assert_eq!(host.plugin("expiry").await["state"], "idle");
}

#[tokio::test]
async fn javascript_is_reloaded_from_one_engine_to_the_other() {
    let _alone = COMPILING.lock().await;
    let mut builder = TestHost::builder().config(SLOW_TO_COMPILE).config(
        "[defaults]\ninterval = '1s'\ntimeout = '1s'\n\
         [checks.disk]\nplugin = 'disk'\nconfig = { used = 85 }",
    );
    // All are compiled before the first response.
    for (engine, guest) in ENGINES {
        builder = builder.plugin(engine, guest);
    }
    let [(_, small), (_, large)] = ENGINES;
    let host = builder.plugin("disk", small).start().await;
    assert_eq!(host.check("disk").await["status"], "degraded");
    for (generation, guest) in [(2, large), (3, small)] {
        host.drop_in("disk", guest);
        let is_so = |check: &Value| check["plugin"]["generation"] == generation;
        let check = host.eventually_check("disk", "the next generation", is_so);
        let check = check.await;
        assert_eq!(check["status"], "degraded", "{check:#}");
        assert_eq!(check["message"], "85 % used", "{check:#}");
    }
}

/// The same check with each engine of JavaScript: of 1.6 MB, and of 12.
const ENGINES: [(&str, Guest); 2] = [
    ("quickjs", guests::JS_QUOTA),
    ("starlingmonkey", guests::JS_QUOTA_STARLINGMONKEY),
];
/// Compiling a component of 18 MB takes a while.
const SLOW_TO_COMPILE: &str = "[server]\nstartup_grace = '5m'";
/// Held by one test at a time, so that the next one finds the code in the cache.
static COMPILING: Mutex<()> = Mutex::const_new(());
