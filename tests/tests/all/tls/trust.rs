//! Which certificates are trusted, by whose roots, and what of a chain is shown.

use rcgen::date_time_ymd;
use serde_json::json;
use vitals_tests::{Authority, Identity, Opening, TlsTarget};

use super::{Orders, good, message, said, web};

#[tokio::test]
async fn a_chain_that_is_not_trusted_is_an_error_or_shown_with_its_reason() {
    let authority = Authority::new("Test Root");
    let expired = web(&authority, |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let early = web(&authority, |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
    });
    let foreign = web(&Authority::new("Other Root"), |_| {});
    let lonely = Identity::self_signed(&["web.test"]);
    let cases = [
        (expired, "web.test", "it has expired"),
        (early, "web.test", "it is not valid yet"),
        (
            web(&authority, |_| {}),
            "other.test",
            "it is for another name",
        ),
        (
            web(&authority, |_| {}),
            "127.0.0.2",
            "it is for another name",
        ),
        (
            foreign,
            "web.test",
            "its issuer is not among the trusted roots",
        ),
        (
            lonely,
            "web.test",
            "it is self-signed, and not among the trusted roots",
        ),
    ];
    for (identity, name, reason) in cases {
        let target = TlsTarget::start(&identity, Opening::Tls);
        let verify = format!("start {name} verify 9000");
        let any = format!("start {name} any 9000");
        let steps = [
            "connect 9000",
            &verify,
            "write hello 9000",
            "connect 9000",
            &any,
            "write hello 9000",
            "read 64 9000",
        ];
        let check = Orders::steps(&target.address(), &steps)
            .trusting(&authority)
            .run()
            .await;
        assert_eq!(
            said(&check),
            [
                "connected",
                &format!("tls: the certificate of {name} is not trusted: {reason}"),
                "closed",
                "connected",
                &format!("TLSv1.3: {reason}"),
                "written",
                "hello ",
            ],
            "{check:#}"
        );
        let chain = check["details"]["chain"].as_array().expect("a chain");
        assert_eq!(chain.len(), identity.chain.len(), "{check:#}");
    }
}

#[tokio::test]
async fn an_error_of_tls_is_the_message_of_the_result() {
    let (target, _) = good();
    let other = Authority::new("Other Root");
    let check = Orders::connect(target.address(), &json!({ "name": "web.test" }))
        .trusting(&other)
        .run()
        .await;
    assert_eq!(check["status"], "unhealthy", "{check:#}");
    assert_eq!(
        message(&check),
        format!(
            "cannot start TLS with {}: the certificate of web.test is not trusted: its issuer is not \
             among the trusted roots",
            target.address()
        )
    );
    let settings = json!({ "name": "web.test", "verify": false });
    let check = Orders::connect(target.address(), &settings)
        .trusting(&other)
        .run()
        .await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(
        check["details"]["doubt"],
        "its issuer is not among the trusted roots"
    );
    assert_eq!(check["details"]["echo"], "over TLS");
}

#[tokio::test]
async fn roots_are_the_hosts_or_the_checks_own() {
    let (target, authority) = good();
    let steps = ["connect 9000", "start web.test verify 9000"];
    let mut by_the_host = Orders::steps(&target.address(), &steps);
    by_the_host.host_roots = Some(authority.pem());
    assert_eq!(by_the_host.said().await[1], "TLSv1.3: trusted");

    let mut own_instead = Orders::steps(&target.address(), &steps).trusting(&Authority::new("Own"));
    own_instead.host_roots = Some(authority.pem());
    assert_eq!(
        own_instead.said().await[1],
        "tls: the certificate of web.test is not trusted: its issuer is not among the trusted roots"
    );
}

#[tokio::test]
async fn a_wildcard_and_an_address_in_a_certificate_count() {
    let (target, authority) = good();
    for name in ["eu.shop.test", "EU.Shop.Test.", "127.0.0.1", "web.test"] {
        let start = format!("start {name} verify 9000");
        let said = Orders::steps(&target.address(), &["connect 9000", &start])
            .trusting(&authority)
            .said()
            .await;
        assert_eq!(said[1], "TLSv1.3: trusted", "{name}");
    }
}

#[tokio::test]
async fn a_server_of_tls_1_2_is_judged_alike() {
    let authority = Authority::new("Test Root");
    let target = TlsTarget::start(&web(&authority, |_| {}), Opening::Tls12);
    let check = Orders::connect(target.address(), &json!({ "name": "web.test" }))
        .trusting(&authority)
        .run()
        .await;
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert_eq!(check["details"]["protocol"], "TLSv1.2");
    assert!(
        check["details"]["cipher"]
            .as_str()
            .is_some_and(|cipher| cipher.starts_with("TLS_ECDHE_ECDSA_WITH_")),
        "{check:#}"
    );
    let steps = ["connect 9000", "start other.test any 9000"];
    let mut nobody = Orders::steps(&target.address(), &steps);
    nobody.keys.push_str("\ntls = { roots = [] }");
    assert_eq!(
        nobody.said().await[1],
        "TLSv1.2: its issuer is not among the trusted roots; the host has no trusted roots"
    );
}

#[tokio::test]
async fn a_server_without_the_key_of_its_certificate_is_never_believed() {
    let authority = Authority::new("Test Root");
    for opening in [Opening::Tls, Opening::Tls12] {
        let stolen = web(&authority, |_| {}).with_another_key();
        let target = TlsTarget::start(&stolen, opening);
        for verify in ["verify", "any"] {
            let start = format!("start web.test {verify} 9000");
            let said = Orders::steps(&target.address(), &["connect 9000", &start, "write x 9000"])
                .trusting(&authority)
                .said()
                .await;
            assert_eq!(
                said[1..],
                [
                    "tls: the server does not hold the key of its certificate",
                    "closed"
                ]
            );
        }
    }
}

#[tokio::test]
async fn a_chain_is_shown_and_held_within_bounds() {
    let authority = Authority::new("Test Root");
    let mut long = web(&authority, |_| {});
    let root = long.chain[1].clone();
    long.chain.extend(vec![root.clone(); 13]);
    // Beside the chain of trust, a certificate that cannot be read changes nothing.
    long.chain.push(b"no certificate".to_vec().into());
    let target = TlsTarget::start(&long, Opening::Tls);
    let steps = ["connect 9000", "start web.test verify 9000"];
    let check = Orders::steps(&target.address(), &steps)
        .trusting(&authority)
        .run()
        .await;
    assert_eq!(said(&check)[1], "TLSv1.3: trusted", "{check:#}");
    let chain = check["details"]["chain"].as_array().expect("a chain");
    assert_eq!(chain.len(), 16, "{check:#}");

    for (more, words) in [
        (
            1,
            "the server's certificate cannot be used: its chain has 17 certificates, the \
             limit is 16",
        ),
        (
            400,
            "the server's certificates are larger than the 64 KiB that the host takes",
        ),
    ] {
        long.chain.extend(vec![root.clone(); more]);
        let target = TlsTarget::start(&long, Opening::Tls);
        let said = Orders::steps(&target.address(), &steps)
            .trusting(&authority)
            .said()
            .await;
        assert_eq!(said[1], format!("tls: {words}"));
    }
}
