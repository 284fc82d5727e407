//! The whole check against servers that follow a script, and against the host's resolver.

use domain::base::iana::Rcode as Code;
use domain::base::{Message, MessageBuilder, Name};
use domain::rdata::A;
use vitals_sdk::testing::{Peer, World};

use super::*;

/// Returns what the host would show of a query for `shop.test` with these settings.
fn outcome(world: &World, mut settings: Value) -> Outcome {
    settings["name"] = "shop.test".into();
    world.outcome(|| check(Settings::read(settings).unwrap()))
}

/// The same for a query to the server `ns`.
fn outcome_of_server(world: &World, mut settings: Value) -> Outcome {
    settings["server"] = "ns:53".into();
    outcome(world, settings)
}

/// Returns status and message.
fn shown(outcome: &Outcome) -> String {
    format!("{}: {}", outcome.status(), outcome.message())
}

/// Returns status and message if the server behaves like `peer`.
fn answered(peer: Peer, settings: Value) -> String {
    let world = World::new();
    world.udp("ns:53").responds(peer);
    shown(&outcome_of_server(&world, settings))
}

/// Makes a response to a query, with these addresses.
fn answer(question: &[u8], code: Code, addresses: &[&str]) -> Vec<u8> {
    let question = Message::from_octets(question.to_vec()).unwrap();
    let mut message = MessageBuilder::new_vec()
        .start_answer(&question, code)
        .unwrap();
    let name: Name<Vec<u8>> = Name::vec_from_str("shop.test").unwrap();
    for (age, address) in addresses.iter().enumerate() {
        let ttl = 300 - u32::try_from(age).unwrap();
        let address = A::new(address.parse().unwrap());
        message.push((&name, ttl, address)).unwrap();
    }
    message.into_message().as_slice().to_vec()
}

fn server(code: Code, addresses: &'static [&'static str]) -> Peer {
    Peer::new().replies(move |question| Peer::new().sends(answer(question, code, addresses)))
}

#[test]
fn records_are_compared_with_what_is_expected() {
    for (more, expected) in [
        (
            json!({}),
            "healthy: ns returned 192.0.2.1, 192.0.2.7 for shop.test (A)",
        ),
        (
            json!({ "expect": ["192.0.2.7"] }),
            "healthy: ns returned 192.0.2.1, 192.0.2.7 for shop.test (A)",
        ),
        (
            json!({ "expect": ["192.0.2.7"], "matching": "exactly" }),
            "unhealthy: ns: expected exactly 192.0.2.7 for shop.test (A), got 192.0.2.1, 192.0.2.7",
        ),
        (
            json!({ "expect": ["192.0.2.7", "192.0.2.1"], "matching": "exactly" }),
            "healthy: ns returned 192.0.2.1, 192.0.2.7 for shop.test (A)",
        ),
        (
            json!({ "expect": ["192.0.2.7", "192.0.2.9"] }),
            "unhealthy: ns: expected 192.0.2.7, 192.0.2.9 for shop.test (A), got 192.0.2.1, 192.0.2.7",
        ),
        (
            json!({ "expect": ["192.0.2.9", "192.0.2.7"], "matching": "any" }),
            "healthy: ns returned 192.0.2.1, 192.0.2.7 for shop.test (A)",
        ),
        (
            json!({ "expect": ["192.0.2.9"], "matching": "any" }),
            "unhealthy: ns: expected any of 192.0.2.9 for shop.test (A), got 192.0.2.1, 192.0.2.7",
        ),
        (
            json!({ "rcode": "NXDOMAIN" }),
            "unhealthy: ns returned 192.0.2.1, 192.0.2.7 for shop.test (A), expected NXDOMAIN",
        ),
        (
            json!({ "authoritative": true }),
            "unhealthy: ns is not authoritative for shop.test (A)",
        ),
        (
            json!({ "dnssec": true }),
            "unhealthy: ns did not validate shop.test (A) with DNSSEC",
        ),
    ] {
        let peer = server(Code::NOERROR, &["192.0.2.7", "192.0.2.1", "192.0.2.7"]);
        assert_eq!(answered(peer, more), expected);
    }
}

