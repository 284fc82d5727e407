//! Who gets the password, and over what.

use super::*;

#[test]
fn a_password_goes_only_to_whom_it_may() {
    let hears = || Peer::new().hears_where(says("vitals"));
    let (world, refused) = outcome(hears().says(authentication(3, b"")), &json!({}));
    assert!(
        refused
            .message()
            .contains("wants the password in the clear"),
        "{}",
        refused.message()
    );
    assert_eq!(world.heard("db:5432").len(), 1);
    let heard = String::from_utf8_lossy(&world.heard("db:5432")[0]).into_owned();
    assert!(!heard.contains("correct-horse"));

    // It says that all is well without having proven anything.
    let liar = hears()
        .says(authentication(10, b"SCRAM-SHA-256\0\0"))
        .hears_where(says("n,,n=,r="))
        .says([authentication(0, b""), ready()].concat());
    assert_eq!(told(liar, &json!({})), unhealthy(GARBAGE));
    let other = hears().says(authentication(10, b"SCRAM-SHA-1\0\0"));
    let (_, text) = told(other, &json!({}));
    assert!(text.contains("does not offer SCRAM-SHA-256"), "{text}");
    let kerberos = hears().says(authentication(7, b""));
    assert!(told(kerberos, &json!({})).1.contains("wants Kerberos"));
}

#[test]
fn a_server_that_does_not_know_the_password_can_not_prove_that_it_does() {
    let challenge = |heard: &[u8]| {
        let text = String::from_utf8_lossy(heard);
        let nonce = text.split_once("r=").map_or("", |(_, nonce)| nonce);
        // With its own proof the client asks for the server's.
        if nonce.contains(",p=") {
            let lie = format!("v={}=", "A".repeat(43));
            Peer::new().says(authentication(12, lie.as_bytes()))
        } else {
            let first = format!("r={nonce}more,s=c2FsdA==,i=4096");
            Peer::new().says(authentication(11, first.as_bytes()))
        }
    };
    let peer = Peer::new()
        .hears_where(says("vitals"))
        .says(authentication(10, b"SCRAM-SHA-256\0\0"))
        .replies(challenge);
    let text = "cannot log in as vitals: the server does not prove that it knows the password";
    assert_eq!(told(peer, &json!({})), unhealthy(text));
}

#[test]
fn tls_begins_where_the_server_has_it() {
    let request = b"\0\0\0\x08\x04\xd2\x16\x2f";
    let require = json!({ "tls": "require" });
    let peer = Peer::new().hears(request).says("N");
    let text = "the server at db:5432 does not speak TLS: `tls = \"disable\"` does without";
    assert_eq!(told(peer, &require), unhealthy(text));
    let peer = Peer::new().hears(request).says("H");
    let text = "what db:5432 answered is not PostgreSQL's protocol: is it the right port?";
    assert_eq!(told(peer, &require), unhealthy(text));
    // Said before TLS, to be taken for said after.
    let peer = Peer::new().hears(request).says("SR\0\0\0\x08\0\0\0\0");
    let (_, text) = told(peer, &json!({ "tls": "verify-full" }));
    assert!(
        text.starts_with("cannot start TLS with db:5432: "),
        "{text}"
    );

    let world = World::new();
    let expired = world.certificate("db", -3);
    let asked = || Peer::new().hears(request).says("S");
    let welcome = [authentication(3, b"")].concat();
    world.tls("db:5432").answers(
        asked()
            .shakes_hands_untrusted(expired.clone(), "it has expired")
            .hears_where(says("vitals"))
            .says(welcome),
    );
    let verified = world.outcome(|| check(settings(&json!({ "tls": "verify-full" }))));
    let text =
        "cannot start TLS with db:5432: the certificate of db is not trusted: it has expired";
    assert_eq!(verified.message(), text);
    // Encrypted is not yet known to be the right one.
    let required = world.outcome(|| check(settings(&require)));
    assert!(
        required.message().contains("in the clear"),
        "{}",
        required.message()
    );
    let clear = [authentication(0, b""), ready()].concat();
    world.tls("db:5432").answers(
        asked()
            .shakes_hands(world.certificate("db", 30))
            .hears_where(says("vitals"))
            .says(authentication(3, b""))
            .hears(message(b'p', b"correct-horse\0"))
            .says(clear)
            .hears_where(says("BEGIN"))
            .closes(),
    );
    let trusted = world.outcome(|| check(settings(&json!({ "tls": "verify-full" }))));
    assert!(
        trusted.message().starts_with("cannot begin a transaction"),
        "{}",
        trusted.message()
    );
}
