//! Unit tests of requests: default headers, and errors before sending.

use super::*;
use crate::operation_error::NO_HOST;

fn url(text: &str) -> Url {
    text.parse().expect(text)
}

#[test]
fn base64_pads() {
    for (bytes, text) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("a:b?>", "YTpiPz4="),
    ] {
        assert_eq!(base64(bytes.as_bytes()), text);
    }
}

#[test]
fn user_and_password_become_a_header() {
    let request = post(&url("http://me:pw@a/")).header("Accept", "text/plain");
    let headers = request.all_headers();
    let values = |name: &str| -> Vec<&str> {
        headers
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .collect()
    };
    assert_eq!(values("accept"), ["text/plain"]);
    assert_eq!(values("authorization"), ["Basic bWU6cHc="]);
}

#[test]
fn a_debug_print_shows_no_secret() {
    let request = post(&url("http://me:secret@a/?q=secret"))
        .header("x-key", "secret")
        .body("secret");
    assert_eq!(format!("{request:?}"), "RequestBuilder(POST http://a/?…)");
}

#[test]
fn a_scheme_that_is_not_http_is_an_error() {
    let error = get(&url("ftp://a/")).send().unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot get ftp://a/: the scheme `ftp` is not supported; use `http` or `https`"
    );
}

#[test]
fn http_outside_the_host_is_an_error() {
    let error = put(&url("http://a/b?token=1")).send().unwrap_err();
    assert_eq!(error.problem(), &Problem::NoHost);
    assert_eq!(
        error.to_string(),
        format!("cannot put http://a/b?…: {NO_HOST}")
    );
}
