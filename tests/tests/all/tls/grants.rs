//! What a grant of TLS lets through.

use insta::assert_snapshot;
use vitals_tests::{Reply, Target};

use super::{Orders, refusals, said};

#[tokio::test]
async fn what_is_not_granted_is_denied_and_says_what_to_write() {
    let [granted, other] = [Target::start(Reply::Silence), Target::start(Reply::Silence)];
    let reach = format!("reach 127.0.0.1 {} 9000", other.address().port());
    let steps = ["connect 9000", &reach, "reach db.internal 5432 9000"];
    let check = Orders::steps(&granted.address(), &steps).run().await;
    assert_eq!((granted.accepted(), other.accepted()), (1, 0));
    assert_eq!(said(&check)[0], "connected");
    assert_eq!(
        said(&check)[2],
        "denied: tls db.internal:5432 (add it to `allow.tls` of check `orders`)"
    );
    assert_snapshot!(refusals(&check), @r"
    denied: tls 127.0.0.1:<port> (add it to `allow.tls` of check `orders`)
    denied: tls db.internal:5432 (add it to `allow.tls` of check `orders`)
    ");
    assert_eq!(check["result"]["denials"][0]["kind"], "tls");

    let keys = format!(
        "timeout = '20s'\nallow = {{ tcp = ['{0}'], http = ['http://{0}'], udp = ['{0}'] }}",
        other.address()
    );
    let said = Orders::steps(&granted.address(), &[&reach])
        .keys(&keys)
        .said()
        .await;
    assert!(
        said[0].starts_with("denied: tls 127.0.0.1"),
        "another kind gives nothing: {said:?}"
    );

    let keys = format!(
        "timeout = '20s'\nallow = {{ tls = ['{}'] }}",
        other.address()
    );
    let said = Orders::steps(&granted.address(), &[&reach])
        .keys(&keys)
        .said()
        .await;
    assert_eq!(said, ["connected"]);
}

#[tokio::test]
async fn wildcards_and_networks_grant_what_they_say() {
    let target = Target::start(Reply::Silence);
    let port = target.address().port();
    let reach = |host: &str| format!("reach {host} {port} 9000");
    let steps = [
        reach("127.0.0.1"),
        reach("localhost"),
        // Granted as a name, and leads to this machine's own services.
        reach("a.localhost"),
        reach("b.shop.test"),
        reach("shop.test"),
    ];
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let keys = format!(
        "timeout = '20s'\n\
         allow = {{ tls = ['127.0.0.0/8:{port}', '*.localhost:{port}', '*.shop.test:{port}'] }}"
    );
    let check = Orders::steps(&"192.0.2.1:1", &steps)
        .keys(&keys)
        .run()
        .await;
    let said = said(&check);
    assert_eq!(said[0], "connected", "{check:#}");
    assert!(
        said[1].starts_with("denied: tls localhost:"),
        "a network grants no name: {said:?}"
    );
    assert!(
        !said[2].starts_with("denied: tls a.localhost:"),
        "the name itself is covered: {said:?}"
    );
    assert!(
        said[3].starts_with("failed: cannot look up the host: "),
        "{said:?}"
    );
    assert!(said[4].starts_with("denied: tls shop.test:"), "{said:?}");
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
            "denied: tls {name}:{port}, which leads outside the check's grants (its denials say \
             where to)"
        )
    );
    let refusals = refusals(&check);
    assert!(
        refusals.contains(&format!(", where {name} leads")),
        "{refusals}"
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
    assert_eq!(said, ["failed: connection refused"]);
}
