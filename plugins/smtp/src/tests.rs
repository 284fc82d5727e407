//! The whole check against servers that follow a script.

use vitals_sdk::testing::{Peer, World};

use super::*;

fn settings(mut more: Value) -> Settings {
    more["address"] = "mail:25".into();
    Settings::read(more).unwrap()
}

/// Returns status and message that the host would show.
fn shown(world: &World, peer: Peer, more: Value) -> String {
    world.tls("mail:25").responds(peer);
    let outcome = world.outcome(|| check(settings(more)));
    format!("{}: {}", outcome.status(), outcome.message())
}

/// A server that greets and replies to lines, with TLS on request and a certificate that expires in
/// this many days.
fn server(world: &World, days: i64, answers: Answers) -> Peer {
    let certificate = world.certificate("mail", days);
    Peer::new()
        .sends("220 mail ready\r\n")
        .replies(move |line| {
            let line = String::from_utf8_lossy(line);
            let known = answers.iter().find(|(asked, _)| line.starts_with(asked));
            match (known, line.trim_end()) {
                (Some((_, "")), _) => Peer::new(),
                (Some((_, answer)), _) => Peer::new().sends(*answer),
                (_, "STARTTLS") => Peer::new()
                    .sends("220 go\r\n")
                    .accepts_tls(certificate.clone()),
                (_, "QUIT") => Peer::new().sends("221 bye\r\n").closes(),
                (_, line) if line.starts_with("EHLO") => Peer::new()
                    .sends("250-mail\r\n250-STARTTLS\r\n250-SIZE 1000\r\n250 AUTH PLAIN LOGIN\r\n"),
                _ => Peer::new().sends("250 2.0.0 Ok\r\n"),
            }
        })
}

/// The replies to lines with these prefixes.
type Answers = &'static [(&'static str, &'static str)];

fn login() -> Value {
    json!({ "user": "user", "password": "secret" })
}

#[test]
fn each_step_can_fail_with_its_message() {
    let world = World::new();
    let recipient = || json!({ "recipient": "a@b.test" });
    let cases: [(Answers, Value, &str); 16] = [
        (&[], json!({}), "healthy: mail responds over TLS"),
        (&[], json!({ "tls": "off" }), "healthy: mail responds"),
        (
            &[("EHLO", "250 mail\r\n")],
            json!({}),
            "unhealthy: mail does not offer STARTTLS",
        ),
        (
            &[("EHLO", "550 5.7.1 Helo rejected\r\n")],
            json!({}),
            "unhealthy: mail rejects EHLO: 550 5.7.1 Helo rejected",
        ),
        (
            &[("STARTTLS", "454 4.7.0 TLS not available\r\n")],
            json!({}),
            "unhealthy: mail does not start TLS: 454 4.7.0 TLS not available",
        ),
        (
            &[],
            json!({ "capabilities": ["size", "AUTH LOGIN", "auth cram-md5", "DSN"] }),
            "unhealthy: mail does not offer auth cram-md5, DSN",
        ),
        (
            &[("AUTH PLAIN AHVzZXIAc2VjcmV0", "235 welcome\r\n")],
            login(),
            "healthy: mail responds over TLS, accepts the login of `user`",
        ),
        (
            &[
                ("EHLO", "250-mail\r\n250-STARTTLS\r\n250 AUTH LOGIN\r\n"),
                ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"),
                ("dXNlcg==", "334 UGFzc3dvcmQ6\r\n"),
                ("c2VjcmV0", "235 welcome\r\n"),
            ],
            login(),
            "healthy: mail responds over TLS, accepts the login of `user`",
        ),
        (
            &[("AUTH", "535 5.7.8 not you\r\n")],
            login(),
            "unhealthy: mail rejects the login of `user`: 535 5.7.8 not you",
        ),
        // A reply that contains the password is not shown.
        (
            &[("AUTH", "535 no AHVzZXIAc2VjcmV0\r\n")],
            login(),
            "unhealthy: mail rejects the login of `user`: 535",
        ),
        (
            &[("AUTH", "535-no\r\n535 secret\r\n")],
            login(),
            "unhealthy: mail rejects the login of `user`: 535",
        ),
        (
            &[("AUTH", "535 c2VjcmV0\r\n")],
            login(),
            "unhealthy: mail rejects the login of `user`: 535",
        ),
        (
            &[("EHLO", "250-mail\r\n250-STARTTLS\r\n250 AUTH CRAM-MD5\r\n")],
            login(),
            "unhealthy: mail rejects the login of `user`: it offers neither PLAIN nor LOGIN",
        ),
        (
            &[("RCPT TO:<a@b.test>", "550 5.1.1 User unknown\r\n")],
            recipient(),
            "unhealthy: mail rejects the recipient a@b.test: 550 5.1.1 User unknown",
        ),
        (
            &[("RCPT", "450 4.2.0 Greylisted\r\n")],
            recipient(),
            "degraded: mail temporarily rejects the recipient a@b.test: 450 4.2.0 Greylisted",
        ),
        (
            &[("MAIL FROM:<c@d.test>", "553 5.1.8 no such domain\r\n")],
            json!({ "recipient": "a@b.test", "sender": "c@d.test" }),
            "unhealthy: mail rejects the sender <c@d.test>: 553 5.1.8 no such domain",
        ),
    ];
    for (answers, more, expected) in cases {
        let peer = server(&world, 80, answers);
        assert_eq!(shown(&world, peer, more), expected);
        let heard = world.received("mail:25").pop().unwrap();
        assert!(heard.ends_with(b"QUIT\r\n"), "{expected}");
        assert!(!String::from_utf8_lossy(&heard).contains("DATA"));
    }
}

