use vitals_sdk::testing::{Peer, World};
use vitals_sdk::tls::{Certificate, Handshake};

use super::*;

fn settings(more: &Value) -> Settings {
    let mut all = json!({ "address": "shop:443" });
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    Settings::read(all).unwrap()
}

/// What the host would show where this peer is.
fn outcome(world: &World, peer: Peer, more: &Value) -> Outcome {
    world.tls("shop:443").answers(peer);
    world.outcome(|| check(settings(more)))
}

fn told(outcome: &Outcome) -> (Status, &str) {
    (outcome.status(), outcome.message())
}

fn trusted(chain: Vec<Certificate>) -> Peer {
    Peer::new().shakes_hands_as(Handshake {
        chain,
        protocol: "TLSv1.2".to_owned(),
        cipher: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".to_owned(),
        verification_error: None,
    })
}

#[test]
fn a_certificate_is_judged_by_the_time_that_it_has_left() {
    let world = World::new();
    for (days, more, status, message) in [
        (
            80,
            json!({}),
            Status::Healthy,
            "certificate of shop expires in 80 d",
        ),
        (
            21,
            json!({}),
            Status::Healthy,
            "certificate of shop expires in 21 d",
        ),
        (
            20,
            json!({}),
            Status::Degraded,
            "certificate of shop expires in 20 d (degraded below 21 d)",
        ),
        (
            5,
            json!({}),
            Status::Unhealthy,
            "certificate of shop expires in 5 d (unhealthy below 7 d)",
        ),
        (
            5,
            json!({ "unhealthy_below": "36h", "degraded_below": "0s" }),
            Status::Healthy,
            "certificate of shop expires in 5 d",
        ),
        (
            1,
            json!({ "unhealthy_below": "36h", "degraded_below": "0s" }),
            Status::Unhealthy,
            "certificate of shop expires in 24 h (unhealthy below 36 h)",
        ),
        (
            -3,
            json!({ "verify": false, "unhealthy_below": "0s" }),
            Status::Unhealthy,
            "certificate of shop expired 3 d ago",
        ),
    ] {
        let peer = Peer::new().shakes_hands(world.certificate("shop", days));
        let outcome = outcome(&world, peer, &more);
        assert_eq!(told(&outcome), (status, message));
        let left = &outcome.measurements()[0];
        assert_eq!(left.name(), "certificate_expires_in");
        let seconds = f64::from(i32::try_from(days).unwrap() * 86_400);
        assert!((left.value() - seconds).abs() < 1.0, "{left:?}");
        assert!(matches!(left.unhealthy_at(), Some(Bound::Below(_))));
        assert_eq!(outcome.detail_of("days_left"), Some(&json!(days)));
    }
}

#[test]
fn what_is_not_trusted_says_why_and_when_it_expires() {
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
        let peer = Peer::new().shakes_hands_untrusted(certificate.clone(), why);
        let strict = outcome(&world, peer, &json!({}));
        assert_eq!(told(&strict), (Status::Unhealthy, message));
        assert_eq!(strict.detail_of("trusted"), Some(&json!(false)));
        assert_eq!(strict.detail_of("not_trusted_because"), Some(&json!(why)));

        let peer = Peer::new().shakes_hands_untrusted(certificate, why);
        let lenient = outcome(&world, peer, &json!({ "verify": false }));
        assert_eq!(
            lenient.status() == Status::Healthy,
            days > 21,
            "{lenient:?}"
        );
    }
}

