//! The whole check against servers that follow a script.

use vitals_sdk::testing::{Peer, World};
use vitals_sdk::tls::{Certificate, Handshake};

use super::*;

/// Returns what the host would show with this peer.
fn outcome(world: &World, peer: Peer, mut more: Value) -> Outcome {
    world.tls("shop:443").responds(peer);
    more["address"] = "shop:443".into();
    world.outcome(|| check(Settings::read(more).unwrap()))
}

/// Returns status and message.
fn shown(outcome: &Outcome) -> String {
    format!("{}: {}", outcome.status(), outcome.message())
}

fn trusted(chain: Vec<Certificate>) -> Peer {
    Peer::new().accepts_tls_with(Handshake {
        chain,
        protocol: "TLSv1.2".to_owned(),
        cipher: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".to_owned(),
        alpn: None,
        verification_error: None,
    })
}

#[test]
fn a_certificate_is_judged_by_its_remaining_validity() {
    let world = World::new();
    let strict = || json!({ "unhealthy_below": "36h", "degraded_below": "0s" });
    for (days, more, expected) in [
        (
            80,
            json!({}),
            "healthy: certificate of shop expires in 80 d",
        ),
        (
            21,
            json!({}),
            "healthy: certificate of shop expires in 21 d",
        ),
        (
            20,
            json!({}),
            "degraded: certificate of shop expires in 20 d (degraded below 21 d)",
        ),
        (
            5,
            json!({}),
            "unhealthy: certificate of shop expires in 5 d (unhealthy below 7 d)",
        ),
        (5, strict(), "healthy: certificate of shop expires in 5 d"),
        (
            1,
            strict(),
            "unhealthy: certificate of shop expires in 24 h (unhealthy below 36 h)",
        ),
        (
            -3,
            json!({ "verify": false, "unhealthy_below": "0s" }),
            "unhealthy: certificate of shop expired 3 d ago",
        ),
    ] {
        let peer = Peer::new().accepts_tls(world.certificate("shop", days));
        let outcome = outcome(&world, peer, more);
        assert_eq!(shown(&outcome), expected);
        let left = &outcome.measurements()[0];
        assert_eq!(left.name(), "certificate_expires_in");
        let seconds = f64::from(i32::try_from(days).unwrap() * 86_400);
        assert!((left.value() - seconds).abs() < 1.0, "{left:?}");
        assert!(matches!(left.degraded_at(), Some(Bound::Below(_))));
        assert!(matches!(left.unhealthy_at(), Some(Bound::Below(_))));
        assert_eq!(outcome.detail_of("days_left"), Some(&json!(days)));
    }
}

#[test]
fn an_untrusted_certificate_has_reason_and_expiry() {
    let world = World::new();
    for (name, days, why, message) in [
        (
            "other.test",
            80,
            "it is for another name",
            "certificate is for other.test, not shop (expires in 80 d)",
        ),
        (
            "other.test",
            80,
            "its issuer is not among the trusted roots",
            "certificate is for other.test, not shop (expires in 80 d); \
             certificate of shop is not trusted: its issuer is not among the trusted roots",
        ),
        (
            "shop",
            80,
            "its issuer is not among the trusted roots",
            "certificate of shop is not trusted: its issuer is not among the trusted roots (expires in 80 d)",
        ),
        (
            "shop",
            -3,
            "it has expired",
            "certificate of shop expired 3 d ago",
        ),
        (
            "shop",
            5,
            "its issuer did not sign it",
            "certificate of shop expires in 5 d (unhealthy below 7 d); \
             certificate of shop is not trusted: its issuer did not sign it",
        ),
    ] {
        let certificate = world.certificate(name, days);
        let peer = Peer::new().accepts_tls_untrusted(certificate.clone(), why);
        let strict = outcome(&world, peer, json!({}));
        assert_eq!(shown(&strict), format!("unhealthy: {message}"));
        assert_eq!(strict.detail_of("trusted"), Some(&json!(false)));
        assert_eq!(strict.detail_of("not_trusted_because"), Some(&json!(why)));

        let peer = Peer::new().accepts_tls_untrusted(certificate, why);
        let lenient = outcome(&world, peer, json!({ "verify": false }));
        let is_healthy = lenient.status() == Status::Healthy;
        assert_eq!(is_healthy, days > 21, "{lenient:?}");
    }
}

