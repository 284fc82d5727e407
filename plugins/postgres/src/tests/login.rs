//! Which server gets the password, and over which connection.

use super::*;

#[test]
fn a_password_is_sent_only_where_it_is_allowed() {
    let hears = || Peer::new().expects_where(says("vitals"));
    let (world, refused) = outcome(hears().sends(authentication(3, b"")), &json!({}));
    assert!(
        refused.message().contains("requests a cleartext password"),
        "{}",
        refused.message()
    );
    assert_eq!(world.received("db:5432").len(), 1);
    let heard = String::from_utf8_lossy(&world.received("db:5432")[0]).into_owned();
    assert!(!heard.contains("correct-horse"));

    // It claims success without proving anything.
    let impostor = hears()
        .sends(authentication(10, b"SCRAM-SHA-256\0\0"))
        .expects_where(says("n,,n=,r="))
        .sends([authentication(0, b""), ready()].concat());
    assert_eq!(outcome_of(impostor, &json!({})), unhealthy(GARBAGE));
    let other = hears().sends(authentication(10, b"SCRAM-SHA-1\0\0"));
    let (_, text) = outcome_of(other, &json!({}));
    assert!(text.contains("does not offer SCRAM-SHA-256"), "{text}");
    let kerberos = hears().sends(authentication(7, b""));
    assert!(
        outcome_of(kerberos, &json!({}))
            .1
            .contains("requires Kerberos")
    );
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
    let peer = Peer::new()
        .expects_where(says("vitals"))
        .sends(authentication(10, b"SCRAM-SHA-256\0\0"))
        .replies(challenge);
    let text = "cannot log in as vitals: the server did not prove that it knows the password";
    assert_eq!(outcome_of(peer, &json!({})), unhealthy(text));
}

#[test]
fn tls_starts_if_the_server_supports_it() {
    let request = b"\0\0\0\x08\x04\xd2\x16\x2f";
    let require = json!({ "tls": "require" });
    let peer = Peer::new().expects(request).sends("N");
    let text =
        "the server at db:5432 does not support TLS: set `tls = \"disable\"` to connect without it";
    assert_eq!(outcome_of(peer, &require), unhealthy(text));
    let peer = Peer::new().expects(request).sends("H");
    let text = "the response of db:5432 is not the PostgreSQL protocol: check the port";
    assert_eq!(outcome_of(peer, &require), unhealthy(text));
    // Sent before TLS, to be taken for data sent over TLS.
    let peer = Peer::new().expects(request).sends("SR\0\0\0\x08\0\0\0\0");
    let (_, text) = outcome_of(peer, &json!({ "tls": "verify-full" }));
    assert!(
        text.starts_with("cannot start TLS with db:5432: "),
        "{text}"
    );

    let world = World::new();
    let expired = world.certificate("db", -3);
    let asked = || Peer::new().expects(request).sends("S");
    let welcome = [authentication(3, b"")].concat();
    world.tls("db:5432").responds(
        asked()
            .accepts_tls_untrusted(expired.clone(), "it has expired")
            .expects_where(says("vitals"))
            .sends(welcome),
    );
    let verified = world.outcome(|| check(settings(&json!({ "tls": "verify-full" }))));
    let text =
        "cannot start TLS with db:5432: the certificate of db is not trusted: it has expired";
    assert_eq!(verified.message(), text);
    // Encryption does not prove that the server is the intended one.
    let required = world.outcome(|| check(settings(&require)));
    assert!(
        required.message().contains("requests a cleartext password"),
        "{}",
        required.message()
    );
    let clear = [authentication(0, b""), ready()].concat();
    world.tls("db:5432").responds(
        asked()
            .accepts_tls(world.certificate("db", 30))
            .expects_where(says("vitals"))
            .sends(authentication(3, b""))
            .expects(message(b'p', b"correct-horse\0"))
            .sends(clear)
            .expects_where(says("BEGIN"))
            .closes(),
    );
    let trusted = world.outcome(|| check(settings(&json!({ "tls": "verify-full" }))));
    assert!(
        trusted.message().starts_with("cannot begin a transaction"),
        "{}",
        trusted.message()
    );
}
