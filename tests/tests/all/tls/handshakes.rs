//! Handshakes that fail or do not end: each is said in words and costs no more than the run's own time.

use std::time::{Duration, Instant};

use serde_json::json;
use vitals_tests::{Authority, Opening, Reply, Target, TlsTarget, eventually};

use super::{Orders, message, said, web};

#[tokio::test]
async fn what_is_no_tls_is_said_in_words() {
    let alert = [21, 3, 3, 0, 2, 2, 40].to_vec();
    let garbage = vec![0xff; 64];
    let record = [&[22, 3, 3, 0, 4][..], &[99, 0, 0, 0]].concat();
    let http = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec();
    let cases = [
        (
            Reply::Bytes(http),
            "tls: the server does not speak TLS here: it began with `HTTP/1.1 400 Bad Request`",
        ),
        (
            Reply::Bytes(garbage),
            "tls: the server does not speak TLS here",
        ),
        (
            Reply::Bytes(alert),
            "tls: the server refused with the alert 40 (handshake failure); it may have no cipher \
             in common with the host, or require a client certificate",
        ),
        (
            Reply::Bytes(record),
            "tls: the server sent an unexpected message",
        ),
        (Reply::Bytes(Vec::new()), "closed"),
    ];
    for (reply, expected) in cases {
        let target = Target::start(reply);
        let steps = ["connect 9000", "start web.test any 9000", "read 64 9000"];
        let said = Orders::steps(&target.address(), &steps).said().await;
        assert_eq!(said, ["connected", expected, "closed"]);
    }
    let identity = web(&Authority::new("Test Root"), |_| {});
    let target = TlsTarget::start(&identity, Opening::HangUp);
    let steps = ["connect 9000", "start web.test any 9000"];
    let said = Orders::steps(&target.address(), &steps).said().await;
    assert_eq!(said[1], "closed");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_at_its_timeout_and_closes() {
    let tarpit = Target::start(Reply::Silence);
    let steps = [
        "connect 9000",
        "start web.test any 200",
        "start web.test any 200",
        "connect 9000",
        "start web.test any 0",
    ];
    let check = Orders::steps(&tarpit.address(), &steps).run().await;
    assert_eq!(
        said(&check),
        ["connected", "timeout", "closed", "connected", "timeout"],
        "{check:#}"
    );
    let latency = check["latency_ms"].as_f64().unwrap_or(f64::MAX);
    assert!(latency < 5000.0, "{check:#}");
}

#[tokio::test]
async fn a_handshake_that_drips_ends_at_its_timeout() {
    let authority = Authority::new("Test Root");
    let drip = Opening::Drip(Duration::from_millis(50));
    let target = TlsTarget::start(&web(&authority, |_| {}), drip);
    let steps = ["connect 9000", "start web.test verify 500"];
    let check = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .run()
        .await;
    assert_eq!(said(&check), ["connected", "timeout"], "{check:#}");
    let latency = check["latency_ms"].as_f64().unwrap_or(f64::MAX);
    assert!((500.0..4000.0).contains(&latency), "{check:#}");
    // The server hears of it: its next bytes find nobody.
    eventually("the connection is closed", async || match target.open() {
        0 => Ok(()),
        open => Err(format!("{open} are open")),
    })
    .await;
}

#[tokio::test]
async fn a_timeout_beyond_the_run_is_the_runs_own_deadline() {
    let tarpit = Target::start(Reply::Silence);
    for waiting in [
        "start web.test verify 4294967295",
        "read 64 4294967295",
        "read 64 300000",
    ] {
        let started = Instant::now();
        let check = Orders::steps(&tarpit.address(), &["connect 9000", waiting])
            .keys("timeout = '400ms'")
            .run()
            .await;
        assert_eq!(check["error"]["code"], "timeout", "{waiting}: {check:#}");
        // The run waited; its plugin is not to blame.
        assert_eq!(
            message(&check),
            "timed out after 400ms (waiting for a reply or a timer)"
        );
        let latency = check["latency_ms"].as_f64().unwrap_or(f64::MAX);
        assert!((400.0..1400.0).contains(&latency), "{waiting}: {check:#}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
    let check = Orders::connect(tarpit.address(), &json!({ "name": "web.test" }))
        .keys("timeout = '1s'")
        .run()
        .await;
    assert_eq!(
        message(&check),
        format!(
            "cannot start TLS with {}: timed out after 900ms",
            tarpit.address()
        ),
        "the SDK keeps time for its answer: {check:#}"
    );
}

#[tokio::test]
async fn a_run_that_ends_in_a_handshake_leaves_nothing_open() {
    let authority = Authority::new("Test Root");
    let drip = Opening::Drip(Duration::from_millis(20));
    let target = TlsTarget::start(&web(&authority, |_| {}), drip);
    let mut steps = vec!["connect 9000"; 9];
    steps.push("start web.test verify 60000");
    let host = Orders::steps(&target.address(), &steps)
        .keys("timeout = '500ms'")
        .start()
        .await;
    let check = host.check("orders").await;
    assert_eq!(check["error"]["code"], "timeout", "{check:#}");
    assert_eq!(target.accepted(), 9);
    eventually("all connections are closed", async || match target.open() {
        0 => Ok(()),
        open => Err(format!("{open} are open")),
    })
    .await;
    host.stop().await;
}