#[test]
fn another_response_code_is_unhealthy_unless_expected() {
    for (code, wanted, expected) in [
        (
            Code::NXDOMAIN,
            "NOERROR",
            "unhealthy: ns returned NXDOMAIN for shop.test (A)",
        ),
        (
            Code::NXDOMAIN,
            "NXDOMAIN",
            "healthy: ns returned NXDOMAIN for shop.test (A), as expected",
        ),
        (
            Code::REFUSED,
            "NXDOMAIN",
            "unhealthy: ns returned REFUSED for shop.test (A), expected NXDOMAIN",
        ),
        (
            Code::NOERROR,
            "NOERROR",
            "unhealthy: ns returned no A record for shop.test",
        ),
        (
            Code::NOERROR,
            "REFUSED",
            "unhealthy: ns returned NOERROR for shop.test (A), expected REFUSED",
        ),
    ] {
        let shown = answered(server(code, &[]), json!({ "rcode": wanted }));
        assert_eq!(shown, expected);
    }
}

#[test]
fn datagrams_that_do_not_match_the_query_are_ignored() {
    let right = |question: &[u8]| answer(question, Code::NOERROR, &["192.0.2.1"]);
    let forged = move |question: &[u8]| {
        let [mut other_number, mut other_name] = [right(question), right(question)];
        other_number[0] ^= 1;
        other_name[13] ^= 1;
        Peer::new()
            .sends(other_number)
            .sends(other_name)
            .sends(question)
            .sends("garbage")
            .sends([0xff; 900])
            .sends("")
    };
    let peer = Peer::new().replies(move |question| forged(question).sends(right(question)));
    assert_eq!(
        answered(peer, json!({})),
        "healthy: ns returned 192.0.2.1 for shop.test (A)"
    );
    let cut = move |question: &[u8]| {
        let whole = right(question);
        Peer::new().sends(&whole[..whole.len() - 2])
    };
    assert!(
        answered(Peer::new().replies(cut), json!({}))
            .starts_with("unhealthy: cannot parse the response for shop.test (A): ")
    );
    let silent = "no response for shop.test (A): cannot read from ns:53: timed out after 2s";
    for (peer, problem) in [
        (
            Peer::new().replies(forged),
            "no response for shop.test (A): ns:53 sent only datagrams that do not match the query",
        ),
        (Peer::new(), silent),
        (
            Peer::new().resets(),
            "no response for shop.test (A): cannot read from ns:53: connection refused",
        ),
        (
            Peer::denied(),
            "no response for shop.test (A): cannot send to ns:53: denied: udp ns:53 (add it to \
             `allow.udp` of the check)",
        ),
    ] {
        let shown = answered(peer, json!({ "timeout": "2s" }));
        assert_eq!(shown, format!("unhealthy: {problem}"));
    }
}

#[test]
fn a_silent_server_is_asked_again() {
    let world = World::new();
    let mut asked = 0;
    world
        .udp("ns:53")
        .responds(Peer::new().replies(move |question| {
            asked += 1;
            // The first datagram is lost.
            if asked == 1 {
                return Peer::new();
            }
            let question = &question[question.len() / 2..];
            Peer::new().sends(answer(question, Code::NOERROR, &["192.0.2.1"]))
        }));
    let outcome = outcome_of_server(&world, json!({ "timeout": "2s" }));
    assert_eq!(
        shown(&outcome),
        "healthy: ns returned 192.0.2.1 for shop.test (A)"
    );
    assert_eq!(world.elapsed(), Duration::from_secs(1));

    let world = World::new();
    world.udp("ns:53").responds(Peer::new());
    outcome_of_server(&world, json!({ "timeout": "2s", "attempts": 1 }));
    let heard = &world.received("ns:53")[0];
    assert_eq!(heard.len(), 27, "one query");
}

