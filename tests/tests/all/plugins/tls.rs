//! The plugin `tls` on certificates that the tests make, and on nginx.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::NamedTempFile;
use vitals_tests::servers::{self, Server};
use vitals_tests::{Authority, Identity, Opening, TlsTarget, guests};

use super::{told, watch, watching};

/// The lines of a check of this address and name that trusts the certificates in a file.
fn lines(address: SocketAddr, name: &str, roots: &Path) -> String {
    format!(
        "tls.roots = ['{}']\nconfig = {{ address = '{address}', name = '{name}' }}\n",
        roots.display()
    )
}

/// Status and message, with `<web>` for the address.
fn shown(check: &Value, address: SocketAddr) -> String {
    let (status, message) = told(check);
    format!(
        "{status}: {}",
        message.replace(&address.to_string(), "<web>")
    )
}

/// Makes a certificate that expires in this many days and an hour.
fn expiring(authority: &Authority, days: u64) -> Identity {
    let left = Duration::from_hours(days * 24 + 1);
    valid_until(authority, SystemTime::now() + left)
}

fn valid_until(authority: &Authority, end: SystemTime) -> Identity {
    authority.identity(&["shop.test", "*.shop.test", "127.0.0.1"], |params| {
        params.not_before = (end - Duration::from_hours(90 * 24)).into();
        params.not_after = end.into();
    })
}

#[tokio::test]
async fn a_certificate_is_judged_by_name_expiry_and_trust() {
    let authority = Authority::new("Test Root");
    let expired = |authority: &Authority| {
        let ago = Duration::from_hours(3 * 24 + 1);
        valid_until(authority, SystemTime::now() - ago)
    };
    // As after a renewal that took the chain of another certificate.
    let mut mixed = expiring(&Authority::new("Test Root"), 80);
    mixed.chain[1] = expiring(&authority, 80).chain[1].clone();
    let roots = NamedTempFile::new().expect("a file");
    fs::write(&roots, authority.pem()).expect("the file is there");
    let shown_of = async |name: &str, identity: Identity| {
        let target = TlsTarget::start(&identity, Opening::Tls);
        let lines = lines(target.address(), name, roots.path());
        shown(&watch(guests::TLS, &lines).await, target.address())
    };
    for (name, identity, expected) in [
        (
            "a.shop.test",
            expiring(&authority, 80),
            "healthy: certificate of a.shop.test expires in 80 d",
        ),
        (
            "shop.test",
            expiring(&authority, 12),
            "degraded: certificate of shop.test expires in 12 d (degraded below 21 d)",
        ),
        (
            "shop.test",
            expired(&authority),
            "unhealthy: certificate of shop.test expired 3 d ago",
        ),
        (
            "shop.test",
            expired(&Authority::new("Other Root")),
            "unhealthy: certificate of shop.test expired 3 d ago",
        ),
        (
            "other.test",
            expiring(&authority, 80),
            "unhealthy: certificate is for shop.test, *.shop.test, 127.0.0.1, not other.test (expires in 80 d)",
        ),
        (
            "shop.test",
            expiring(&Authority::new("Other Root"), 80),
            "unhealthy: certificate of shop.test is not trusted: its issuer is not among the trusted roots \
             (expires in 80 d)",
        ),
        (
            "shop.test",
            mixed,
            "unhealthy: certificate of shop.test is not trusted: its issuer did not sign it (expires in 80 d)",
        ),
    ] {
        assert_eq!(shown_of(name, identity).await, expected);
    }
    let lonely = shown_of("shop.test", Identity::self_signed(&["shop.test"])).await;
    let beginning = "unhealthy: certificate of shop.test is not trusted: it is self-signed, and not among the trusted \
                     roots (expires in ";
    assert!(lonely.starts_with(beginning), "{lonely}");
}

#[tokio::test]
async fn a_server_that_requires_a_client_certificate_gets_the_one_that_is_set() {
    let authority = Authority::new("Test Root");
    let client = authority.identity(&["monitoring.test"], |_| {});
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("the directory is there");
        path
    };
    let roots = file("roots.pem", &authority.pem());
    let (certificate, key) = (
        file("client.pem", client.pem()),
        file("key.pem", &client.key_pem()),
    );
    for opening in [Opening::Tls12, Opening::Tls] {
        let server = expiring(&authority, 80);
        let target = TlsTarget::start_for_clients(&server, &client.chain[1], opening);
        let address = target.address();
        let ask = async |settings: &str| {
            let lines = format!(
                "tls.roots = [{roots:?}]\n\
                 config = {{ address = '{address}', name = 'shop.test', {settings} }}\n\
                 [tls.identities.monitoring]\ncertificate = {certificate:?}\nkey = {key:?}\n"
            );
            shown(&watch(guests::TLS, &lines).await, address)
        };
        let healthy = "healthy: certificate of shop.test expires in 80 d";
        assert_eq!(ask("client_certificate = 'monitoring'").await, healthy);
        let without = ask("").await;
        // With TLS 1.3 the server looks for it only after the handshake.
        let is_refused = without.starts_with("unhealthy: cannot start TLS with <web>: ");
        assert_eq!(is_refused, matches!(opening, Opening::Tls12), "{without}");
    }
}

#[tokio::test]
async fn nginx_is_watched_through_a_stop_and_a_freeze() {
    let mut server = Server::start("nginx", servers::nginx).await;
    let address = server.address();
    let lines = lines(address, "shop.test", &server.root());
    let lines = format!("interval = '1s'\ntimeout = '1s'\n{lines}");
    let host = watching(guests::TLS, &lines).await;
    let becomes = async |text: &str| {
        let is_so = |check: &Value| shown(check, address).starts_with(text);
        host.eventually_check("watched", text, is_so).await;
    };
    let up = "healthy: certificate of shop.test expires in 80 d";
    becomes(up).await;
    server.stop();
    becomes("unhealthy: cannot connect to <web>: connection refused").await;
    server.restart().await;
    becomes(up).await;
    server.freeze();
    becomes("unhealthy: cannot start TLS with <web>: timed out after ").await;
    server.thaw();
    becomes(up).await;
}

#[tokio::test]
async fn a_pinned_certificate_needs_no_root() {
    let identity = Identity::self_signed(&["shop.test"]);
    let target = TlsTarget::start(&identity, Opening::Tls);
    let address = target.address();
    let ask = async |settings: &str| {
        let config =
            format!("config = {{ address = '{address}', name = 'shop.test', {settings} }}");
        watch(guests::TLS, &config).await
    };
    let check = ask("verify = false").await;
    for digest in ["sha256", "public_key_sha256"] {
        let digest = check["details"][digest].as_str().expect("a digest");
        let check = ask(&format!("pins = ['{digest}']")).await;
        assert_eq!(told(&check).0, "healthy", "{check:#}");
        assert_eq!(check["details"]["trusted"], false, "{check:#}");
    }
    let check = ask(&format!("pins = ['{}']", "0a".repeat(32))).await;
    let beginning = "unhealthy: certificate of shop.test has none of the digests in `pins`";
    assert!(shown(&check, address).starts_with(beginning), "{check:#}");
}
