//! The plugin `smtp` on Postfix, and on servers that speak otherwise; `tls` on Postfix too.

use std::fs;
use std::net::SocketAddr;

use serde_json::{Value, json};
use vitals_tests::guests::{self, Guest};
use vitals_tests::servers::{self, POSTFIX_USER, Server};
use vitals_tests::{Authority, Reply, Target, TestHost};

use super::{measured, number, told};

/// A host whose check `watched` looks at an address and trusts who signed for Postfix.
async fn watching(plugin: Guest, server: &Server, settings: &str, keys: &str) -> TestHost {
    let root = fs::read_to_string(server.directory().join("root.pem")).expect("it was written");
    start(plugin, server.address(), &root, settings, keys).await
}

async fn start(
    plugin: Guest,
    address: SocketAddr,
    root: &str,
    settings: &str,
    keys: &str,
) -> TestHost {
    let builder = TestHost::builder().library("plugin", plugin);
    let file = builder.place().write("roots.pem", root);
    builder
        .config(&format!(
            "[checks.watched]\nplugin = 'plugin'\n{keys}\ntls.roots = [{:?}]\n\
             config = {{ address = '{address}', name = 'mail.test', {settings} }}\n",
            file.display().to_string()
        ))
        .start()
        .await
}

async fn watch(plugin: Guest, server: &Server, settings: &str) -> Value {
    let host = watching(plugin, server, settings, "timeout = '10s'").await;
    host.check("watched").await
}

fn told_of(check: &Value, address: SocketAddr) -> String {
    let (status, message) = told(check);
    format!(
        "{status}: {}",
        message.replace(&address.to_string(), "<mail>")
    )
}

#[tokio::test]
async fn postfix_is_asked_for_tls_sign_in_and_a_recipient() {
    let server = Server::start("postfix", servers::postfix).await;
    let (user, password) = POSTFIX_USER;
    let signed_in = format!(
        "user = '{user}', password = '{password}', recipient = 'a@elsewhere.test', sender = 'monitor@example.test'"
    );
    let wrong = format!("user = '{user}', password = 'wrong-{password}'");
    for (settings, expected) in [
        ("", "healthy: <mail> responds over TLS"),
        ("tls = 'off'", "healthy: <mail> responds"),
        (
            "recipient = 'known@example.test', capabilities = ['auth plain', 'SIZE', 'PIPELINING']",
            "healthy: <mail> responds over TLS, accepts mail for known@example.test",
        ),
        (
            "recipient = 'other@example.test'",
            "unhealthy: <mail> rejects the recipient other@example.test: 550 5.1.1 <other@example.test>: \
             Recipient address rejected: User unknown in local recipient table",
        ),
        (
            "recipient = 'a@elsewhere.test'",
            "unhealthy: <mail> rejects the recipient a@elsewhere.test: 554 5.7.1 <a@elsewhere.test>: \
             Relay access denied",
        ),
        (
            &signed_in,
            "healthy: <mail> responds over TLS, accepts the login of `monitor`, accepts mail for a@elsewhere.test",
        ),
        (
            &wrong,
            "unhealthy: <mail> rejects the login of `monitor`: 535 5.7.8 Error: authentication failed: \
             authentication failure",
        ),
        (
            "tls = 'off', capabilities = ['AUTH PLAIN', 'PIPELINING', 'SIZE 1']",
            "unhealthy: <mail> does not offer AUTH PLAIN, SIZE 1",
        ),
        (
            "tls = 'implicit'",
            "unhealthy: cannot start TLS with <mail>: the server does not speak TLS here: it began with \
             `220 mail.test ESMTP Postfix (Debian)`",
        ),
    ] {
        let check = watch(guests::SMTP, &server, settings).await;
        let told = told_of(&check, server.address()).replace("Postfix (Debian)`", "Postfix`");
        let expected = expected.replace("Postfix (Debian)`", "Postfix`");
        assert_eq!(told, expected, "{settings}: {check:#}");
        assert!(!check.to_string().contains(password), "{check:#}");
    }
}