#[test]
fn invalid_settings_are_rejected_before_connecting() {
    for (more, problem) in [
        (
            json!({ "user": "u", "password": "p", "tls": "off" }),
            "a password is sent only over TLS to a trusted server",
        ),
        (
            json!({ "user": "u", "password": "p", "verify": false }),
            "a password is sent only over TLS to a trusted server",
        ),
        (
            json!({ "user": "u", "password": "p", "verify": "chain" }),
            "a password is sent only over TLS to a trusted server",
        ),
        (
            json!({ "capabilities": ["SIZE", "starttls"] }),
            "no server offers STARTTLS over TLS: remove it from `capabilities`",
        ),
        (
            json!({ "user": "u" }),
            "`user` and `password` must be set together",
        ),
        (
            json!({ "recipient": "a@b>\r\nDATA" }),
            "`recipient` contains spaces",
        ),
        (json!({ "hello": "a b" }), "`hello` contains spaces"),
    ] {
        // No server exists in this world, so nothing is sent.
        let outcome = World::new().outcome(|| check(settings(more)));
        assert!(outcome.message().starts_with(problem), "{outcome:?}");
    }
}

#[test]
fn the_certificate_is_judged_in_addition_to_replies() {
    let world = World::new();
    let (accepts, rejects): (Answers, Answers) = (&[], &[("RCPT", "550 no\r\n")]);
    for (days, answers, more, expected) in [
        (
            5,
            accepts,
            json!({}),
            "unhealthy: certificate of mail expires in 5 d (unhealthy below 7 d)",
        ),
        (
            -3,
            accepts,
            json!({ "verify": false }),
            "unhealthy: certificate of mail expired 3 d ago",
        ),
        (
            12,
            rejects,
            json!({ "recipient": "a@b.test" }),
            "unhealthy: mail rejects the recipient a@b.test: 550 no; certificate of mail expires in 12 d (degraded below 21 d)",
        ),
    ] {
        let peer = server(&world, days, answers);
        assert_eq!(shown(&world, peer, more), expected);
    }
}

#[test]
fn tls_starts_before_smtp_if_implicit_and_before_any_password() {
    let world = World::new();
    let certificate = || world.certificate("mail", 80);
    let asked = || {
        Peer::new()
            .sends("220 a\r\n")
            .expects("EHLO localhost\r\n")
            .sends("250-a\r\n250 STARTTLS\r\n")
            .expects("STARTTLS\r\n")
    };
    let implicit = Peer::new()
        .accepts_tls(certificate())
        .sends("220 mail\r\n")
        .expects("EHLO localhost\r\n")
        .sends("250 mail\r\n");
    let untrusted = || {
        let asked = asked().sends("220 go\r\n");
        asked.accepts_tls_untrusted(certificate(), "it is for another name")
    };
    for (peer, more, expected) in [
        (
            implicit,
            json!({ "tls": "implicit" }),
            "healthy: mail responds over TLS",
        ),
        (
            untrusted()
                .expects("EHLO localhost\r\n")
                .sends("250 mail\r\n"),
            json!({ "verify": false }),
            "healthy: mail responds over TLS",
        ),
        (
            untrusted(),
            login(),
            "unhealthy: cannot start TLS with mail:25: the certificate of mail is not trusted: it is for another name",
        ),
        // Sent before TLS, to be taken for data sent over TLS.
        (
            asked().sends("220 go\r\n250 smuggled\r\n"),
            login(),
            "unhealthy: cannot start TLS with mail:25: the server sent data before the TLS handshake",
        ),
    ] {
        assert_eq!(shown(&world, peer, more), expected);
        let heard = world.received("mail:25").pop().unwrap();
        assert!(!String::from_utf8_lossy(&heard).contains("AUTH"));
    }
}

