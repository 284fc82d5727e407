//! Limits on bodies and connections, which a guest sees as errors. Limits that end a run are cases of
//! the hostile-guest suite (`tests/src/hostile`).

use vitals_tests::{Reply, Target, eventually, guests};

use crate::grants::orders;

#[tokio::test]
async fn a_recursion_that_fits_into_the_stack_is_no_matter() {
    let check = orders(guests::RECURSE, "config = { depth = 1000 }").await;
    assert_eq!(check["status"], "healthy", "{check:#}");
}

#[tokio::test]
async fn an_error_of_the_check_itself_is_unhealthy_without_a_code() {
    let check = orders(
        guests::STATUS,
        "config = { fail = 'error', message = 'no such queue' }",
    )
    .await;
    assert_eq!(
        (&check["status"], &check["message"]),
        (&"unhealthy".into(), &"no such queue".into())
    );
    assert!(check.get("error").is_none(), "{check:#}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_an_error_unless_its_beginning_will_do() {
    let target = Target::start(Reply::ok(vec![b'x'; 3000]));
    let url = target.url("/");
    // What the guest sees: at most so many bytes, or an error.
    for (limits, settings, expected) in [
        ("", "limit = 3000", Ok(3000)),
        ("", "limit = 2999", Err("exceeds the limit of 2999 bytes")),
        ("", "prefix = 1000", Ok(1000)),
        ("http_body = '2KiB'", "limit = 3000", Err("the limit of")),
        ("http_body = '2KiB'", "prefix = 3000", Ok(2048)),
    ] {
        let config = format!("limits = {{ {limits} }}\nconfig = {{ url = '{url}', {settings} }}");
        let check = orders(guests::HTTP_GET, &config).await;
        let (message, details) = (check["message"].as_str(), &check["details"]);
        match expected {
            Ok(most) => {
                assert_eq!(message, Some("fetched"), "{limits} {settings}: {check:#}");
                assert!(details["size"].as_u64() <= Some(most), "{check:#}");
                assert_eq!(details["truncated"], most < 3000, "{check:#}");
            }
            Err(words) => {
                assert_eq!(
                    check["status"], "unhealthy",
                    "{limits} {settings}: {check:#}"
                );
                assert!(
                    message.is_some_and(|text| text.contains(words)),
                    "{check:#}"
                );
            }
        }
    }
}

#[tokio::test]
async fn one_connection_too_many_is_an_error_that_the_guest_sees() {
    let target = Target::start(Reply::Silence);
    let config = format!(
        "limits = {{ connections = 2 }}\nconfig = {{ address = '{}', connections = 3 }}",
        target.address()
    );
    let check = orders(guests::TCP_CONNECT, &config).await;
    assert_eq!(check["status"], "unhealthy", "{check:#}");
    let message = check["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("connection 2: "), "{check:#}");
    eventually("two connections are accepted", async || {
        match target.accepted() {
            2 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
}
