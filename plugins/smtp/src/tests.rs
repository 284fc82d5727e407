use vitals_sdk::testing::{Peer, World};

use super::*;

fn settings(more: &Value) -> Settings {
    let mut all = json!({ "address": "mail:25" });
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    Settings::read(all).unwrap()
}

fn outcome(world: &World, peer: Peer, more: &Value) -> Outcome {
    world.tls("mail:25").responds(peer);
    world.outcome(|| check(settings(more)))
}

/// A server that greets and replies to lines, with TLS on request.
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

fn status_and_message(outcome: &Outcome) -> (Status, &str) {
    (outcome.status(), outcome.message())
}

/// The replies to lines with these prefixes.
type Answers = &'static [(&'static str, &'static str)];

#[test]
fn each_step_can_fail_with_its_message() {
    let world = World::new();
    let cases: [(Answers, Value, Status, &str); 12] = [
        (&[], json!({}), Status::Healthy, "mail responds over TLS"),
        (
            &[],
            json!({ "tls": "off" }),
            Status::Healthy,
            "mail responds",
        ),
        (
            &[("EHLO", "250 mail\r\n")],
            json!({}),
            Status::Unhealthy,
            "mail does not offer STARTTLS",
        ),
        (
            &[("EHLO", "550 5.7.1 Helo rejected\r\n")],
            json!({}),
            Status::Unhealthy,
            "mail rejects EHLO: 550 5.7.1 Helo rejected",
        ),
        (
            &[("STARTTLS", "454 4.7.0 TLS not available\r\n")],
            json!({}),
            Status::Unhealthy,
            "mail does not start TLS: 454 4.7.0 TLS not available",
        ),
        (
            &[],
            json!({ "capabilities": ["size", "AUTH LOGIN", "auth cram-md5", "DSN"] }),
            Status::Unhealthy,
            "mail does not offer auth cram-md5, DSN",
        ),
        (
            &[("AUTH PLAIN AHVzZXIAc2VjcmV0", "235 welcome\r\n")],
            json!({ "user": "user", "password": "secret" }),
            Status::Healthy,
            "mail responds over TLS, accepts the login of `user`",
        ),
        (
            &[("AUTH", "535 5.7.8 not you\r\n")],
            json!({ "user": "user", "password": "secret" }),
            Status::Unhealthy,
            "mail rejects the login of `user`: 535 5.7.8 not you",
        ),
        (
            &[("EHLO", "250-mail\r\n250-STARTTLS\r\n250 AUTH CRAM-MD5\r\n")],
            json!({ "user": "user", "password": "secret" }),
            Status::Unhealthy,
            "mail rejects the login of `user`: it offers neither PLAIN nor LOGIN",
        ),
        (
            &[("RCPT TO:<a@b.test>", "550 5.1.1 User unknown\r\n")],
            json!({ "recipient": "a@b.test" }),
            Status::Unhealthy,
            "mail rejects the recipient a@b.test: 550 5.1.1 User unknown",
        ),
        (
            &[("RCPT", "450 4.2.0 Greylisted\r\n")],
            json!({ "recipient": "a@b.test" }),
            Status::Degraded,
            "mail temporarily rejects the recipient a@b.test: 450 4.2.0 Greylisted",
        ),
        (
            &[("MAIL FROM:<c@d.test>", "553 5.1.8 no such domain\r\n")],
            json!({ "recipient": "a@b.test", "sender": "c@d.test" }),
            Status::Unhealthy,
            "mail rejects the sender <c@d.test>: 553 5.1.8 no such domain",
        ),
    ];
    for (answers, more, status, message) in cases {
        let outcome = outcome(&world, server(&world, 80, answers), &more);
        assert_eq!(status_and_message(&outcome), (status, message));
        let heard = world.received("mail:25").pop().unwrap();
        assert!(heard.ends_with(b"QUIT\r\n"), "{message}");
        assert!(!String::from_utf8_lossy(&heard).contains("DATA"));
    }
}

#[test]
fn login_answers_two_questions() {
    let world = World::new();
    let peer = server(
        &world,
        80,
        &[
            ("EHLO", "250-mail\r\n250-STARTTLS\r\n250 AUTH LOGIN\r\n"),
            ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"),
            ("dXNlcg==", "334 UGFzc3dvcmQ6\r\n"),
            ("c2VjcmV0", "235 welcome\r\n"),
        ],
    );
    let wanted = json!({ "user": "user", "password": "secret" });
    let outcome = outcome(&world, peer, &wanted);
    assert_eq!(
        outcome.message(),
        "mail responds over TLS, accepts the login of `user`"
    );
}

#[test]
fn replies_that_contain_the_password_are_not_shown() {
    let world = World::new();
    for reply in [
        "535 no AHVzZXIAc2VjcmV0\r\n",
        "535-no\r\n535 secret\r\n",
        "535 c2VjcmV0\r\n",
    ] {
        let answers: &'static [_] = Vec::leak(vec![("AUTH", reply)]);
        let wanted = json!({ "user": "user", "password": "secret" });
        let outcome = outcome(&world, server(&world, 80, answers), &wanted);
        assert_eq!(outcome.message(), "mail rejects the login of `user`: 535");
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
        let outcome = World::new().outcome(|| check(settings(&more)));
        assert!(outcome.message().starts_with(problem), "{outcome:?}");
    }
}

#[test]
fn the_certificate_is_judged_in_addition_to_replies() {
    let world = World::new();
    let soon = outcome(&world, server(&world, 5, &[]), &json!({}));
    let words = "certificate of mail expires in 5 d (unhealthy below 7 d)";
    assert_eq!(status_and_message(&soon), (Status::Unhealthy, words));
    let expired = outcome(&world, server(&world, -3, &[]), &json!({ "verify": false }));
    assert_eq!(expired.message(), "certificate of mail expired 3 d ago");
    let answers: &'static [_] = &[("RCPT", "550 no\r\n")];
    let both = outcome(
        &world,
        server(&world, 12, answers),
        &json!({ "recipient": "a@b.test" }),
    );
    assert_eq!(
        both.message(),
        "mail rejects the recipient a@b.test: 550 no; certificate of mail expires in 12 d (degraded below 21 d)"
    );
    let peer = Peer::new()
        .sends("220 a\r\n")
        .expects("EHLO localhost\r\n")
        .sends("250-a\r\n250 STARTTLS\r\n");
    let peer = peer.expects("STARTTLS\r\n").sends("220 go\r\n");
    let peer = peer.accepts_tls_untrusted(world.certificate("mail", 80), "it is for another name");
    assert_eq!(
        outcome(&world, peer, &json!({})).message(),
        "cannot start TLS with mail:25: the certificate of mail is not trusted: it is for another name"
    );
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
        let outcome = outcome(&world, peer, &json!({ "timeout": "2s" }));
        assert_eq!(status_and_message(&outcome), (Status::Unhealthy, message));
    }
}

#[test]
fn quit_takes_at_most_a_second_and_is_not_measured() {
    let world = World::new();
    let answers: &'static [_] = &[("QUIT", "")];
    let outcome = outcome(
        &world,
        server(&world, 80, answers),
        &json!({ "degraded_above": "500ms" }),
    );
    assert_eq!(
        status_and_message(&outcome),
        (Status::Healthy, "mail responds over TLS")
    );
    assert_eq!(world.elapsed(), Duration::from_secs(1));
}
