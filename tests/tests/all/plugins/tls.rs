//! The plugin `tls` on certificates of the test's own making, and on nginx.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use vitals_tests::servers::{self, Server};
use vitals_tests::{Authority, Identity, Opening, Reply, Target, TestHost, TlsTarget, guests};

use super::{measured, number, told};

/// A host whose check `watched` looks at an address and trusts an authority.
async fn watching(
    address: SocketAddr,
    name: &str,
    roots: &str,
    settings: &str,
    keys: &str,
) -> TestHost {
    let builder = TestHost::builder().library("tls", guests::TLS);
    let file = builder.place().write("roots.pem", roots);
    builder
        .config(&format!(
            "[checks.watched]\nplugin = 'tls'\n{keys}\ntls.roots = [{:?}]\n\
             config = {{ address = '{address}', name = '{name}', {settings} }}\n",
            file.display().to_string()
        ))
        .start()
        .await
}

async fn watch(address: SocketAddr, name: &str, roots: &str, settings: &str) -> Value {
    let host = watching(address, name, roots, settings, "timeout = '10s'").await;
    host.check("watched").await
}

/// A certificate that expires in so many days and an hour, or that has by an hour more.
fn expiring(authority: &Authority, days: i64) -> Identity {
    authority.identity(&["shop.test", "*.shop.test", "127.0.0.1"], |params| {
        let seconds = days * 86_400 + if days < 0 { -3_600 } else { 3_600 };
        let now = SystemTime::now();
        let apart = Duration::from_secs(seconds.unsigned_abs());
        let then = if seconds < 0 {
            now - apart
        } else {
            now + apart
        };
        params.not_before = (then - Duration::from_hours(90 * 24)).into();
        params.not_after = then.into();
    })
}

#[tokio::test]
async fn a_certificate_is_judged_by_time_trust_and_name() {
    let authority = Authority::new("Test Root");
    let stranger = Authority::new("Strange Root");
    let untrusted = "is not trusted: its issuer is not among the trusted roots (expires in 80 d)";
    for (name, identity, settings, expected) in [
        (
            "shop.test",
            expiring(&authority, 80),
            "",
            "healthy: certificate of shop.test expires in 80 d".to_owned(),
        ),
        (
            "a.shop.test",
            expiring(&authority, 12),
            "",
            "degraded: certificate of a.shop.test expires in 12 d (degraded below 21 d)".to_owned(),
        ),
        (
            "shop.test",
            expiring(&authority, 5),
            "",
            "unhealthy: certificate of shop.test expires in 5 d (unhealthy below 7 d)".to_owned(),
        ),
        (
            "shop.test",
            expiring(&authority, -3),
            "",
            "unhealthy: certificate of shop.test expired 3 d ago".to_owned(),
        ),
        (
            "other.test",
            expiring(&authority, 80),
            "",
            "unhealthy: certificate is for shop.test, *.shop.test, 127.0.0.1, not other.test \
             (expires in 80 d)"
                .to_owned(),
        ),
        (
            "other.test",
            expiring(&authority, 5),
            "verify = false",
            "unhealthy: certificate of other.test expires in 5 d (unhealthy below 7 d)".to_owned(),
        ),
        (
            "shop.test",
            expiring(&stranger, 80),
            "",
            format!("unhealthy: certificate of shop.test {untrusted}"),
        ),
        (
            "shop.test",
            expiring(&stranger, 80),
            "verify = false",
            "healthy: certificate of shop.test expires in 80 d".to_owned(),
        ),
        (
            "shop.test",
            expiring(&stranger, -3),
            "",
            "unhealthy: certificate of shop.test expired 3 d ago".to_owned(),
        ),
    ] {
        let target = TlsTarget::start(&identity, Opening::Tls);
        let check = watch(target.address(), name, &authority.pem(), settings).await;
        let (status, message) = told(&check);
        assert_eq!(format!("{status}: {message}"), expected, "{check:#}");
    }
}

