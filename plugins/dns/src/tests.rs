use domain::base::iana::Rcode as Code;
use domain::base::{Message, MessageBuilder, Name};
use domain::rdata::A;
use vitals_sdk::testing::{Peer, World};

use super::*;

fn settings(more: &Value) -> Settings {
    let mut all = json!({ "name": "shop.test", "server": "ns:53" });
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    Settings::read(all).unwrap()
}

fn outcome(world: &World, more: &Value) -> Outcome {
    world.outcome(|| check(settings(more)))
}

/// Returns what the host would show if the server behaves like `peer`.
fn answered(peer: Peer, more: &Value) -> (Status, String) {
    let world = World::new();
    world.udp("ns:53").responds(peer);
    let outcome = outcome(&world, more);
    (outcome.status(), outcome.message().to_owned())
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
    for (more, status, message) in [
        (
            json!({}),
            Status::Healthy,
            "ns returned 192.0.2.1, 192.0.2.7 for shop.test (A)",
        ),
        (
            json!({ "expect": ["192.0.2.7"] }),
            Status::Healthy,
            "ns returned 192.0.2.1, 192.0.2.7 for shop.test (A)",
        ),
        (
            json!({ "expect": ["192.0.2.7"], "matching": "exactly" }),
            Status::Unhealthy,
            "ns: expected exactly 192.0.2.7 for shop.test (A), got 192.0.2.1, 192.0.2.7",
        ),
        (
            json!({ "expect": ["192.0.2.7", "192.0.2.1"], "matching": "exactly" }),
            Status::Healthy,
            "ns returned 192.0.2.1, 192.0.2.7 for shop.test (A)",
        ),
        (
            json!({ "expect": ["192.0.2.7", "192.0.2.9"] }),
            Status::Unhealthy,
            "ns: expected 192.0.2.7, 192.0.2.9 for shop.test (A), got 192.0.2.1, 192.0.2.7",
        ),
        (
            json!({ "expect": ["192.0.2.9", "192.0.2.7"], "matching": "any" }),
            Status::Healthy,
            "ns returned 192.0.2.1, 192.0.2.7 for shop.test (A)",
        ),
        (
            json!({ "expect": ["192.0.2.9"], "matching": "any" }),
            Status::Unhealthy,
            "ns: expected any of 192.0.2.9 for shop.test (A), got 192.0.2.1, 192.0.2.7",
        ),
        (
            json!({ "rcode": "NXDOMAIN" }),
            Status::Unhealthy,
            "ns returned 192.0.2.1, 192.0.2.7 for shop.test (A), expected NXDOMAIN",
        ),
        (
            json!({ "authoritative": true }),
            Status::Unhealthy,
            "ns is not authoritative for shop.test (A)",
        ),
        (
            json!({ "dnssec": true }),
            Status::Unhealthy,
            "ns did not validate shop.test (A) with DNSSEC",
        ),
    ] {
        let peer = server(Code::NOERROR, &["192.0.2.7", "192.0.2.1", "192.0.2.7"]);
        assert_eq!(answered(peer, &more), (status, message.to_owned()));
    }
}

#[test]
fn another_response_code_is_unhealthy_unless_expected() {
    for (code, wanted, status, message) in [
        (
            Code::NXDOMAIN,
            "NOERROR",
            Status::Unhealthy,
            "ns returned NXDOMAIN for shop.test (A)",
        ),
        (
            Code::NXDOMAIN,
            "NXDOMAIN",
            Status::Healthy,
            "ns returned NXDOMAIN for shop.test (A), as expected",
        ),
        (
            Code::REFUSED,
            "NXDOMAIN",
            Status::Unhealthy,
            "ns returned REFUSED for shop.test (A), expected NXDOMAIN",
        ),
        (
            Code::NOERROR,
            "NOERROR",
            Status::Unhealthy,
            "ns returned no A record for shop.test",
        ),
        (
            Code::NOERROR,
            "REFUSED",
            Status::Unhealthy,
            "ns returned NOERROR for shop.test (A), expected REFUSED",
        ),
    ] {
        let result = answered(server(code, &[]), &json!({ "rcode": wanted }));
        assert_eq!(result, (status, message.to_owned()));
    }
}

