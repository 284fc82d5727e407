//! What a grant of TLS lets through.

use insta::assert_snapshot;
use vitals_tests::{Reply, Target};

use super::{Orders, said};
use crate::grants::denials;

#[tokio::test]
async fn what_is_not_granted_is_denied_and_says_what_to_write() {
    let [granted, other] = [Target::start(Reply::Silence), Target::start(Reply::Silence)];
    let reach = format!("reach 127.0.0.1 {} 9000", other.address().port());
    let steps = [
        "connect 9000",
        &reach,
        "reach db.internal 5432 9000",
        "reach b.shop.test 5432 9000",
    ];
    let check = Orders::steps(&granted.address(), &steps)
        .keys("timeout = '20s'\nallow = { tls = ['*.shop.test:5432'] }")
        .run()
        .await;
    assert_eq!((granted.accepted(), other.accepted()), (1, 0));
    let said = said(&check);
    assert_eq!(said[0], "connected");
    assert_eq!(
        said[2],
        "denied: tcp db.internal:5432 (add it to `allow.tcp` of check `orders`)"
    );
    // Granted, but there is no such name, or nobody who would know it.
    let unknown = ["not found", "no data", "try again"];
    assert!(unknown.contains(&said[3].as_str()), "{said:?}");
    assert_snapshot!(denials(&check), @r"
    denied: tcp 127.0.0.1:<port> (add it to `allow.tcp` of check `orders`)
    denied: tcp db.internal:5432 (add it to `allow.tcp` of check `orders`)
    ");
    assert_eq!(check["result"]["denials"][0]["kind"], "tcp");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_denied_unless_it_is_localhost() {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut names = hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .filter(|line| line.starts_with("127.") || line.starts_with("::1"))
        .flat_map(|line| line.split_whitespace().skip(1));
    let name = names.find(|name| *name != "localhost").expect(
        "/etc/hosts has a second name of 127.0.0.1 or ::1, as `127.0.0.1 localhost loopback`",
    );
    let target = Target::start(Reply::Silence);
    let port = target.address().port();
    let check = Orders::steps(&format!("{name}:{port}"), &["connect 9000"])
        .run()
        .await;
    // The operator hears where to; the guest may not look the name up.
    assert_eq!(
        said(&check)[0],
        format!(
            "denied: tcp {name}:{port}, which leads outside the check's grants (its denials say \
             where to)"
        )
    );
    let denials = denials(&check);
    assert!(
        denials.contains(&format!(", where {name} leads")),
        "{denials}"
    );
    assert_eq!(target.accepted(), 0);

    let said = Orders::steps(&format!("localhost:{port}"), &["connect 9000"])
        .said()
        .await;
    assert_eq!(said, ["connected"]);
}

#[tokio::test]
async fn connections_count_and_names_that_are_none_are_refused() {
    let target = Target::start(Reply::Silence);
    let steps = ["connect 9000", "drop", "connect 9000", "connect 9000"];
    let said = Orders::steps(&target.address(), &steps)
        .keys("timeout = '20s'\nlimits = { connections = 2 }")
        .said()
        .await;
    assert_eq!(
        said,
        [
            "connected",
            "dropped",
            "connected",
            "failed: the run has opened as many connections as its `limits.connections` allow",
        ]
    );
    assert_eq!(target.accepted(), 2);

    let steps = [
        "reach a/b 443 9000",
        "reach example.com 0 9000",
        "connect 9000",
        "start a/b any 9000",
        "start * any 9000",
    ];
    let said = Orders::steps(&target.address(), &steps).said().await;
    assert_eq!(
        said,
        [
            "failed: `a/b` cannot be used: its host is not a valid name",
            "failed: `example.com:0` cannot be used: its port is not a number from 1 to 65535",
            "connected",
            "failed: `a/b` cannot be used: its host is not a valid name",
            "failed: `*` cannot be used: its host is not a valid name",
        ]
    );

    let closed = Target::start(Reply::Silence).stop();
    let said = Orders::steps(&closed, &["connect 9000"]).said().await;
    assert_eq!(said, ["refused"]);
}
