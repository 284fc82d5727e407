//! The plugin `http` on nginx: names, certificates, versions of HTTP, cookies and passwords.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use vitals_tests::servers::{self, Server};
use vitals_tests::{Authority, Identity, guests};

use super::{told, watch};
use crate::plugins::{measured, number};

/// Starts nginx with these parameters of `listen` and these rules.
async fn web(listen: &'static str, rules: &'static str) -> Server {
    Server::start("nginx", move |directory, address| {
        servers::nginx_with(directory, address, listen, rules)
    })
    .await
}

/// Starts nginx with TLS and this certificate, whose issuer is `root`.
async fn web_showing(identity: Identity, root: String) -> Server {
    let (chain, key) = (identity.pem().to_owned(), identity.key_pem());
    Server::start("nginx", move |directory, address| {
        for (name, text) in [
            ("chain.pem", &chain),
            ("key.pem", &key),
            ("root.pem", &root),
        ] {
            fs::write(directory.join(name), text).expect("the directory is there");
        }
        servers::nginx(directory, address)
    })
    .await
}

/// Runs a check of a server over TLS that trusts the certificates in a file.
async fn ask(server: &Server, roots: &Path, settings: &str) -> Value {
    let lines = format!(
        "tls.roots = ['{}']\nconfig = {{ url = 'https://{}/', {settings} }}",
        roots.display(),
        server.address()
    );
    watch(guests::HTTP, &lines).await
}

/// Runs a check of a server without TLS.
async fn ask_plain(server: &Server, path: &str, settings: &str) -> Value {
    let url = format!("http://{}{path}", server.address());
    super::ask(&url, settings).await
}

/// Status and message, with `<web>` for the address of the server.
fn shown(check: &Value, server: &Server) -> String {
    let (status, message) = told(check);
    let message = message.replace(&server.address().to_string(), "<web>");
    format!("{status}: {message}")
}

