//! The plugin `grpc` on etcd, on a server whose services answer as their names say, and on nginx, which is
//! none of gRPC.

use serde_json::Value;
use vitals_tests::guests;
use vitals_tests::servers::{self, Server};

use super::{measured, number, told, watch, watching};

/// Runs a check of a server without TLS, with these further settings.
async fn ask(server: &Server, settings: &str) -> Value {
    let url = format!("http://{}", server.address());
    let lines = format!("config = {{ url = '{url}', {settings} }}");
    watch(guests::GRPC, &lines).await
}

/// Status and message, with `<grpc>` for the address of the server.
fn shown(check: &Value, server: &Server) -> String {
    let (status, message) = told(check);
    let message = message.replace(&server.address().to_string(), "<grpc>");
    format!("{status}: {message}")
}

#[tokio::test]
async fn etcd_that_stops_or_freezes_is_unhealthy_until_it_is_back() {
    let mut etcd = Server::start("etcd", servers::etcd).await;
    let config = format!("config = {{ url = 'http://{}' }}", etcd.address());
    let lines = format!("interval = '2s'\ntimeout = '2s'\n{config}");
    let host = watching(guests::GRPC, &lines).await;
    let becomes = async |etcd: &Server, text: &str| {
        let is_so = |check: &Value| shown(check, etcd).starts_with(text);
        host.eventually_check("watched", text, is_so).await
    };
    let serving = "healthy: http://<grpc>/: the server is serving";
    let check = becomes(&etcd, serving).await;
    assert_eq!(check["details"]["serving_status"], "SERVING");
    for time in ["response_time", "connect_time", "first_byte_time"] {
        assert!(number(&check, time) > 0.0, "{check:#}");
    }
    let call = "cannot post http://<grpc>/grpc.health.v1.Health/Check";
    etcd.stop();
    becomes(&etcd, &format!("unhealthy: {call}: connection refused")).await;
    etcd.restart().await;
    becomes(&etcd, serving).await;
    etcd.freeze();
    becomes(&etcd, &format!("unhealthy: {call}: timed out after ")).await;
    etcd.thaw();
    becomes(&etcd, serving).await;

    let check = ask(&etcd, "service = 'shop.v1.Orders'").await;
    assert_eq!(
        shown(&check, &etcd),
        "unhealthy: http://<grpc>/: the server does not know the service `shop.v1.Orders` (NOT_FOUND): \
         unknown service"
    );
}

#[tokio::test]
async fn the_answers_of_a_server_are_put_into_words() {
    let server = Server::start("grpc", servers::grpc).await;
    for (settings, expected) in [
        ("", "healthy: http://<grpc>/: the server is serving"),
        (
            "service = 'up'",
            "healthy: http://<grpc>/: the service `up` is serving",
        ),
        (
            "service = 'down'",
            "unhealthy: http://<grpc>/: the service `down` is not serving",
        ),
        (
            "service = 'unsure'",
            "unhealthy: http://<grpc>/: the server does not know whether the service `unsure` is serving",
        ),
        (
            "service = 'gone'",
            "unhealthy: http://<grpc>/: the server does not know the service `gone`",
        ),
        (
            "service = 'other'",
            "unhealthy: http://<grpc>/: the server does not know the service `other` (NOT_FOUND): unknown \
             service",
        ),
        (
            "service = 'secret'",
            "unhealthy: http://<grpc>/: the server does not accept the credentials (UNAUTHENTICATED): no key",
        ),
        (
            "service = 'secret', metadata = { Authorization = 'Bearer key' }",
            "healthy: http://<grpc>/: the service `secret` is serving",
        ),
        (
            "service = 'forbidden'",
            "unhealthy: http://<grpc>/: the server does not permit the call (PERMISSION_DENIED)",
        ),
        (
            "service = 'tired'",
            "unhealthy: http://<grpc>/: the server is not available (UNAVAILABLE): come back later: 100 % ü",
        ),
        (
            "metadata = { x-without-health = 'yes' }",
            "unhealthy: http://<grpc>/: the server does not offer the health service (UNIMPLEMENTED): Method \
             not found!",
        ),
        (
            "service = 'deadline', timeout = '7s'",
            "unhealthy: http://<grpc>/: the server ended the call with an error (OUT_OF_RANGE): 7 s left",
        ),
        (
            "service = 'garbage'",
            "unhealthy: http://<grpc>/: the message is not a response of the health protocol",
        ),
        (
            "service = 'large'",
            "unhealthy: http://<grpc>/: the message is larger than 64 KiB",
        ),
        (
            "service = 'talkative'",
            "unhealthy: cannot post http://<grpc>/grpc.health.v1.Health/Check: the trailers of the response \
             exceed 64 KiB or 1,000 fields",
        ),
    ] {
        let check = ask(&server, settings).await;
        assert_eq!(shown(&check, &server), expected, "{check:#}");
    }
}

#[tokio::test]
async fn a_server_with_tls_has_to_be_trusted_and_to_select_http_2() {
    let server = Server::start("grpc", servers::grpc_tls).await;
    let config = |scheme: &str| {
        let address = server.address();
        format!("config = {{ url = '{scheme}://{address}', service = 'up' }}")
    };
    let roots = format!("tls.roots = ['{}']\n", server.root().display());
    let check = watch(guests::GRPC, &format!("{roots}{}", config("https"))).await;
    assert_eq!(
        shown(&check, &server),
        "healthy: https://<grpc>/: the service `up` is serving"
    );
    assert!(number(&check, "tls_time") > 0.0, "{check:#}");
    assert_eq!(measured(&check, "certificate_expiry")["unit"], "timestamp");

    let check = watch(guests::GRPC, &config("https")).await;
    let (status, message) = told(&check);
    let untrusted = status == "unhealthy" && message.contains("is not trusted");
    assert!(untrusted, "{check:#}");
    assert_eq!(measured(&check, "certificate_expiry")["unit"], "timestamp");

    let no_response = |check: &Value, server: &Server, scheme: &str| {
        let shown = shown(check, server);
        let call = format!("{scheme}://<grpc>/grpc.health.v1.Health/Check");
        let beginning = format!("unhealthy: cannot post {call}: ");
        assert!(shown.starts_with(&beginning), "{shown}");
    };
    let check = watch(guests::GRPC, &config("http")).await;
    no_response(&check, &server, "http");

    let nginx = Server::start("nginx", servers::nginx).await;
    let lines = format!(
        "tls.roots = ['{}']\nconfig = {{ url = 'https://{}' }}",
        nginx.root().display(),
        nginx.address()
    );
    let check = watch(guests::GRPC, &lines).await;
    no_response(&check, &nginx, "https");
}

#[tokio::test]
async fn a_server_that_does_not_speak_grpc_is_named() {
    let start = async |listen: &'static str| {
        Server::start("nginx", move |directory, address| {
            servers::nginx_with(directory, address, listen, "return 502;")
        })
        .await
    };
    let proxy = start("http2").await;
    let check = ask(&proxy, "").await;
    assert_eq!(
        shown(&check, &proxy),
        "unhealthy: http://<grpc>/: the response is not gRPC: it has the HTTP status 502 Bad Gateway and the \
         content type `text/html`"
    );
    let old = start("").await;
    let check = ask(&old, "").await;
    let shown = shown(&check, &old);
    let beginning = "unhealthy: cannot post http://<grpc>/grpc.health.v1.Health/Check: ";
    assert!(shown.starts_with(beginning), "{shown}");
}