#[test]
fn datagrams_that_do_not_match_the_query_are_ignored() {
    let forged = |question: &[u8]| {
        let right = answer(question, Code::NOERROR, &["192.0.2.1"]);
        let mut other_number = right.clone();
        other_number[0] ^= 1;
        let mut other_name = right.clone();
        other_name[13] ^= 1;
        let strange = Peer::new()
            .sends(other_number)
            .sends(other_name)
            .sends(question)
            .sends("garbage");
        (strange, right)
    };
    let peer = Peer::new().replies(move |question| {
        let (strange, right) = forged(question);
        strange.sends(right)
    });
    let result = answered(peer, &json!({}));
    assert_eq!(result.1, "ns returned 192.0.2.1 for shop.test (A)");
    let silent = "no response for shop.test (A): cannot read from ns:53: timed out after 2s";
    let peer = Peer::new().replies(move |question| forged(question).0);
    assert_eq!(
        answered(peer, &json!({ "timeout": "2s" })),
        (
            Status::Unhealthy,
            format!("{silent}, after 4 datagrams that did not match the query")
        )
    );
    assert_eq!(answered(Peer::new(), &json!({ "timeout": "2s" })).1, silent);
    assert_eq!(
        answered(Peer::new().resets(), &json!({})).1,
        "no response for shop.test (A): cannot send to ns:53: connection refused"
    );
    assert_eq!(
        answered(Peer::denied(), &json!({})).1,
        "cannot connect to ns:53: denied: udp ns:53 (add it to `allow.udp` of the check)"
    );
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
    let outcome = outcome(&world, &json!({ "timeout": "1s" }));
    assert_eq!(outcome.status(), Status::Unhealthy);
    assert_eq!(world.elapsed(), Duration::from_secs(1));
}

#[test]
fn a_long_response_is_fetched_over_tcp() {
    let over_tcp = || {
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
    world.tcp("ns:53").responds(over_tcp());
    let message = "ns returned 192.0.2.1 for shop.test (A)";
    assert_eq!(outcome(&world, &json!({})).message(), message);

    let world = World::new();
    world.tcp("ns:53").responds(over_tcp());
    let at_once = outcome(&world, &json!({ "transport": "tcp" }));
    assert_eq!(at_once.message(), message);
    world
        .tcp("ns:53")
        .responds(Peer::new().replies(|_| Peer::new().sends("\0\x04garb")));
    let garbage = outcome(&world, &json!({ "transport": "tcp" }));
    assert_eq!(
        garbage.message(),
        "the response of ns:53 over TCP does not match the query for shop.test (A)"
    );
}

#[test]
fn the_hosts_resolver_returns_addresses() {
    let world = World::new();
    let ask = |more: Value| {
        let mut all = json!({ "name": "shop.test" });
        for (key, value) in more.as_object().unwrap() {
            all[key] = value.clone();
        }
        let outcome = world.outcome(|| check(Settings::read(all).unwrap()));
        (outcome.status(), outcome.message().to_owned())
    };
    world
        .dns("shop.test")
        .resolves_to(&["2001:db8::1", "192.0.2.1", "192.0.2.1"]);
    for (more, status, message) in [
        (
            json!({}),
            Status::Healthy,
            "the host's resolver returned 192.0.2.1 for shop.test (A)",
        ),
        (
            json!({ "type": "AAAA", "expect": ["2001:DB8:0::1"], "matching": "exactly" }),
            Status::Healthy,
            "the host's resolver returned 2001:db8::1 for shop.test (AAAA)",
        ),
        (
            json!({ "type": "MX" }),
            Status::Unhealthy,
            "the host's resolver does not return MX records: set `server`",
        ),
        (
            json!({ "rcode": "NXDOMAIN" }),
            Status::Unhealthy,
            "the host's resolver returned 192.0.2.1 for shop.test (A), expected NXDOMAIN",
        ),
    ] {
        assert_eq!(ask(more), (status, message.to_owned()));
    }
    world.dns("shop.test").fails(dns::Problem::NotFound);
    assert_eq!(
        ask(json!({})).1,
        "the host's resolver returned no address for shop.test (A)"
    );
    assert_eq!(ask(json!({ "rcode": "NXDOMAIN" })).0, Status::Healthy);
    world.dns("shop.test").never_resolves();
    assert_eq!(
        ask(json!({ "timeout": "1s" })).1,
        "cannot look up shop.test: timed out after 1s"
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
    ] {
        assert_eq!(kind.normalized(text), normal);
    }
}

#[test]
fn the_smallest_ttl_is_measured() {
    let world = World::new();
    world
        .udp("ns:53")
        .responds(server(Code::NOERROR, &["192.0.2.1", "192.0.2.7"]));
    let outcome = outcome(&world, &json!({}));
    let measured: Vec<_> = outcome
        .measurements()
        .iter()
        .map(|measured| (measured.name(), measured.value_text()))
        .collect();
    assert_eq!(measured[0], ("records", "2".to_owned()));
    assert_eq!(measured[1], ("ttl", "4 min".to_owned()));
    assert_eq!(outcome.detail_of("rcode"), Some(&json!("NOERROR")));
}

#[test]
fn the_server_is_granted_for_udp_and_tcp() {
    let schema = Settings::json_schema();
    let grant = |key: &str| schema["properties"][key]["x-vitals-grant"].clone();
    assert_eq!(grant("server"), json!(["udp", "tcp"]));
    assert_eq!(grant("name"), "name");
}