#[test]
fn many_names_are_told_in_part_and_none_as_none() {
    let world = World::new();
    for (names, told) in [
        (vec![], "no name"),
        (vec!["a", "b", "c"], "a, b, c"),
        (vec!["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ] {
        let certificate = Certificate {
            names: names.into_iter().map(str::to_owned).collect(),
            ..world.certificate("shop", 80)
        };
        let peer = Peer::new().shakes_hands_untrusted(certificate, "it is for another name");
        let outcome = outcome(&world, peer, &json!({ "name": "db.test" }));
        let message = format!("certificate is for {told}, not db.test (expires in 80 d)");
        assert_eq!(outcome.message(), message);
    }
}

#[test]
fn the_chain_is_judged_too_but_for_what_nobody_minds() {
    let world = World::new();
    let of = |subject: &str, days| world.certificate(subject, days);
    let own = |subject: &str, days| Certificate {
        issuer: format!("CN={subject}"),
        ..world.certificate(subject, days)
    };
    let chain = || vec![of("shop", 80), of("Lower", 5), own("Root", -3)];
    let soon = outcome(&world, trusted(chain()), &json!({}));
    assert_eq!(
        told(&soon),
        (
            Status::Unhealthy,
            "CN=Lower, in the chain of shop expires in 5 d (unhealthy below 7 d)"
        )
    );
    assert_eq!(soon.measurements()[1].name(), "chain_expires_in");
    assert!((soon.measurements()[1].value() - 432_000.0).abs() < 1.0);
    let alone = outcome(&world, trusted(chain()), &json!({ "chain": false }));
    assert_eq!(alone.message(), "certificate of shop expires in 80 d");

    let chain = vec![of("shop", 80), of("Cross", -3)];
    let unused = outcome(&world, trusted(chain.clone()), &json!({}));
    assert_eq!(unused.status(), Status::Healthy, "{unused:?}");
    let needed = Peer::new().shakes_hands_as(Handshake {
        chain,
        protocol: "TLSv1.3".to_owned(),
        cipher: String::new(),
        verification_error: Some("it has expired".to_owned()),
    });
    let needed = outcome(&world, needed, &json!({}));
    assert_eq!(
        needed.message(),
        "CN=Cross, in the chain of shop expired 3 d ago"
    );
}

#[test]
fn an_old_version_is_unhealthy_where_it_is_not_wanted() {
    let world = World::new();
    let peer = || trusted(vec![world.certificate("shop", 80)]);
    let old = outcome(&world, peer(), &json!({ "min_version": "1.3" }));
    assert_eq!(
        told(&old),
        (Status::Unhealthy, "shop:443 chooses TLS 1.2, below TLS 1.3")
    );
    let fine = outcome(&world, peer(), &json!({}));
    assert_eq!(fine.status(), Status::Healthy);
    assert_eq!(fine.detail_of("protocol"), Some(&json!("TLSv1.2")));
}

#[test]
fn protocols_that_begin_without_tls_are_asked_for_it() {
    let world = World::new();
    let hands = |peer: Peer| peer.shakes_hands(world.certificate("shop", 80));
    for (protocol, peer) in [
        (
            "smtp",
            Peer::new()
                .says("220-shop\r\n220 ready\r\n")
                .hears("EHLO localhost\r\n")
                .says("250-shop\r\n250 STARTTLS\r\n")
                .hears("STARTTLS\r\n")
                .says("220 go ahead\r\n"),
        ),
        (
            "imap",
            Peer::new()
                .says("* OK ready\r\n")
                .hears("a STARTTLS\r\n")
                .says("* CAPABILITY IMAP4rev2\r\n")
                .says("a OK begin\r\n"),
        ),
        (
            "pop3",
            Peer::new()
                .says("+OK ready\r\n")
                .hears("STLS\r\n")
                .says("+OK begin\r\n"),
        ),
        (
            "ftp",
            Peer::new()
                .says("220-hello\r\n220 there\r\n")
                .hears("AUTH TLS\r\n")
                .says("234 go on\r\n"),
        ),
        (
            "postgres",
            Peer::new().hears([0, 0, 0, 8, 4, 210, 22, 47]).says("S"),
        ),
    ] {
        let outcome = outcome(&world, hands(peer), &json!({ "starttls": protocol }));
        assert_eq!(
            told(&outcome),
            (Status::Healthy, "certificate of shop expires in 80 d"),
            "{protocol}"
        );
    }
}

#[test]
fn who_does_not_start_tls_or_speaks_otherwise_is_named() {
    let world = World::new();
    let ssl = [0, 0, 0, 8, 4, 210, 22, 47];
    for (protocol, peer, message) in [
        (
            "smtp",
            Peer::new()
                .says("220 a\r\n")
                .hears("EHLO localhost\r\n")
                .says("250 a\r\n")
                .hears("STARTTLS\r\n")
                .says("502 5.5.1 no\r\n"),
            "shop:443 does not start TLS within SMTP: 502 5.5.1 no",
        ),
        (
            "smtp",
            Peer::new().says("HTTP/1.1 400 Bad Request\r\n"),
            "shop:443 does not speak SMTP: it began with `HTTP/1.1 400 Bad Request`",
        ),
        (
            "smtp",
            Peer::new(),
            "no greeting came: cannot read from shop:443: nothing within 2s",
        ),
        (
            "smtp",
            Peer::new().says("220 a\r\n").hears("EHLO localhost\r\n"),
            "no answer to EHLO localhost came: cannot read from shop:443: nothing within 2s",
        ),
        (
            "ftp",
            Peer::new().floods("220-a\r\n"),
            "shop:443 does not start TLS within FTP: an answer without end",
        ),
        (
            "imap",
            Peer::new()
                .says("* OK\r\n")
                .hears("a STARTTLS\r\n")
                .floods("* 1 EXISTS\r\n"),
            "shop:443 does not start TLS within IMAP: an answer without end",
        ),
        (
            "imap",
            Peer::new()
                .says("* OK\r\n")
                .hears("a STARTTLS\r\n")
                .says("a BAD what\r\n"),
            "shop:443 does not start TLS within IMAP: a BAD what",
        ),
        (
            "postgres",
            Peer::new().hears(ssl).says("N"),
            "shop:443 does not start TLS within the protocol of PostgreSQL: it has none",
        ),
        (
            "postgres",
            Peer::new().hears(ssl).says("E"),
            "shop:443 does not speak the protocol of PostgreSQL: it began with `E`",
        ),
        (
            "pop3",
            Peer::new().says("+OK\r\n").hears("STLS\r\n").closes(),
            "no answer to STLS came: cannot read from shop:443: the other side closed the connection",
        ),
    ] {
        let outcome = outcome(
            &world,
            peer,
            &json!({ "starttls": protocol, "timeout": "2s" }),
        );
        assert_eq!(told(&outcome), (Status::Unhealthy, message));
    }
}

#[test]
fn no_handshake_is_unhealthy_and_says_why() {
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
            "cannot start TLS with shop:443: nothing within 2s",
        ),
    ] {
        let outcome = outcome(&world, peer, &json!({ "timeout": "2s" }));
        assert_eq!(told(&outcome), (Status::Unhealthy, message));
    }
}

#[test]
fn a_slow_handshake_is_degraded() {
    let world = World::new();
    let peer = Peer::new()
        .waits(Duration::from_secs(1))
        .shakes_hands(world.certificate("shop", 80));
    let slow = outcome(&world, peer, &json!({ "degraded_above": "500ms" }));
    assert_eq!(
        told(&slow),
        (
            Status::Degraded,
            "certificate of shop expires in 79 d after 1s, above 500ms"
        )
    );
}