#[test]
fn records_of_every_type_are_shown_in_the_form_of_zone_files() {
    use domain::base::iana::Class;
    use domain::base::{Record, Rtype, Ttl, UnknownRecordData};

    let name: Name<Vec<u8>> = Name::vec_from_str("shop.test").unwrap();
    for (kind, number, data, expected) in [
        ("DS", 43, &b"\x09\x43\x0d\x02\x1f\x98"[..], "2371 13 2 1f98"),
        ("TLSA", 52, b"\x03\x01\x01\x8b\xd1", "3 1 1 8bd1"),
        ("DNSKEY", 48, b"\x01\x01\x03\x0d\x99\xdb", "257 3 13 mds="),
        (
            "HTTPS",
            65,
            b"\x00\x01\x00\x00\x01\x00\x06\x02h2\x02h3\x00\x04\x00\x04\xc0\x00\x02\x01",
            "1 . alpn=h2,h3 ipv4hint=192.0.2.1",
        ),
        ("SVCB", 64, b"\x00\x00\x01A\x04test\x00", "0 a.test"),
        (
            "NAPTR",
            35,
            b"\x00\x64\x00\x0a\x01S\x07SIP+D2U\x00\x01a\x04Test\x00",
            "100 10 \"S\" \"SIP+D2U\" \"\" a.test",
        ),
    ] {
        let (name, data) = (name.clone(), data.to_vec());
        let peer = Peer::new().replies(move |question| {
            let question = Message::from_octets(question.to_vec()).unwrap();
            let mut message = MessageBuilder::new_vec()
                .start_answer(&question, Code::NOERROR)
                .unwrap();
            let rtype = Rtype::from_int(number);
            let data = UnknownRecordData::from_octets(rtype, data.clone()).unwrap();
            let record = Record::new(name.clone(), Class::IN, Ttl::from_secs(300), data);
            message.push(record).unwrap();
            Peer::new().sends(message.into_message().as_slice())
        });
        assert_eq!(
            answered(peer, json!({ "type": kind, "expect": [expected] })),
            format!("healthy: ns returned {expected} for shop.test ({kind})")
        );
        let cut = Peer::new().replies(|question| {
            let mut reply = answer(question, Code::NOERROR, &["192.0.2.1"]);
            // The record behind the name gets another type, and two bytes of data.
            let (asked, record) = (question.len(), question.len() + 11);
            reply[record..record + 2].copy_from_slice(&question[asked - 4..asked - 2]);
            reply[record + 8..record + 10].copy_from_slice(&[0, 2]);
            reply.truncate(record + 12);
            Peer::new().sends(reply)
        });
        let shown = answered(cut, json!({ "type": kind }));
        assert!(
            shown.starts_with("unhealthy: cannot parse the response for shop.test"),
            "{shown}"
        );
    }
}

#[test]
fn a_trickle_of_datagrams_does_not_extend_the_timeout() {
    let peer = Peer::new().replies(|_| {
        (0..20).fold(Peer::new(), |peer, _| {
            peer.waits(Duration::from_millis(300)).sends("garbage")
        })
    });
    let world = World::new();
    world.udp("ns:53").responds(peer);
    let outcome = outcome_of_server(&world, json!({ "timeout": "1s" }));
    assert_eq!(outcome.status(), Status::Unhealthy);
    assert_eq!(world.elapsed(), Duration::from_secs(1));
}

#[test]
fn a_long_response_is_fetched_over_tcp() {
    let answers_over_tcp = || {
        Peer::new().replies(|message| {
            let reply = answer(&message[2..], Code::NOERROR, &["192.0.2.1"]);
            let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
            Peer::new().sends(length).sends(reply)
        })
    };
    let world = World::new();
    world.udp("ns:53").responds(Peer::new().replies(|question| {
        let mut reply = answer(question, Code::NOERROR, &[]);
        reply[2] |= 2;
        Peer::new().sends(reply)
    }));
    world.tcp("ns:53").responds(answers_over_tcp());
    let expected = "healthy: ns returned 192.0.2.1 for shop.test (A)";
    assert_eq!(shown(&outcome_of_server(&world, json!({}))), expected);

    let world = World::new();
    world.tcp("ns:53").responds(answers_over_tcp());
    let over_tcp = || shown(&outcome_of_server(&world, json!({ "transport": "tcp" })));
    assert_eq!(over_tcp(), expected);
    world
        .tcp("ns:53")
        .responds(Peer::new().replies(|_| Peer::new().sends("\0\x04garb")));
    assert_eq!(
        over_tcp(),
        "unhealthy: the response of ns:53 over TCP does not match the query for shop.test (A)"
    );
}