#[tokio::test]
async fn the_certificate_of_postfix_is_measured_and_judged() {
    let server = Server::start("postfix", servers::postfix).await;
    let settings = "degraded_below = '90d', unhealthy_below = '1d'";
    let check = watch(guests::SMTP, &server, settings).await;
    assert_eq!(
        told(&check),
        (
            "degraded",
            "certificate of mail.test expires in 80 d (degraded below 90 d)"
        )
    );
    let left = number(&check, "certificate_expires_in");
    assert!((6_912_000.0..=6_915_600.0).contains(&left), "{check:#}");
    let measurement = measured(&check, "certificate_expires_in");
    assert_eq!(measurement["unhealthy_at"], json!({ "below": 86_400.0 }));
    assert_eq!(check["details"]["trusted"], true, "{check:#}");

    let strange = Authority::new("Strange Root").pem();
    for (settings, expected) in [
        (
            "",
            "unhealthy: cannot start TLS with <mail>: the certificate of mail.test is not trusted: its issuer \
             is not among the trusted roots",
        ),
        ("verify = false", "healthy: <mail> responds over TLS"),
    ] {
        let host = start(
            guests::SMTP,
            server.address(),
            &strange,
            settings,
            "timeout = '10s'",
        )
        .await;
        let check = host.check("watched").await;
        assert_eq!(told_of(&check, server.address()), expected, "{check:#}");
    }

    let check = watch(guests::TLS, &server, "starttls = 'smtp'").await;
    assert_eq!(
        told(&check),
        ("healthy", "certificate of mail.test expires in 80 d")
    );
}

#[tokio::test]
async fn postfix_is_watched_through_a_stop_and_a_freeze() {
    let mut server = Server::start("postfix", servers::postfix).await;
    let address = server.address();
    let keys = "interval = '1s'\ntimeout = '1s'";
    let host = watching(
        guests::SMTP,
        &server,
        "recipient = 'known@example.test'",
        keys,
    )
    .await;
    let becomes = async |words: &str| {
        let is_so = |check: &Value| told_of(check, address).starts_with(words);
        host.eventually_check("watched", words, is_so).await;
    };
    let up = "healthy: <mail> responds over TLS, accepts mail for known@example.test";
    becomes(up).await;
    server.stop();
    becomes("unhealthy: cannot connect to <mail>: connection refused").await;
    server.restart().await;
    becomes(up).await;
    server.freeze();
    becomes("unhealthy: no greeting received: cannot read from <mail>: timed out after ").await;
    server.thaw();
    becomes(up).await;
}

#[tokio::test]
async fn what_speaks_otherwise_is_told_and_never_sees_the_password() {
    let root = Authority::new("Test Root").pem();
    let secret = "user = 'monitor', password = 'hunter2-0815'";
    for (said, expected) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "unhealthy: <mail> does not speak SMTP: it sent `HTTP/1.1 400 Bad Request`",
        ),
        (
            b"421 4.3.2 All server ports are busy\r\n",
            "unhealthy: <mail> accepts no connections: 421 4.3.2 All server ports are busy",
        ),
        (
            b"220 hi\r\n250-hi\r\n250 AUTH PLAIN\r\n",
            "unhealthy: <mail> does not offer STARTTLS",
        ),
        (
            b"220 hi\r\n250-hi\r\n250 STARTTLS\r\n220 go\r\n250 smuggled\r\n",
            "unhealthy: cannot start TLS with <mail>: the server said more before TLS than it was asked",
        ),
        (
            b"220 hi\r\n250 \xff\xfe\r\n",
            "unhealthy: <mail> does not offer STARTTLS",
        ),
    ] {
        let target = Target::start(Reply::Bytes(said.to_vec()));
        let host = start(
            guests::SMTP,
            target.address(),
            &root,
            secret,
            "timeout = '10s'",
        )
        .await;
        let check = host.check("watched").await;
        assert_eq!(told_of(&check, target.address()), expected, "{check:#}");
    }
}
