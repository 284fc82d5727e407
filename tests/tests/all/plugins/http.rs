//! The plugin `http`: on nginx in `web`, and here on responses that no ordinary server sends.

mod web;

use std::time::Duration;

use serde_json::{Value, json};
use vitals_tests::{Reply, Target, guests};

use super::{measured, told, watch};

/// Runs a check of a URL with these further settings.
async fn ask(url: &str, settings: &str) -> Value {
    watch(
        guests::HTTP,
        &format!("config = {{ url = '{url}', {settings} }}"),
    )
    .await
}

/// Status and message, with `<web>` for the authority of the URL.
fn shown(check: &Value, target: &Target) -> String {
    let (status, message) = told(check);
    let message = message.replace(&target.address().to_string(), "<web>");
    format!("{status}: {message}")
}

/// A response with this header and body.
fn reply(name: &str, value: &str, body: &[u8]) -> Reply {
    let header = (name.to_owned(), value.to_owned());
    Reply::Http("200 OK".to_owned(), vec![header], body.to_vec())
}

#[tokio::test]
async fn a_body_is_decoded_and_read_in_its_charset() {
    let latin = "text/plain; charset=ISO-8859-1";
    let utf16 = "application/json; charset=utf-16le";
    let up: Vec<u8> = r#"{"up": true}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (reply, settings) in [
        (
            reply("content-encoding", "gzip", GZIP),
            "json = { '/up' = true }",
        ),
        (
            reply("content-type", latin, b"gr\xfcn"),
            "body_contains = 'grün', body_matches = '^grün$'",
        ),
        (
            reply("content-type", utf16, &up),
            "json = { '/up' = true }, body_contains = 'up'",
        ),
        (
            Reply::ok("\u{feff}{\"up\": true}"),
            "json = { '/up' = true }",
        ),
    ] {
        let target = Target::start(reply);
        let check = ask(&target.url("/"), settings).await;
        assert_eq!(check["status"], "healthy", "{settings}: {check:#}");
    }
    let target = Target::start(reply("content-encoding", "compress", b"\x1f\x9d\x90"));
    let check = ask(&target.url("/"), "json = { '/up' = true }").await;
    assert_eq!(
        shown(&check, &target),
        "unhealthy: GET http://<web>/: 200 OK, but the body has the content coding `compress`, which the host \
         does not decode"
    );
}

#[tokio::test]
async fn the_status_is_enough_of_a_body_that_never_ends() {
    for reply in [Reply::Endless, Reply::Drip(Duration::from_millis(50))] {
        let target = Target::start(reply);
        let check = ask(&target.url("/"), "read_body = false").await;
        assert_eq!(
            shown(&check, &target),
            "healthy: GET http://<web>/: 200 OK",
            "{check:#}"
        );
        assert_eq!(check["details"]["truncated"], Value::Null, "{check:#}");
        for name in ["body_time", "response_size"] {
            assert_eq!(measured(&check, name), &Value::Null, "{check:#}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_followed_or_says_where_it_leads() {
    let found = "GET http://<web>/: 302 Found";
    for (to, settings, expected) in [
        (
            "/up?token=1",
            "follow_redirects = 0",
            format!(
                "unhealthy: {found}, expected 200-299; it leads to http://<web>/up?… (set \
                 `follow_redirects` to follow it)"
            ),
        ),
        ("/up", "status = ['200-399']", format!("healthy: {found}")),
        (
            "mailto:a@b",
            "",
            "unhealthy: cannot get http://<web>/: cannot follow the redirect: to `mailto:a@b`: its \
             scheme is neither `http` nor `https`"
                .to_owned(),
        ),
        (
            "/",
            "",
            "unhealthy: cannot get http://<web>/: cannot follow the redirect: more than 10 in a row"
                .to_owned(),
        ),
    ] {
        let target = Target::start(Reply::redirect(to));
        let check = ask(&target.url("/"), settings).await;
        assert_eq!(shown(&check, &target), expected, "{check:#}");
    }
}

#[tokio::test]
async fn only_addresses_of_the_family_are_used() {
    let target = Target::start(Reply::ok("up"));
    let port = target.address().port();
    let url = format!("http://localhost:{port}/");
    let check = ask(&url, "family = 'ipv4'").await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(
        check["details"]["remote_address"],
        json!(target.address().to_string())
    );
    let check = ask(&target.url("/"), "family = 'ipv6'").await;
    assert_eq!(
        shown(&check, &target),
        "unhealthy: cannot get http://<web>/: cannot look up the host: it has no IPv6 address"
    );
    assert_eq!(target.accepted(), 1);
}

/// `{"up": true}`, compressed.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0x2a, 0x2d, 0x50, 0xb2,
    0x52, 0x28, 0x29, 0x2a, 0x4d, 0xad, 0x05, 0x00, 0x4b, 0xd4, 0xb2, 0x09, 0x0c, 0x00, 0x00, 0x00,
];
