//! Limits that show in what a run answers: bodies, connections, output. Those that end a run are cases of
//! the hostile-guest suite (`tests/src/hostile`).

use serde_json::Value;
use vitals_tests::{Reply, Target, TestHost, eventually, guests};

/// Runs `guest` as the check `hostile` beside a good neighbour, and answers everything known of it.
async fn hostile(guest: impl Into<Vec<u8>>, config: &str) -> Value {
    let config = format!("[checks.hostile]\nplugin = 'guest'\n{config}");
    let host = TestHost::builder()
        .library("guest", guest)
        .plugin("good", guests::HELLO);
    let host = host.config(&config).start().await;
    let check = host.check("hostile").await;
    let neighbour = host.check("module:good").await;
    assert_eq!(neighbour["status"], "healthy", "{neighbour:#}");
    assert_eq!(host.get("/health/live").await.status, 200);
    check
}

#[tokio::test]
async fn a_recursion_that_fits_into_the_stack_is_no_matter() {
    let check = hostile(guests::RECURSE, "config = { depth = 1000 }").await;
    assert_eq!(check["status"], "healthy", "{check:#}");
}

#[tokio::test]
async fn an_error_of_the_check_itself_is_unhealthy_without_a_code() {
    let check = hostile(
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
async fn a_body_that_is_too_large_is_cut_off_and_the_guest_sees_that() {
    let target = Target::start(Reply::ok(vec![b'x'; 3000]));
    let url = target.url("/");
    let config = format!("limits = {{ http_body = '2KiB' }}\nconfig = {{ url = '{url}' }}");
    let check = hostile(guests::HTTP, &config).await;
    assert_eq!(check["details"]["truncated"], true, "{check:#}");
    assert!(
        check["details"]["size_bytes"].as_u64() <= Some(2048),
        "{check:#}"
    );

    let config = format!("limits = {{ http_body = '3KiB' }}\nconfig = {{ url = '{url}' }}");
    let check = hostile(guests::HTTP, &config).await;
    assert!(check["details"]["truncated"].is_null(), "{check:#}");
    assert_eq!(check["details"]["size_bytes"], 3000, "{check:#}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_an_error_unless_its_beginning_will_do() {
    let target = Target::start(Reply::ok(vec![b'x'; 3000]));
    let url = target.url("/");
    for (limits, settings, status, said) in [
        (
            "",
            "limit = 2999",
            "unhealthy",
            "exceeds the limit of 2999 bytes",
        ),
        ("", "limit = 3000", "healthy", "fetched"),
        (
            "http_body = '2KiB'",
            "limit = 3000",
            "unhealthy",
            "exceeds the limit of",
        ),
        ("", "prefix = 1000", "healthy", "fetched"),
        ("http_body = '2KiB'", "prefix = 3000", "healthy", "fetched"),
    ] {
        let config = format!("limits = {{ {limits} }}\nconfig = {{ url = '{url}', {settings} }}");
        let check = hostile(guests::HTTP_GET, &config).await;
        assert_eq!(check["status"], status, "{limits} {settings}: {check:#}");
        let message = check["message"].as_str().unwrap_or_default();
        assert!(message.contains(said), "{limits} {settings}: {check:#}");
        let cut = check["details"]["truncated"].as_bool();
        assert_eq!(
            cut == Some(true),
            settings.starts_with("prefix"),
            "{check:#}"
        );
    }
}

#[tokio::test]
async fn one_connection_too_many_is_an_error_that_the_guest_sees() {
    let target = Target::start(Reply::Silence);
    let address = target.address();
    let config = format!("config = {{ address = '{address}', connections = 64 }}");
    let check = hostile(guests::TCP_CONNECT, &config).await;
    assert_eq!(
        (&check["status"], &check["details"]["open"]),
        (&"healthy".into(), &64.into()),
        "{check:#}"
    );

    let config = format!("config = {{ address = '{address}', connections = 65 }}");
    let check = hostile(guests::TCP_CONNECT, &config).await;
    assert_eq!(check["status"], "unhealthy", "{check:#}");
    let message = check["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("connection 64: "), "{check:#}");
    let all = || {
        (target.accepted() == 128)
            .then_some(())
            .ok_or(target.accepted().to_string())
    };
    eventually("no connection beyond the limit was opened", async || all()).await;

    let config = format!(
        "limits = {{ connections = 2 }}\nconfig = {{ address = '{address}', connections = 3 }}"
    );
    let check = hostile(guests::TCP_CONNECT, &config).await;
    let message = check["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("connection 2: "), "{check:#}");
}

#[tokio::test]
async fn what_is_written_and_logged_is_cut_and_counted() {
    let config = "config = { stdout = 400, stderr = 400, log = 100 }";
    let check = hostile(guests::NOISE, config).await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(check["result"]["dropped_log_lines"], 36, "{check:#}");
    let output = check["result"]["output"].as_array().expect("lines");
    let bytes: usize = output
        .iter()
        .filter_map(Value::as_str)
        .map(|line| line.len() + 1)
        .sum();
    assert!((16_000..=16_384).contains(&bytes), "{bytes} bytes are kept");
    let last = output.last().and_then(Value::as_str).unwrap_or_default();
    assert!(
        last.starts_with("stderr") && last.ends_with("399"),
        "the tail is kept: {last}"
    );
}