#[test]
fn silence_and_other_protocols_are_errors() {
    let world = World::new();
    for (peer, message) in [
        (
            Peer::refuses(),
            "cannot connect to mail:25: connection refused",
        ),
        (
            Peer::new(),
            "no greeting received: cannot read from mail:25: timed out after 2s",
        ),
        (
            Peer::new().sends("220 a\r\n"),
            "no response to EHLO received: cannot read from mail:25: timed out after 2s",
        ),
        (
            Peer::new().sends("421 4.3.2 All server ports are busy\r\n"),
            "mail accepts no connections: 421 4.3.2 All server ports are busy",
        ),
        (
            Peer::new()
                .sends("220 a\r\n")
                .expects("EHLO localhost\r\n")
                .sends(b"250 \xff\xfe\r\n"),
            "mail does not offer STARTTLS",
        ),
        (
            Peer::new().sends("HTTP/1.1 400 Bad Request\r\n\r\n"),
            "mail:25 does not speak SMTP: it sent `HTTP/1.1 400 Bad Request`",
        ),
        (
            Peer::new().sends("2200 a\r\n"),
            "mail:25 does not speak SMTP: it sent `2200 a`",
        ),
        (
            Peer::new().sends("äöü\r\n"),
            "mail:25 does not speak SMTP: it sent `äöü`",
        ),
        (
            Peer::new().floods("220-a\r\n"),
            "mail:25 sends an endless response",
        ),
        (
            Peer::new().floods("220"),
            "no greeting received: cannot read from mail:25: the response is longer than 4096 bytes",
        ),
    ] {
        let shown = shown(&world, peer, json!({ "timeout": "2s" }));
        assert_eq!(shown, format!("unhealthy: {message}"));
    }
}

#[test]
fn quit_takes_at_most_a_second_and_is_not_measured() {
    let world = World::new();
    let peer = server(&world, 80, &[("QUIT", "")]);
    let shown = shown(&world, peer, json!({ "degraded_above": "500ms" }));
    assert_eq!(shown, "healthy: mail responds over TLS");
    assert_eq!(world.elapsed(), Duration::from_secs(1));
}

#[test]
fn addresses_that_are_not_ascii_require_smtputf8() {
    let world = World::new();
    let recipient = || json!({ "recipient": "müller@example.test" });
    assert_eq!(
        shown(&world, server(&world, 80, &[]), recipient()),
        "unhealthy: mail does not offer SMTPUTF8, which an address that is not ASCII requires"
    );
    let answers: Answers = &[
        ("EHLO", "250-mail\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n"),
        ("MAIL FROM:<> SMTPUTF8\r\n", "250 ok\r\n"),
        ("MAIL", "550 no\r\n"),
    ];
    assert_eq!(
        shown(&world, server(&world, 80, answers), recipient()),
        "healthy: mail responds over TLS, accepts mail for müller@example.test"
    );
    let ascii = shown(
        &world,
        server(&world, 80, answers),
        json!({ "recipient": "a@b.test" }),
    );
    assert_eq!(ascii, "unhealthy: mail rejects the sender <>: 550 no");
}

#[test]
fn a_pinned_server_gets_the_password_and_sees_the_certificate_of_the_client() {
    let world = World::new();
    let peer = || server(&world, 80, &[("AUTH", "235 welcome\r\n")]);
    let settings = |digit: &str| {
        json!({
            "user": "user", "password": "secret", "pins": [digit.repeat(64)],
            "client_certificate": "monitoring", "family": "ipv6",
        })
    };
    assert_eq!(
        shown(&world, peer(), settings("1")),
        "healthy: mail responds over TLS, accepts the login of `user`"
    );
    let options = &world.tls_options("mail:25")[0];
    assert_eq!(options.client_certificate.as_deref(), Some("monitoring"));
    let family = world.connect_options("mail:25")[0].family;
    assert_eq!(family, vitals_sdk::net::Family::Ipv6);
    assert_eq!(
        shown(&world, peer(), settings("2")),
        "unhealthy: cannot start TLS with mail:25: the certificate of mail has none of the pinned digests"
    );
    let heard = world.received("mail:25").pop().unwrap();
    assert!(!String::from_utf8_lossy(&heard).contains("AUTH"));
}
