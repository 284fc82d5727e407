//! What a check may reach: nothing, until the operator says so.

use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;
use vitals_tests::{Reply, Target, TestHost, eventually, guests};

/// Runs a guest as the check `orders`, and returns its page.
pub(crate) async fn orders(guest: impl Into<Vec<u8>>, config: &str) -> Value {
    let config = format!("[checks.orders]\nplugin = 'guest'\ntimeout = '5s'\n{config}");
    let host = TestHost::builder()
        .library("guest", guest)
        .config(&config)
        .start()
        .await;
    host.check("orders").await
}

/// The messages of the denials, without ports.
pub(crate) fn denials(check: &Value) -> String {
    let denials = check["result"]["denials"].as_array().expect("denials");
    let messages = denials
        .iter()
        .filter_map(|denial| denial["message"].as_str());
    let messages = messages.collect::<Vec<_>>().join("\n");
    vitals_tests::tidy(Path::new("/nowhere"), &messages)
}

#[tokio::test]
async fn an_address_that_is_written_is_granted_and_just_that() {
    let [granted, other] = [Target::start(Reply::Silence), Target::start(Reply::Silence)];
    let config = format!(
        "config = {{ address = '{}', others = ['{}'] }}",
        granted.address(),
        other.address()
    );
    let check = orders(guests::TCP_CONNECT, &config).await;
    assert_eq!(
        check["status"], "healthy",
        "a refusal changes no status: {check:#}"
    );
    assert!(check.get("error").is_none(), "{check:#}");
    assert_eq!(check["details"]["open"], 1, "{check:#}");
    // A connection may wait in the queue of the listener for a while.
    eventually("the connection is taken", async || {
        match granted.accepted() {
            1 => Ok(()),
            several => Err(several.to_string()),
        }
    })
    .await;
    assert_eq!(other.accepted(), 0);
    assert_snapshot!(denials(&check), @"denied: tcp 127.0.0.1:<port> (add it to `allow.tcp` of check `orders`)");
    assert_eq!(check["result"]["denials"][0]["kind"], "tcp");
}

#[tokio::test]
async fn a_url_that_is_written_is_granted_and_just_its_host_and_port() {
    let [granted, other] = [Target::start(Reply::ok("a")), Target::start(Reply::ok("b"))];
    let config = format!(
        "config = {{ url = '{}', others = ['{}', '{}'] }}",
        granted.url("/health?all"),
        granted.url("/elsewhere"),
        other.url("/")
    );
    let check = orders(guests::HTTP_GET, &config).await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(check["details"]["others"][0], "200 OK", "{check:#}");
    assert_eq!((granted.accepted(), other.accepted()), (2, 0));
    assert!(granted.requests()[0].starts_with("GET /health?all HTTP/1.1\r\n"));
    assert_snapshot!(denials(&check), @"denied: http http://127.0.0.1:<port> (add it to `allow.http` of check `orders`)");
}

#[tokio::test]
async fn a_redirect_is_followed_to_where_a_grant_leads() {
    let other = Target::start(Reply::ok("moved"));
    let target = Target::start(Reply::redirect(&other.url("/inside")));
    let config = format!(
        "allow = {{ http = ['{}'] }}\nconfig = {{ url = '{}', follow_redirects = 3 }}",
        other.url(""),
        target.url("/")
    );
    let check = orders(guests::HTTP, &config).await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!((target.accepted(), other.accepted()), (1, 1));
}

#[tokio::test]
async fn localhost_may_lead_to_loopback() {
    let target = Target::start(Reply::Silence);
    let port = target.address().port();
    let config = format!("config = {{ address = 'localhost:{port}' }}");
    let check = orders(guests::TCP_CONNECT, &config).await;
    assert_eq!(check["status"], "healthy", "{check:#}");
}

#[tokio::test]
async fn everything_else_stays_closed() {
    let check = orders(guests::IMPORTS, "").await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    let details = check["details"].as_object().expect("details");
    let lines: Vec<_> = details
        .iter()
        .map(|(what, said)| format!("{what}: {said}"))
        .collect();
    assert_snapshot!("what_a_guest_gets", lines.join("\n"));
    assert_snapshot!("what_is_refused", denials(&check));
}

#[tokio::test]
async fn a_variable_is_handed_in_where_it_is_granted_and_no_other() {
    let config = "[checks.orders]\nplugin = 'imports'\nallow = { env = ['TZ', 'UNSET'] }";
    let builder = TestHost::builder()
        .library("imports", guests::IMPORTS)
        .config(config);
    let host = builder
        .env("TZ", "Europe/Berlin")
        .env("PASSWORD", "hunter2")
        .start()
        .await;
    let check = host.check("orders").await;
    assert_eq!(
        check["details"]["std.env"], r#"[("TZ", "Europe/Berlin")]"#,
        "{check:#}"
    );
}

#[tokio::test]
async fn a_name_that_is_granted_may_be_looked_up_and_no_more() {
    let [written, other] = [Target::start(Reply::Silence), Target::start(Reply::Silence)];
    let config = format!(
        "allow = {{ names = ['localhost'] }}\n\
         config = {{ address = '{}', others = ['localhost:{}'] }}",
        written.address(),
        other.address().port()
    );
    let check = orders(guests::TCP_CONNECT, &config).await;
    assert_eq!(other.accepted(), 0, "{check:#}");
    // The denial names the host only because the lookup has led to its address.
    assert!(
        denials(&check).contains("denied: tcp localhost:<port>"),
        "{check:#}"
    );
}

#[tokio::test]
async fn a_grant_made_of_a_secret_is_shown_without_it() {
    let target = Target::start(Reply::Silence);
    let other = Target::start(Reply::Silence);
    let config = format!(
        "[checks.orders]\nplugin = 'guest'\nallow = {{ tcp = ['${{DB_HOST}}:5432'] }}\n\
         config = {{ address = '{}', others = ['{}', 'db.hidden.test:22'] }}",
        target.address(),
        other.address()
    );
    let host = TestHost::builder()
        .library("guest", guests::TCP_CONNECT)
        .env("DB_HOST", "db.hidden.test")
        .config(&config)
        .start()
        .await;
    let check = host.check("orders").await;
    let pages = [
        check.to_string(),
        host.plugin("guest").await.to_string(),
        host.get("/health").await.text().to_owned(),
    ];
    for page in &pages {
        assert!(!page.contains("hidden"), "{page}");
    }
    // The entry is secret as a whole, as any value is that a secret is part of.
    assert!(pages[0].contains("tcp [redacted]"), "{check:#}");
    assert!(pages[1].contains("tcp [redacted]"), "{}", pages[1]);
}

#[tokio::test]
async fn every_refused_attempt_is_counted() {
    let [granted, other] = [Target::start(Reply::Silence), Target::start(Reply::Silence)];
    let config = format!(
        "[metrics]\nenabled = true\n[checks.orders]\nplugin = 'guest'\n\
         config = {{ address = '{}', others = ['{1}', '{1}', '{1}'] }}",
        granted.address(),
        other.address()
    );
    let host = TestHost::builder()
        .library("guest", guests::TCP_CONNECT)
        .config(&config)
        .start()
        .await;
    let check = host.check("orders").await;
    assert_eq!(check["result"]["denials"].as_array().map(Vec::len), Some(1));
    let line = r#"vitals_denied_total{check="orders",kind="tcp"} 3"#;
    // The board has a result a moment before the metrics count it.
    eventually("each attempt is counted", async || {
        let metrics = host.get("/metrics").await.text().to_owned();
        if metrics.contains(line) {
            Ok(())
        } else {
            Err(metrics)
        }
    })
    .await;
}