fn openssl(directory: &Path, arguments: &[&str]) -> String {
    let mut command = servers::installed("openssl", "openssl");
    command.current_dir(directory).args(arguments);
    let output = Command::output(&mut command).expect("it is installed");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn one_of_several_servers_is_checked_by_its_address() {
    let server = web(
        "ssl",
        "if ($host != shop.test) { return 421; } return 200 \"$ssl_server_name\";",
    )
    .await;
    let check = ask(&server, &server.root(), "").await;
    assert_eq!(
        shown(&check, &server),
        "unhealthy: GET https://<web>/: 421 Misdirected Request, expected 200-299"
    );
    let settings = "host = 'shop.test', body_matches = '^shop.test$'";
    let check = ask(&server, &server.root(), settings).await;
    assert_eq!(
        shown(&check, &server),
        "healthy: GET https://<web>/: 200 OK",
        "{check:#}"
    );
    let details = &check["details"];
    assert_eq!(
        details["remote_address"],
        json!(server.address().to_string())
    );
    assert_eq!(details["http_version"], "HTTP/1.1");
    for phase in ["connect_time", "tls_time", "first_byte_time", "body_time"] {
        assert!(number(&check, phase) > 0.0, "{check:#}");
    }
    assert_eq!(measured(&check, "certificate_expiry")["unit"], "timestamp");
    let left = number(&check, "certificate_expiry") - since_1970(SystemTime::now());
    let days = left / 86_400.0;
    assert!((79.0..81.0).contains(&days), "{check:#}");
}

fn since_1970(time: SystemTime) -> f64 {
    let time = time.duration_since(SystemTime::UNIX_EPOCH);
    time.expect("it is later").as_secs_f64()
}

#[tokio::test]
async fn a_certificate_that_openssl_made_is_trusted_as_a_root_or_by_its_digest() {
    let server = Server::start("nginx", |directory, address| {
        if !directory.join("root.pem").exists() {
            let made = "req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext \
                        subjectAltName=IP:127.0.0.1 -keyout key.pem -out chain.pem";
            openssl(directory, &made.split(' ').collect::<Vec<_>>());
            fs::copy(directory.join("chain.pem"), directory.join("root.pem")).expect("it is made");
        }
        servers::nginx(directory, address)
    })
    .await;
    let other = server.directory().join("other.pem");
    fs::write(&other, Authority::new("Other Root").pem()).expect("the directory is there");
    let fingerprint = openssl(
        server.directory(),
        &[
            "x509",
            "-in",
            "chain.pem",
            "-noout",
            "-fingerprint",
            "-sha256",
        ],
    );
    let (_, digest) = fingerprint.trim().split_once('=').expect("NAME=DIGEST");
    let pinned = format!("pins = ['{digest}']");
    let wrong = format!("pins = ['{}']", "0a".repeat(32));
    let get = "GET https://<web>/: 204 No Content";
    let cannot = "cannot get https://<web>/: the certificate of 127.0.0.1 is not trusted:";
    for (roots, settings, expected) in [
        (&server.root(), "", format!("healthy: {get}")),
        (
            &other,
            "",
            format!("unhealthy: {cannot} it is self-signed, and not among the trusted roots"),
        ),
        (&other, "verify = false", format!("healthy: {get}")),
        (&other, &pinned, format!("healthy: {get}")),
        (
            &server.root(),
            &wrong,
            format!("unhealthy: {cannot} it is not pinned: its SHA-256 digest is "),
        ),
    ] {
        let check = ask(&server, roots, settings).await;
        let shown = shown(&check, &server);
        assert!(shown.starts_with(&expected), "{settings}: {check:#}");
        assert!(number(&check, "certificate_expiry") > 0.0, "{check:#}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_needs_its_chain_alone_if_so_configured() {
    let authority = Authority::new("Test Root");
    let identity = authority.identity(&["other.test"], |_| {});
    let server = web_showing(identity, authority.pem()).await;
    let check = ask(&server, &server.root(), "verify = 'chain'").await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    let check = ask(&server, &server.root(), "").await;
    assert_eq!(
        shown(&check, &server),
        "unhealthy: cannot get https://<web>/: the certificate of 127.0.0.1 is not trusted: it is \
         for another name"
    );
    let stranger = server.directory().join("stranger.pem");
    fs::write(&stranger, Authority::new("Stranger").pem()).expect("the directory is there");
    let check = ask(&server, &stranger, "verify = 'chain'").await;
    assert_eq!(check["status"], "unhealthy", "{check:#}");
}

#[tokio::test]
async fn the_expiry_of_an_expired_certificate_is_still_measured() {
    let end = SystemTime::now() - Duration::from_hours(49);
    let authority = Authority::new("Test Root");
    let identity = authority.identity(&["127.0.0.1"], |params| {
        params.not_before = (end - Duration::from_hours(90 * 24)).into();
        params.not_after = end.into();
    });
    let server = web_showing(identity, authority.pem()).await;
    let check = ask(&server, &server.root(), "").await;
    assert_eq!(
        shown(&check, &server),
        "unhealthy: cannot get https://<web>/: the certificate of 127.0.0.1 is not trusted: it has expired"
    );
    let measured = number(&check, "certificate_expiry");
    assert!((measured - since_1970(end)).abs() < 2.0, "{check:#}");
    assert!(number(&check, "tls_time") > 0.0, "{check:#}");
}

#[tokio::test]
async fn the_version_of_http_is_selected_in_tls_or_known() {
    let both = web("ssl http2", "return 200 \"$server_protocol\";").await;
    for (settings, version) in [
        ("", "HTTP/2"),
        ("http_version = '2'", "HTTP/2"),
        ("http_version = '1.1'", "HTTP/1.1"),
    ] {
        let check = ask(&both, &both.root(), settings).await;
        assert_eq!(check["details"]["http_version"], version, "{check:#}");
        assert_eq!(check["status"], "healthy", "{check:#}");
    }
    let plain = web("http2", "return 204;").await;
    let check = ask_plain(&plain, "/", "http_version = '2-prior-knowledge'").await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(check["details"]["http_version"], "HTTP/2", "{check:#}");

    let old = web("ssl", "return 204;").await;
    let check = ask(&old, &old.root(), "http_version = '2'").await;
    let shown = shown(&check, &old);
    assert!(shown.contains("(no application protocol)"), "{check:#}");
}

#[tokio::test]
async fn a_redirect_chain_keeps_its_cookies() {
    let server = web(
        "",
        "location = / { add_header Set-Cookie \"session=1; Path=/\"; return 302 /home; }
         location = /home { if ($cookie_session = 1) { return 200 welcome; } return 302 /; }",
    )
    .await;
    let check = ask_plain(&server, "/", "body_contains = 'welcome'").await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    let there = format!("http://{}/home", server.address());
    assert_eq!(check["details"]["redirected_to"], json!(there));
    let check = ask_plain(&server, "/", "cookies = false").await;
    let (_, message) = told(&check);
    assert!(message.ends_with("more than 10 in a row"), "{check:#}");
}

#[tokio::test]
async fn user_and_password_are_sent_as_they_are_written() {
    let server = web("", "return 200 \"$http_authorization\";").await;
    // The pair is `ops:x%41y99/ #?\:`.
    let settings = "user = 'ops', password = 'x%41y99/ #?\\:', body_contains = 'Basic b3BzOnglNDF5OTkvICM/XDo='";
    let check = ask_plain(&server, "/", settings).await;
    assert_eq!(check["status"], "healthy", "{check:#}");
}
