//! Guests in script languages: they stretch the contract and the engine as no Rust guest does.

use serde_json::{Value, json};
use vitals_tests::{TestHost, guests};

/// A host with the default limits, on which both guests run.
async fn host() -> TestHost {
    let config = "[defaults]\ninterval = '1s'\ntimeout = '1s'\n\
                  [checks.certificate]\nplugin = 'expiry'\nconfig = { expires = '2999-12-31' }\n\
                  [checks.licence]\nplugin = 'expiry'\nconfig = { expires = '2001-01-01T12:00:00Z' }\n\
                  [checks.domain]\nplugin = 'expiry'\nconfig = { expires = 'soon' }\n\
                  [checks.disk]\nplugin = 'quota'\nconfig = { used = 85 }\n\
                  [checks.inodes]\nplugin = 'quota'\nconfig = { used = 99, total = 100 }\n\
                  [checks.wrong]\nplugin = 'quota'\nconfig = { degraded_above = 0.9, unhealthy_above = 0.5 }";
    let builder = TestHost::builder()
        .config(SLOW_TO_COMPILE)
        .config(config)
        .plugin("expiry", guests::PYTHON_EXPIRY);
    builder.plugin("quota", guests::JS_QUOTA).start().await
}

#[tokio::test]
async fn a_check_in_python_and_one_in_javascript_run_under_the_default_limits() {
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
    assert_eq!(
        time["degraded_at"],
        json!({ "below": 2_592_000.0 }),
        "{certificate:#}"
    );

    let licence = host.check("licence").await;
    assert_eq!(
        (&licence["status"], &licence["message"]),
        (&json!("unhealthy"), &json!("expired on 2001-01-01"))
    );
    let domain = host.check("domain").await;
    assert_eq!(domain["status"], "unhealthy", "{domain:#}");
    let message = domain["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("cannot read `expires`: "), "{domain:#}");
    assert!(
        domain.get("error").is_none(),
        "an answer of the check, not a trap: {domain:#}"
    );

    let disk = host.check("disk").await;
    assert_eq!(
        (&disk["status"], &disk["message"]),
        (&json!("degraded"), &json!("85 % used")),
        "{disk:#}"
    );
    assert_eq!(
        disk["details"]["quota"],
        json!({ "used": 85, "total": 100 }),
        "{disk:#}"
    );
    assert_eq!(
        disk["result"]["measurements"][0]["unhealthy_at"],
        json!({ "above": 0.95 })
    );
    assert_eq!(host.check("inodes").await["status"], "unhealthy");
    let wrong = host.check("wrong").await;
    assert_eq!(
        wrong["message"],
        "degraded_above (0.9) is greater than unhealthy_above (0.5)"
    );

    let told = |check: &Value| check["details"]["previous"] == "degraded";
    host.eventually_check("disk", "JavaScript is told what the last run found", told)
        .await;
    let told = |check: &Value| check["details"]["previous"] == "healthy";
    host.eventually_check(
        "certificate",
        "Python is told what the last run found",
        told,
    )
    .await;
}

#[tokio::test]
async fn script_guests_without_the_settings_they_need_are_idle() {
    let builder = TestHost::builder().config(SLOW_TO_COMPILE);
    let builder = builder.plugin("expiry", guests::PYTHON_EXPIRY);
    let host = builder.plugin("quota", guests::JS_QUOTA).start().await;
    let health = host.health().await;
    assert_eq!(
        health["checks"].as_array().map(Vec::len),
        Some(1),
        "{health:#}"
    );
    assert_eq!(health["checks"][0]["name"], "module:quota");
    assert_eq!(host.plugin("expiry").await["state"], "idle");
}

/// Where its code is not cached yet, a component of 18 MB takes a while.
const SLOW_TO_COMPILE: &str = "[server]\nstartup_grace = '3m'";
