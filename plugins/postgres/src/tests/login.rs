//! Which server gets the password, and over which connection.

use super::*;

const CLEARTEXT: &str = "unhealthy: cannot log in as vitals: the server requests a cleartext password, which is sent \
                         only with `tls = \"verify-full\"` or `pins`";

/// A server that requests a cleartext password.
fn requests_cleartext() -> Peer {
    greeted().sends(authentication(3, b""))
}

#[test]
fn a_password_is_sent_only_where_it_is_allowed() {
    // It claims success without proving anything.
    let impostor = greeted()
        .sends(authentication(10, b"SCRAM-SHA-256\0\0"))
        .expects_where(says("n,,n=,r="))
        .sends([authentication(0, b""), ready()].concat());
    for (peer, expected) in [
        (requests_cleartext(), CLEARTEXT),
        (impostor, GARBAGE),
        (
            greeted().sends(authentication(10, b"SCRAM-SHA-1\0\0")),
            "unhealthy: cannot log in as vitals: the server does not offer SCRAM-SHA-256, ",
        ),
        (
            greeted().sends(authentication(7, b"")),
            "unhealthy: cannot log in as vitals: the server requires Kerberos ",
        ),
    ] {
        let (world, outcome) = outcome(peer, json!({}));
        assert!(shown(&outcome).starts_with(expected), "{outcome:?}");
        assert_eq!(world.received("db:5432").len(), 1);
        assert!(!heard(&world).contains("correct-horse"));
    }
}

#[test]
fn a_server_without_the_password_cannot_authenticate_itself() {
    let challenge = |heard: &[u8]| {
        let text = String::from_utf8_lossy(heard);
        let nonce = text.split_once("r=").map_or("", |(_, nonce)| nonce);
        // The client's own proof makes the server prove that it knows the password.
        if nonce.contains(",p=") {
            let lie = format!("v={}=", "A".repeat(43));
            Peer::new().sends(authentication(12, lie.as_bytes()))
        } else {
            let first = format!("r={nonce}more,s=c2FsdA==,i=4096");
            Peer::new().sends(authentication(11, first.as_bytes()))
        }
    };
    let peer = greeted()
        .sends(authentication(10, b"SCRAM-SHA-256\0\0"))
        .replies(challenge);
    assert_eq!(
        shown_of(peer, json!({})),
        "unhealthy: cannot log in as vitals: the server did not prove that it knows the password"
    );
}

#[test]
fn tls_starts_if_the_server_supports_it() {
    let asked = || Peer::new().expects(b"\0\0\0\x08\x04\xd2\x16\x2f");
    for (answer, expected) in [
        (
            "N",
            "the server at db:5432 does not support TLS: set `tls = \"disable\"` to connect without it",
        ),
        (
            "H",
            "the response of db:5432 is not the PostgreSQL protocol: check the port",
        ),
        // Sent before TLS, to be taken for data sent over TLS.
        (
            "SR\0\0\0\x08\0\0\0\0",
            "cannot start TLS with db:5432: the server sent data before the TLS handshake",
        ),
    ] {
        let shown = shown_of(asked().sends(answer), json!({ "tls": "require" }));
        assert_eq!(shown, format!("unhealthy: {expected}"));
    }

    let world = World::new();
    let check = |tls: &str| shown(&outcome_in(&world, json!({ "tls": tls })));
    world.tls("db:5432").responds(
        asked()
            .sends("S")
            .accepts_tls_untrusted(world.certificate("db", -3), "it has expired")
            .expects_where(says("vitals"))
            .sends(authentication(3, b"")),
    );
    assert_eq!(
        check("verify-full"),
        "unhealthy: cannot start TLS with db:5432: the certificate of db is not trusted: it has expired"
    );
    // Encryption does not prove that the server is the intended one.
    assert_eq!(check("require"), CLEARTEXT);
    world.tls("db:5432").responds(
        asked()
            .sends("S")
            .accepts_tls(world.certificate("db", 30))
            .expects_where(says("vitals"))
            .sends(authentication(3, b""))
            .expects(message(b'p', b"correct-horse\0"))
            .sends([authentication(0, b""), ready()].concat())
            .expects_where(says("BEGIN"))
            .closes(),
    );
    let beginning = "unhealthy: cannot begin a transaction";
    assert!(check("verify-full").starts_with(beginning));
    // A certificate for any name may be an attacker's.
    assert_eq!(check("verify-ca"), CLEARTEXT);
    let pinned = json!({ "tls": "require", "pins": ["1".repeat(64)], "client_certificate": "me" });
    let outcome = outcome_in(&world, pinned);
    assert!(shown(&outcome).starts_with(beginning), "{outcome:?}");
    let options = world.tls_options("db:5432");
    let last = options.last().unwrap();
    assert_eq!(last.client_certificate.as_deref(), Some("me"));
}
