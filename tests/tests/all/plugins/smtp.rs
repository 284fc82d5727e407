//! The plugins `smtp` and `tls` on a real Postfix.

use serde_json::{Value, json};
use vitals_tests::guests::{self, Guest};
use vitals_tests::servers::{self, POSTFIX_USER, Server};

use super::{measured, number, told, watch, watching};

/// The lines of a check that trusts the certificate of this server.
fn lines(server: &Server, settings: &str) -> String {
    let (address, root) = (server.address(), server.root());
    format!(
        "tls.roots = ['{}']\nconfig = {{ address = '{address}', name = 'mail.test', {settings} }}\n",
        root.display()
    )
}

/// Runs a check once.
async fn ask(plugin: Guest, server: &Server, settings: &str) -> Value {
    watch(plugin, &lines(server, settings)).await
}

/// Status and message, with `<mail>` for the address.
fn shown(check: &Value, address: &str) -> String {
    let (status, message) = told(check);
    format!("{status}: {}", message.replace(address, "<mail>"))
}

#[tokio::test]
async fn tls_login_capabilities_and_recipient_are_checked() {
    let server = Server::start("postfix", servers::postfix).await;
    let address = server.address().to_string();
    let (user, password) = POSTFIX_USER;
    let signed_in = format!(
        "user = '{user}', password = '{password}', recipient = 'a@elsewhere.test', sender = 'monitor@example.test'"
    );
    let wrong = format!("user = '{user}', password = 'wrong-{password}'");
    for (settings, expected) in [
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
        // Postfix offers AUTH only over TLS.
        (
            "tls = 'off', capabilities = ['AUTH PLAIN', 'PIPELINING', 'SIZE 1']",
            "unhealthy: <mail> does not offer AUTH PLAIN, SIZE 1",
        ),
        (
            "tls = 'implicit'",
            "unhealthy: cannot start TLS with <mail>: the server does not speak TLS here: it began with \
             `220 mail.test ESMTP Postfix`",
        ),
    ] {
        let check = ask(guests::SMTP, &server, settings).await;
        // Debian adds its name.
        let shown = shown(&check, &address).replace("Postfix (Debian)`", "Postfix`");
        assert_eq!(shown, expected, "{settings}: {check:#}");
        assert!(!check.to_string().contains(password), "{check:#}");
    }
}

#[tokio::test]
async fn both_plugins_judge_the_certificate_after_starttls() {
    let server = Server::start("postfix", servers::postfix).await;
    for (plugin, settings) in [(guests::SMTP, ""), (guests::TLS, ", starttls = 'smtp'")] {
        let settings = format!("degraded_below = '90d', unhealthy_below = '1d'{settings}");
        let check = ask(plugin, &server, &settings).await;
        let expected = "certificate of mail.test expires in 80 d (degraded below 90 d)";
        assert_eq!(told(&check), ("degraded", expected), "{check:#}");
        assert_eq!(check["details"]["trusted"], true, "{check:#}");
        let left = measured(&check, "certificate_expires_in");
        assert_eq!(left["unhealthy_at"], json!({ "below": 86_400.0 }));
        let left = number(&check, "certificate_expires_in");
        assert!((6_912_000.0..=6_915_600.0).contains(&left), "{check:#}");
    }
}

#[tokio::test]
async fn a_server_that_stops_or_freezes_is_unhealthy_until_it_is_back() {
    let mut server = Server::start("postfix", servers::postfix).await;
    let address = server.address().to_string();
    let lines = lines(&server, "recipient = 'known@example.test'");
    let lines = format!("interval = '1s'\ntimeout = '1s'\n{lines}");
    let host = watching(guests::SMTP, &lines).await;
    let becomes = async |text: &str| {
        let is_so = |check: &Value| shown(check, &address).starts_with(text);
        host.eventually_check("watched", text, is_so).await;
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
