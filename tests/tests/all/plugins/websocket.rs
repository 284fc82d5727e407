//! The plugin `websocket` on a server in Python, directly and through nginx with TLS.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vitals_tests::guests;
use vitals_tests::servers::{self, Server};

use super::{measured, number, told, watch, watching};

async fn start() -> Server {
    Server::start("websocket", servers::websocket).await
}

fn config(address: SocketAddr, settings: &str) -> String {
    format!("config = {{ address = '{address}', {settings} }}\n")
}

/// Runs a check once.
async fn ask(server: &Server, settings: &str) -> Value {
    watch(guests::WEBSOCKET, &config(server.address(), settings)).await
}

/// Status and message, with `<ws>` for the address.
fn shown(check: &Value, address: SocketAddr) -> String {
    let (status, message) = told(check);
    let message = message.replace(&address.to_string(), "<ws>");
    format!("{status}: {message}")
}

#[tokio::test]
async fn handshake_ping_and_exchange_are_checked() {
    let server = start().await;
    for (settings, expected) in [
        ("", "healthy: ws://<ws>/: answered the ping"),
        (
            "path = '/echo', send = 'hello, secret-1', expect = 'hello'",
            "healthy: ws://<ws>/echo: responded as expected",
        ),
        (
            "path = '/greet', ping = true, expect = 'ready', protocols = ['v0', 'v1']",
            "healthy: ws://<ws>/greet: responded as expected",
        ),
        (
            "path = '/greet', expect = 'done', timeout = '500ms'",
            "unhealthy: ws://<ws>/greet: `done` was not received: timed out after 500ms",
        ),
        (
            "path = '/forbidden'",
            "unhealthy: ws://<ws>/forbidden: the server refused the opening handshake: 403 Forbidden",
        ),
        (
            "path = '/forbidden', origin = 'https://shop.test'",
            "healthy: ws://<ws>/forbidden: answered the ping",
        ),
        (
            "path = '/login'",
            "unhealthy: ws://<ws>/login: the server responded with 302 Found, which leads to \
             https://login.test/?…",
        ),
        (
            "protocols = ['v0']",
            "unhealthy: ws://<ws>/: the server selected none of the subprotocols: v0",
        ),
        (
            "path = '/fails', expect = 'hello'",
            "unhealthy: ws://<ws>/fails: `hello` was not received: the server closed the connection with \
             1011 (internal error)",
        ),
        (
            "path = '/closes', expect = 'hello'",
            "unhealthy: ws://<ws>/closes: `hello` was not received: the server closed the connection with \
             1008 (policy violation): `no more guests`",
        ),
    ] {
        let check = ask(&server, settings).await;
        let shown = shown(&check, server.address());
        assert_eq!(shown, expected, "{settings}: {check:#}");
        assert!(!check.to_string().contains("secret-1"), "{check:#}");
    }
    let check = ask(
        &server,
        "path = '/greet', expect = 'ready', protocols = ['v1']",
    )
    .await;
    assert_eq!(check["details"]["subprotocol"], "v1", "{check:#}");
    assert_eq!(check["details"]["received"], r#"{"status": "ready"}"#);
    for time in ["connect_time", "handshake_time", "round_trip_time"] {
        assert!(
            number(&check, time) <= number(&check, "response_time"),
            "{check:#}"
        );
    }
}

#[tokio::test]
async fn tls_and_the_rules_of_a_proxy_are_checked() {
    let server = start().await;
    let behind = server.address();
    let nginx = Server::start("nginx", move |directory, address| {
        let pass = format!("proxy_pass http://{behind}; proxy_http_version 1.1;");
        let upgrade =
            "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;";
        let rules = format!(
            "location / {{ {pass} {upgrade} }} location /plain {{ {pass} }} \
             location /page {{ return 200; }}"
        );
        servers::nginx_with(directory, address, "ssl", &rules)
    })
    .await;
    let address = nginx.address();
    let trusting = format!("tls.roots = ['{}']\n", nginx.root().display());
    let ask = async |lines: &str, settings: &str| {
        let config = config(address, settings);
        watch(guests::WEBSOCKET, &format!("{lines}{config}")).await
    };
    for (lines, settings, expected) in [
        (
            trusting.as_str(),
            "tls = true, host = 'shop.test'",
            "healthy: wss://<ws>/: answered the ping",
        ),
        (
            "",
            "tls = true, verify = false",
            "healthy: wss://<ws>/: answered the ping",
        ),
        (
            "",
            "tls = true",
            "unhealthy: cannot start TLS with <ws>: the certificate of 127.0.0.1 is not trusted: \
             its issuer is not among the trusted roots",
        ),
        (
            &trusting,
            "tls = true, path = '/plain'",
            "unhealthy: wss://<ws>/plain: the server refused the opening handshake: 426 Upgrade Required \
             (a proxy may have removed the header `upgrade`)",
        ),
        (
            &trusting,
            "tls = true, path = '/page'",
            "unhealthy: wss://<ws>/page: this is no WebSocket endpoint: the server responded with 200 OK",
        ),
        (
            "",
            "",
            "unhealthy: ws://<ws>/: the server refused the opening handshake: 400 Bad Request",
        ),
    ] {
        let check = ask(lines, settings).await;
        assert_eq!(shown(&check, address), expected, "{settings}: {check:#}");
    }
    let check = ask("", "tls = true, verify = false").await;
    assert_eq!(check["details"]["trusted"], json!(false), "{check:#}");
    let expiry = measured(&check, "certificate_expiry");
    assert_eq!(expiry["unit"], "timestamp", "{check:#}");
}

#[tokio::test]
async fn a_server_that_stops_or_freezes_is_unhealthy_until_it_is_back() {
    let mut server = start().await;
    let address = server.address();
    let lines = format!(
        "interval = '1s'\ntimeout = '1s'\n{}",
        config(address, "path = '/echo'")
    );
    let host = watching(guests::WEBSOCKET, &lines).await;
    let becomes = async |text: &str| {
        let is_so = |check: &Value| shown(check, address).starts_with(text);
        host.eventually_check("watched", text, is_so).await;
    };
    let up = "healthy: ws://<ws>/echo: answered the ping";
    becomes(up).await;
    server.stop();
    becomes("unhealthy: cannot connect to <ws>: connection refused").await;
    server.restart().await;
    becomes(up).await;
    server.freeze();
    becomes("unhealthy: no response to the opening handshake received: cannot read from <ws>: timed out after ").await;
    server.thaw();
    becomes(up).await;
}