#[test]
fn long_and_empty_name_lists_are_summarized() {
    let world = World::new();
    for (names, expected) in [
        (vec![], "no name"),
        (vec!["a", "b", "c"], "a, b, c"),
        (vec!["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ] {
        let certificate = Certificate {
            names: names.into_iter().map(str::to_owned).collect(),
            ..world.certificate("shop", 80)
        };
        let peer = Peer::new().accepts_tls_untrusted(certificate, "it is for another name");
        let outcome = outcome(&world, peer, json!({ "name": "db.test" }));
        let message = format!("certificate is for {expected}, not db.test (expires in 80 d)");
        assert_eq!(outcome.message(), message);
    }
}

#[test]
fn the_rest_of_the_chain_is_judged_where_it_matters() {
    let world = World::new();
    let of = |subject: &str, days| world.certificate(subject, days);
    let own = |subject: &str, days| Certificate {
        issuer: format!("CN={subject}"),
        ..world.certificate(subject, days)
    };
    let chain = vec![of("shop", 80), of("Lower", 5), own("Root", -3)];
    let soon = outcome(&world, trusted(chain.clone()), json!({}));
    assert_eq!(
        shown(&soon),
        "unhealthy: CN=Lower in the chain of shop expires in 5 d (unhealthy below 7 d)"
    );
    let measured = &soon.measurements()[1];
    assert_eq!(measured.name(), "chain_expires_in");
    assert!((measured.value() - 432_000.0).abs() < 1.0);
    let others = soon.detail_of("chain").unwrap();
    assert_eq!(others[1]["subject"], "CN=Root", "{others}");
    let alone = outcome(&world, trusted(chain), json!({ "chain": false }));
    assert_eq!(alone.message(), "certificate of shop expires in 80 d");

    let chain = vec![of("shop", 80), of("Cross", -3)];
    let unused = outcome(&world, trusted(chain.clone()), json!({}));
    assert_eq!(unused.status(), Status::Healthy, "{unused:?}");
    let needed = Peer::new().accepts_tls_with(Handshake {
        chain,
        protocol: "TLSv1.3".to_owned(),
        cipher: String::new(),
        alpn: None,
        verification_error: Some("it has expired".to_owned()),
    });
    assert_eq!(
        shown(&outcome(&world, needed, json!({}))),
        "unhealthy: CN=Cross in the chain of shop expired 3 d ago"
    );
}

#[test]
fn a_version_below_the_minimum_is_unhealthy() {
    let world = World::new();
    let peer = |days| trusted(vec![world.certificate("shop", days)]);
    let old = outcome(&world, peer(12), json!({ "min_version": "1.3" }));
    assert_eq!(
        shown(&old),
        "unhealthy: shop:443 negotiated TLS 1.2, below TLS 1.3; \
         certificate of shop expires in 12 d (degraded below 21 d)"
    );
    let fine = outcome(&world, peer(80), json!({}));
    assert_eq!(fine.status(), Status::Healthy);
    assert_eq!(fine.detail_of("protocol"), Some(&json!("TLSv1.2")));
    assert_eq!(fine.detail_of("names"), Some(&json!(["shop"])));
    assert_eq!(fine.detail_of("trusted"), Some(&json!(true)));
}

#[test]
fn tls_is_started_in_other_protocols() {
    let world = World::new();
    let hands = |peer: Peer| peer.accepts_tls(world.certificate("shop", 80));
    for (protocol, peer) in [
        (
            "smtp",
            Peer::new()
                .sends("220-shop\r\n220 ready\r\n")
                .expects("EHLO localhost\r\n")
                .sends("250-shop\r\n250 STARTTLS\r\n")
                .expects("STARTTLS\r\n")
                .sends("220 go ahead\r\n"),
        ),
        (
            "imap",
            Peer::new()
                .sends("* OK ready\r\n")
                .expects("a STARTTLS\r\n")
                .sends("* CAPABILITY IMAP4rev2\r\n")
                .sends("a OK begin\r\n"),
        ),
        (
            "pop3",
            Peer::new()
                .sends("+OK ready\r\n")
                .expects("STLS\r\n")
                .sends("+OK begin\r\n"),
        ),
        (
            "ftp",
            Peer::new()
                // RFC 959, section 4.2
                .sends("220-hello\r\n  there\r\n 220 not yet\r\n221 nor now\r\n220 now\r\n")
                .expects("AUTH TLS\r\n")
                .sends("234 go on\r\n"),
        ),
        (
            "postgres",
            Peer::new().expects([0, 0, 0, 8, 4, 210, 22, 47]).sends("S"),
        ),
    ] {
        let outcome = outcome(&world, hands(peer), json!({ "starttls": protocol }));
        let expected = "healthy: certificate of shop expires in 80 d";
        assert_eq!(shown(&outcome), expected, "{protocol}");
    }
}

#[test]
fn failed_starttls_and_other_protocols_are_named() {
    let world = World::new();
    let ssl = [0, 0, 0, 8, 4, 210, 22, 47];
    for (protocol, peer, message) in [
        (
            "smtp",
            Peer::new()
                .sends("220 a\r\n")
                .expects("EHLO localhost\r\n")
                .sends("250 a\r\n")
                .expects("STARTTLS\r\n")
                .sends("502 5.5.1 no\r\n"),
            "shop:443 does not start TLS in SMTP: 502 5.5.1 no",
        ),
        (
            "smtp",
            Peer::new().sends("HTTP/1.1 400 Bad Request\r\n"),
            "shop:443 does not speak SMTP: it sent `HTTP/1.1 400 Bad Request`",
        ),
        (
            "smtp",
            Peer::new(),
            "no greeting received: cannot read from shop:443: timed out after 2s",
        ),
        (
            "smtp",
            Peer::new().floods([0xff]),
            "no greeting received: cannot read from shop:443: the response is longer than 4096 bytes",
        ),
        (
            "smtp",
            Peer::new().sends("220 a\r\n").expects("EHLO localhost\r\n"),
            "no response to EHLO localhost received: cannot read from shop:443: timed out after 2s",
        ),
        (
            "ftp",
            Peer::new().floods("220-a\r\n"),
            "shop:443 does not start TLS in FTP: the response does not end",
        ),
        (
            "imap",
            Peer::new()
                .sends("* OK\r\n")
                .expects("a STARTTLS\r\n")
                .floods("* 1 EXISTS\r\n"),
            "shop:443 does not start TLS in IMAP: the response does not end",
        ),
        (
            "imap",
            Peer::new()
                .sends("* OK\r\n")
                .expects("a STARTTLS\r\n")
                .sends("a BAD what\r\n"),
            "shop:443 does not start TLS in IMAP: a BAD what",
        ),
        (
            "postgres",
            Peer::new().expects(ssl).sends("N"),
            "shop:443 does not start TLS in the PostgreSQL protocol: the server does not support it",
        ),
        (
            "postgres",
            Peer::new().expects(ssl).sends("E"),
            "shop:443 does not speak the PostgreSQL protocol: it sent `E`",
        ),
        (
            "pop3",
            Peer::new().sends("+OK\r\n").expects("STLS\r\n").closes(),
            "no response to STLS received: cannot read from shop:443: the peer closed the connection",
        ),
    ] {
        let more = json!({ "starttls": protocol, "timeout": "2s" });
        let outcome = outcome(&world, peer, more);
        assert_eq!(shown(&outcome), format!("unhealthy: {message}"));
    }
}

#[test]
fn a_failed_handshake_is_unhealthy_with_the_reason() {
    let world = World::new();
    for (peer, message) in [
        (
            Peer::refuses(),
            "cannot connect to shop:443: connection refused",
        ),
        (
            Peer::denied(),
            "cannot connect to shop:443: denied: tls shop:443 (add it to `allow.tls` of the check)",
        ),
        (
            Peer::new().refuses_tls("the server showed no certificate"),
            "cannot start TLS with shop:443: the server showed no certificate",
        ),
        (
            Peer::new().waits(Duration::MAX),
            "cannot start TLS with shop:443: timed out after 2s",
        ),
    ] {
        let outcome = outcome(&world, peer, json!({ "timeout": "2s" }));
        assert_eq!(shown(&outcome), format!("unhealthy: {message}"));
    }
}

#[test]
fn a_slow_handshake_is_degraded() {
    let world = World::new();
    let peer = Peer::new()
        .waits(Duration::from_secs(1))
        .accepts_tls(world.certificate("shop", 80));
    let slow = outcome(&world, peer, json!({ "degraded_above": "500ms" }));
    assert_eq!(
        shown(&slow),
        "degraded: certificate of shop expires in 79 d after 1s, above 500ms"
    );
}

#[test]
fn pins_and_the_chain_alone_can_be_required() {
    let world = World::new();
    let digest = |digit: &str| digit.repeat(64);
    let another = (world.certificate("other", 80), "it is for another name");
    let own = (
        world.certificate("shop", 80),
        "its issuer is not among the trusted roots",
    );
    for ((certificate, why), settings, expected) in [
        (
            &another,
            json!({ "verify": "chain" }),
            "healthy: certificate of shop expires in 80 d",
        ),
        (
            &own,
            json!({ "verify": "chain" }),
            "unhealthy: certificate of shop is not trusted: its issuer is not among the trusted \
             roots (expires in 80 d)",
        ),
        (
            &own,
            json!({ "pins": [digest("0")] }),
            "healthy: certificate of shop expires in 80 d",
        ),
        (
            &another,
            json!({ "pins": [digest("1")] }),
            "healthy: certificate of shop expires in 80 d",
        ),
        (
            &own,
            json!({ "pins": [digest("2")], "verify": false }),
            "unhealthy: certificate of shop has none of the digests in `pins` (expires in 80 d)",
        ),
    ] {
        let peer = Peer::new().accepts_tls_untrusted(certificate.clone(), *why);
        assert_eq!(shown(&outcome(&world, peer, settings)), expected);
    }
}

#[test]
fn the_handshake_is_done_as_it_is_set() {
    use vitals_sdk::net::{ConnectOptions, Family};
    use vitals_sdk::tls::TlsOptions;

    let world = World::new();
    let peer = |alpn: Option<&str>| {
        Peer::new().accepts_tls_with(Handshake {
            chain: vec![world.certificate("shop", 80)],
            protocol: "TLSv1.3".to_owned(),
            cipher: String::new(),
            alpn: alpn.map(str::to_owned),
            verification_error: None,
        })
    };
    let settings = json!({
        "name": "shop.internal", "alpn": ["h2"], "client_certificate": "monitoring",
        "family": "ipv4", "proxy": "dmz",
    });
    let selected = outcome(&world, peer(Some("h2")), settings.clone());
    assert_eq!(selected.detail_of("alpn"), Some(&json!("h2")));
    assert_eq!(
        shown(&outcome(&world, peer(None), settings)),
        "unhealthy: shop:443 selected none of the protocols h2"
    );
    let options = TlsOptions::new("shop.internal")
        .verification(Verification::None)
        .alpn(["h2"])
        .client_certificate("monitoring");
    assert_eq!(world.tls_options("shop:443")[0], options);
    let options = ConnectOptions::new().family(Family::Ipv4).proxy("dmz");
    assert_eq!(world.connect_options("shop:443")[0], options);
}

#[test]
fn the_name_in_ehlo_can_be_set() {
    let world = World::new();
    let peer = Peer::new()
        .sends("220 ready\r\n")
        .expects("EHLO [192.0.2.7]\r\n")
        .sends("250 shop\r\n")
        .expects("STARTTLS\r\n")
        .sends("220 go ahead\r\n")
        .accepts_tls(world.certificate("shop", 80));
    let settings = json!({ "starttls": "smtp", "hello": "[192.0.2.7]" });
    assert_eq!(outcome(&world, peer, settings).status(), Status::Healthy);
    let refused = outcome(&world, Peer::new(), json!({ "hello": "a\r\nQUIT" }));
    assert_eq!(
        shown(&refused),
        "unhealthy: `hello` is empty or contains spaces or line breaks"
    );
}