#[test]
fn the_hosts_resolver_returns_addresses() {
    let world = World::new();
    let ask = |settings: Value| shown(&outcome(&world, settings));
    world
        .dns("shop.test")
        .resolves_to(&["2001:db8::1", "192.0.2.1", "192.0.2.1"]);
    for (settings, expected) in [
        (
            json!({}),
            "healthy: the host's resolver returned 192.0.2.1 for shop.test (A)",
        ),
        (
            json!({ "type": "AAAA", "expect": ["2001:DB8:0::1"], "matching": "exactly" }),
            "healthy: the host's resolver returned 2001:db8::1 for shop.test (AAAA)",
        ),
        (
            json!({ "type": "MX" }),
            "unhealthy: the host's resolver does not return MX records: set `server`",
        ),
        (
            json!({ "dnssec": true }),
            "unhealthy: the host's resolver reports neither authority nor DNSSEC: set `server`",
        ),
        (
            json!({ "rcode": "NXDOMAIN" }),
            "unhealthy: the host's resolver returned 192.0.2.1 for shop.test (A), expected NXDOMAIN",
        ),
    ] {
        assert_eq!(ask(settings), expected);
    }
    world.dns("shop.test").resolves_to(&["2001:db8::1"]);
    for (rcode, expected) in [
        (
            "NOERROR",
            "the host's resolver returned no A record for shop.test",
        ),
        (
            "NXDOMAIN",
            "the host's resolver returned NOERROR for shop.test (A), expected NXDOMAIN",
        ),
    ] {
        let shown = ask(json!({ "rcode": rcode }));
        assert_eq!(shown, format!("unhealthy: {expected}"));
    }
    world.dns("shop.test").fails(dns::Problem::NotFound);
    assert_eq!(
        ask(json!({})),
        "unhealthy: the host's resolver returned NXDOMAIN for shop.test (A)"
    );
    assert_eq!(
        ask(json!({ "rcode": "NXDOMAIN" })),
        "healthy: the host's resolver returned NXDOMAIN for shop.test (A), as expected"
    );
    // Nobody knows whether the name exists.
    world.dns("shop.test").fails(dns::Problem::TryAgain);
    for rcode in ["NXDOMAIN", "NOERROR"] {
        assert_eq!(
            ask(json!({ "rcode": rcode })),
            "unhealthy: cannot look up shop.test: no resolver answered, or none could find out"
        );
    }
    world.dns("shop.test").never_resolves();
    assert_eq!(
        ask(json!({ "timeout": "1s" })),
        "unhealthy: cannot look up shop.test: timed out after 1s"
    );
}

#[test]
fn records_are_normalized() {
    for (kind, text, normal) in [
        (Kind::Mx, "10  Mail.Example.com.", "10 mail.example.com"),
        (Kind::Ns, "NS1.example.com", "ns1.example.com"),
        (Kind::Srv, "0 0 0 .", "0 0 0 ."),
        (Kind::Aaaa, "2001:DB8:0::1", "2001:db8::1"),
        (Kind::Txt, " As it  is.", " As it  is."),
        (Kind::Caa, "0 issue \"CA.test\"", "0 issue CA.test"),
        (Kind::Ds, "2371 13 2  1F98 7CC6", "2371 13 2 1f987cc6"),
        (Kind::Tlsa, "3 1 1 8BD1\tDA95", "3 1 1 8bd1da95"),
        (Kind::Dnskey, "257 3 13 mdss wUyr==", "257 3 13 mdsswUyr=="),
        (
            Kind::Https,
            "1 Shop.Test. alpn=\"h2,h3\" ech=AbC=",
            "1 shop.test alpn=h2,h3 ech=AbC=",
        ),
        (Kind::Svcb, "0 .", "0 ."),
        (
            Kind::Naptr,
            "100 10 \"S\"  \"SIP+D2U\" \"\" _SIP._udp.example.com.",
            "100 10 \"S\" \"SIP+D2U\" \"\" _sip._udp.example.com",
        ),
    ] {
        assert_eq!(kind.normalized(text), normal);
    }
}

#[test]
fn the_number_of_records_the_smallest_ttl_and_the_time_are_measured() {
    let world = World::new();
    world
        .udp("ns:53")
        .responds(server(Code::NOERROR, &["192.0.2.1", "192.0.2.7"]));
    let outcome = outcome_of_server(&world, json!({ "degraded_above": "5s" }));
    let [records, ttl, time] = outcome.measurements() else {
        panic!("{outcome:?}");
    };
    assert_eq!((records.name(), records.value()), ("records", 2.0));
    assert_eq!((ttl.name(), ttl.value()), ("ttl", 299.0));
    assert_eq!(time.degraded_at(), Some(Bound::Above(5.0)));
    assert_eq!(outcome.detail_of("rcode"), Some(&json!("NOERROR")));
}

#[test]
fn the_server_is_granted_for_udp_and_tcp() {
    let schema = Settings::json_schema();
    let grant = |key: &str| schema["properties"][key]["x-vitals-grant"].clone();
    assert_eq!(grant("server"), json!(["udp", "tcp"]));
    assert_eq!(grant("name"), "name");
}
