//! A connection once it is made: reads, writes, its end, and TLS that is asked for later.

use serde_json::json;
use vitals_tests::{Authority, Opening, Reply, Target, TlsTarget};

use super::{Orders, good, said, web};

#[tokio::test]
async fn a_plain_connection_becomes_tls_when_it_is_asked_to() {
    let authority = Authority::new("Test Root");
    let target = TlsTarget::start(&web(&authority, |_| {}), Opening::Plain);
    let settings = json!({ "name": "web.test", "upgrade": true });
    let check = Orders::connect(target.address(), &settings)
        .trusting(&authority)
        .run()
        .await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(check["details"]["greeting"], "ready", "{check:#}");
    assert_eq!(check["details"]["echo"], "over TLS", "{check:#}");

    let steps = [
        "connect 9000",
        "read 64 9000",
        "write STARTTLS 9000",
        "read 64 9000",
        "start web.test verify 9000",
        "start web.test verify 9000",
        "write still_there 9000",
        "read 64 9000",
    ];
    let said = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .said()
        .await;
    assert_eq!(
        said,
        [
            "connected",
            "ready ",
            "written",
            "go ",
            "TLSv1.3: trusted",
            "failed: the connection speaks TLS already",
            "written",
            "still there ",
        ]
    );
}

#[tokio::test]
async fn a_read_that_timed_out_can_be_tried_again_and_loses_nothing() {
    let (target, authority) = good();
    let steps = [
        "connect 9000",
        "start web.test verify 9000",
        "write later_700_abc 9000",
        "read 64 0",
        "read 64 50",
        // Byte by byte: how many come together is the network's to say.
        "read 1 9000",
        "read 1 9000",
        "read 1 9000",
        "read 1 9000",
        "read 64 10",
    ];
    let check = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .run()
        .await;
    assert_eq!(
        said(&check)[3..],
        ["timeout", "timeout", "a", "b", "c", " ", "timeout"],
        "{check:#}"
    );
    // "At once" does not wait for what comes in 700 ms.
    let took = check["details"]["took"].as_array().expect("times");
    assert!(took[3].as_f64() < Some(0.6), "{check:#}");
}

#[tokio::test]
async fn an_end_in_order_is_told_from_a_connection_that_was_cut() {
    let (target, authority) = good();
    for (last, expected) in [("bye", ["", ""]), ("cut", ["closed", "closed"])] {
        let last = format!("write {last} 9000");
        let steps = [
            "connect 9000",
            "start web.test verify 9000",
            &last,
            "read 64 9000",
            "read 64 9000",
        ];
        let said = Orders::steps(&target.address(), &steps)
            .trusting(&authority)
            .said()
            .await;
        assert_eq!(said[3..], expected, "{last}");
    }
}

#[tokio::test]
async fn one_read_answers_with_a_bounded_piece() {
    let (target, authority) = good();
    let steps = [
        "connect 9000",
        "start web.test verify 9000",
        "write flood_3000000 9000",
        "read 1000000 1000",
        "read 1048576 9000",
    ];
    let said = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .said()
        .await;
    for answer in &said[3..] {
        let bytes = answer
            .strip_suffix(" bytes")
            .and_then(|count| count.parse().ok());
        assert!((1..=1 << 20).contains(&bytes.unwrap_or(0)), "{said:?}");
    }
}

#[tokio::test]
async fn an_exchange_ends_where_it_is_asked_to_and_keeps_what_follows() {
    let (target, authority) = good();
    let steps = [
        "connect 9000",
        "start web.test verify 9000",
        "line hello 64 9000",
        "write a_b 9000",
        "exactly 2 9000",
        "line  64 9000",
        "line later_300_abc 64 50",
        "line  64 9000",
        "write bye 9000",
        "all 64 9000",
        "connect 9000",
        "start web.test verify 9000",
        "line flood_1000 100 9000",
        "read 64 9000",
        "connect 9000",
        "start web.test verify 9000",
        "write bye 9000",
        "exactly 1 9000",
    ];
    let said = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .said()
        .await;
    assert_eq!(
        said,
        [
            "connected",
            "TLSv1.3: trusted",
            "hello ",
            "written",
            "a ",
            "b ",
            "timeout",
            "abc ",
            "written",
            "",
            "connected",
            "TLSv1.3: trusted",
            "too large",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "connected",
            "TLSv1.3: trusted",
            "written",
            "closed",
        ]
    );
}

#[tokio::test]
async fn bytes_that_were_not_read_keep_tls_from_starting() {
    let authority = Authority::new("Test Root");
    let target = TlsTarget::start(&web(&authority, |_| {}), Opening::Plain);
    let steps = [
        "connect 9000",
        "line STARTTLS 64 9000",
        "exactly 1 9000",
        "start web.test verify 9000",
        "read 64 9000",
    ];
    let said = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .said()
        .await;
    assert_eq!(said[..3], ["connected", "ready ", "g"], "{said:?}");
    assert!(said[3].contains("before"), "{said:?}");
    assert_eq!(said[4], "closed");
}

#[tokio::test]
async fn a_write_that_timed_out_closes_the_connection() {
    // Nobody reads on the other side.
    let target = Target::start(Reply::Silence);
    let mut steps = vec!["connect 9000"];
    steps.extend(["fill 1000000 300"; 20]);
    steps.push("read 64 9000");
    let said = Orders::steps(&target.address(), &steps).said().await;
    let timeout = said.iter().position(|answer| answer == "timeout");
    let timeout = timeout.unwrap_or_else(|| panic!("it can't all have gone: {said:?}"));
    assert!(said[1..timeout].iter().all(|answer| answer == "written"));
    assert!(
        said[timeout + 1..].iter().all(|answer| answer == "closed"),
        "{said:?}"
    );
}