#[tokio::test]
async fn what_signs_itself_or_was_signed_by_another_is_not_trusted() {
    let authority = Authority::new("Test Root");
    let target = TlsTarget::start(&Identity::self_signed(&["shop.test"]), Opening::Tls);
    let check = watch(target.address(), "shop.test", &authority.pem(), "").await;
    let (status, message) = told(&check);
    assert_eq!(status, "unhealthy");
    let said = "certificate of shop.test is not trusted: it is self-signed, and not among the trusted roots (expires in ";
    assert!(message.starts_with(said), "{message}");
    assert_eq!(check["details"]["trusted"], json!(false));

    // The chain of another, as after a renewal that took the wrong file.
    let mut mixed = expiring(&Authority::new("Test Root"), 80);
    mixed.chain[1] = expiring(&authority, 80).chain[1].clone();
    let target = TlsTarget::start(&mixed, Opening::Tls);
    let check = watch(target.address(), "shop.test", &authority.pem(), "").await;
    let (status, message) = told(&check);
    assert_eq!(status, "unhealthy", "{check:#}");
    assert!(
        message.starts_with("certificate of shop.test is not trusted: "),
        "{message}"
    );
    assert!(message.ends_with(" (expires in 80 d)"), "{message}");
}

#[tokio::test]
async fn the_facts_stand_in_measurements_and_details() {
    let authority = Authority::new("Test Root");
    let target = TlsTarget::start(&expiring(&authority, 12), Opening::Tls12);
    let settings = "min_version = '1.3', degraded_below = '30d'";
    let check = watch(target.address(), "shop.test", &authority.pem(), settings).await;
    assert_eq!(
        told(&check),
        (
            "unhealthy",
            format!(
                "{} negotiated TLS 1.2, below TLS 1.3; certificate of shop.test expires in 12 d (degraded below 30 d)",
                target.address()
            )
            .as_str()
        )
    );
    let left = number(&check, "certificate_expires_in");
    assert!((1_036_800.0..=1_040_400.0).contains(&left), "{check:#}");
    let measurement = measured(&check, "certificate_expires_in");
    assert_eq!(measurement["degraded_at"], json!({ "below": 2_592_000.0 }));
    assert_eq!(measurement["unhealthy_at"], json!({ "below": 604_800.0 }));
    let details = &check["details"];
    assert_eq!(details["days_left"], 12, "{check:#}");
    assert_eq!(details["names"][0], "shop.test", "{check:#}");
    assert_eq!(details["protocol"], "TLSv1.2", "{check:#}");
    assert_eq!(details["trusted"], true, "{check:#}");
    assert_eq!(details["chain"][0]["subject"], "CN=Test Root", "{check:#}");
}

#[tokio::test]
async fn what_is_no_tls_is_told_with_what_came_instead() {
    let target = Target::start(Reply::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()));
    let root = Authority::new("Test Root").pem();
    let check = watch(target.address(), "shop.test", &root, "").await;
    let expected = format!(
        "cannot start TLS with {}: the server does not speak TLS here: it began with `HTTP/1.1 400 Bad Request`",
        target.address()
    );
    assert_eq!(told(&check), ("unhealthy", expected.as_str()));

    target.reply(Reply::Bytes(vec![0xff; 4096]));
    let check = watch(target.address(), "shop.test", &root, "starttls = 'smtp'").await;
    let (status, message) = told(&check);
    assert_eq!(status, "unhealthy");
    assert!(
        message.starts_with("no greeting received: cannot read from "),
        "{message}"
    );
}

#[tokio::test]
async fn nginx_is_watched_through_a_stop_and_a_freeze() {
    let mut server = Server::start("nginx", servers::nginx).await;
    let root = fs::read_to_string(server.directory().join("root.pem")).expect("it was written");
    let address = server.address();
    let keys = "interval = '1s'\ntimeout = '1s'";
    let host = watching(address, "shop.test", &root, "", keys).await;
    let becomes = async |status: &str, words: &str| {
        let what = format!("{status}: {words}");
        host.eventually_check("watched", &what, |check| {
            let (found, message) = told(check);
            found == status && message.starts_with(words)
        })
        .await;
    };
    becomes("healthy", "certificate of shop.test expires in 80 d").await;
    server.stop();
    let refused = format!("cannot connect to {address}: connection refused");
    becomes("unhealthy", &refused).await;
    server.restart().await;
    becomes("healthy", "certificate of shop.test expires in 80 d").await;
    server.freeze();
    let silent = format!("cannot start TLS with {address}: timed out after ");
    becomes("unhealthy", &silent).await;
    server.thaw();
    becomes("healthy", "certificate of shop.test expires in 80 d").await;
}
