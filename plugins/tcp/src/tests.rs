//! The whole check against servers that follow a script.

use vitals_sdk::testing::{Peer, World};

use super::*;

/// Returns what the host would show of a check of `db:5432` with these additional settings.
fn outcome(world: &World, mut settings: Value) -> Outcome {
    settings["address"] = "db:5432".into();
    world.outcome(|| check(Settings::read(settings).unwrap()))
}

/// The same, with this peer.
fn outcome_with(peer: Peer, settings: Value) -> Outcome {
    let world = World::new();
    world.tcp("db:5432").responds(peer);
    outcome(&world, settings)
}

/// A peer that greets, receives a line and answers it.
fn cache(answer: &str) -> Peer {
    Peer::new().sends("hello\r\n").expects("PING").sends(answer)
}

#[test]
fn an_open_port_is_healthy() {
    let outcome = outcome_with(Peer::new().after(Duration::from_millis(12)), json!({}));
    assert_eq!(outcome.status(), Status::Healthy);
    assert_eq!(outcome.message(), "tcp db:5432: connected");
    assert_eq!(outcome.detail_of("latency_ms"), Some(&json!(12.0)));
    assert_eq!(outcome.detail_of("banner"), None);
}

#[test]
fn a_failed_connection_is_unhealthy_with_the_reason() {
    for (peer, problem) in [
        (Peer::refuses(), "connection refused"),
        (Peer::unreachable(), "no route to host"),
        (
            Peer::denied(),
            "denied: tcp db:5432 (add it to `allow.tcp` of the check)",
        ),
        (
            Peer::unresolvable("there is no such name"),
            "cannot look up the host: there is no such name",
        ),
        (Peer::new().after(Duration::MAX), "timed out after 2s"),
    ] {
        let outcome = outcome_with(peer, json!({ "timeout": "2s" }));
        assert_eq!(outcome.status(), Status::Unhealthy);
        let message = format!("cannot connect to db:5432: {problem}");
        assert_eq!(outcome.message(), message);
    }
}

#[test]
fn the_expected_text_follows_the_sent_text() {
    let wanted = json!({ "send": "PING", "expect": "PONG" });
    let outcome = outcome_with(cache("+PONG there\r\n"), wanted);
    assert_eq!(outcome.status(), Status::Healthy);
    assert_eq!(outcome.message(), "tcp db:5432: responded as expected");
    assert_eq!(outcome.detail_of("banner"), Some(&json!("hello")));
}

#[test]
fn a_missing_response_names_the_expected_text() {
    for (peer, problem) in [
        (
            cache("-ERR private").closes(),
            "the peer closed the connection",
        ),
        (cache("-ERR private").resets(), "connection reset by peer"),
        (cache("-ERR private"), "timed out after 50ms"),
        (
            cache("+PO").waits(Duration::from_secs(1)).sends("NG"),
            "timed out after 50ms",
        ),
        (
            Peer::new().expects("PING").floods([0xff, 0x00, b'P']),
            "the response is longer than 65536 bytes",
        ),
    ] {
        let wanted = json!({ "send": "PING", "expect": "PONG", "timeout": "50ms" });
        let outcome = outcome_with(peer, wanted);
        assert_eq!(outcome.status(), Status::Unhealthy);
        let message = format!("`PONG` was not received: cannot read from db:5432: {problem}");
        assert_eq!(outcome.message(), message);
    }
}

#[test]
fn the_default_timeout_is_that_of_the_check() {
    let world = World::new();
    world.set_timeout(Duration::from_secs(1));
    world.tcp("db:5432").responds(Peer::new());
    let outcome = outcome(&world, json!({ "expect": "PONG" }));
    assert!(
        outcome.message().ends_with("timed out after 900ms"),
        "{outcome:?}"
    );
    assert_eq!(world.elapsed(), Duration::from_millis(900));
}

#[test]
fn a_slow_response_is_degraded_and_a_slower_one_unhealthy() {
    for (milliseconds, status, message) in [
        (60, Status::Healthy, "tcp db:5432: responded as expected"),
        (
            61,
            Status::Degraded,
            "tcp db:5432: responded as expected after 101ms, above 100ms",
        ),
        (
            1_460,
            Status::Unhealthy,
            "tcp db:5432: responded as expected after 1.5s, above 1s",
        ),
    ] {
        let peer = Peer::new()
            .after(Duration::from_millis(40))
            .waits(Duration::from_millis(milliseconds))
            .sends("hi");
        let wanted = json!({ "expect": "hi", "degraded_above": "100ms", "unhealthy_above": "1s" });
        let outcome = outcome_with(peer, wanted);
        assert_eq!((outcome.status(), outcome.message()), (status, message));
        let [all, connecting] = outcome.measurements() else {
            panic!("{outcome:?}");
        };
        assert_eq!(all.degraded_at(), Some(Bound::Above(0.1)));
        assert_eq!(connecting.value().to_string(), "0.04");
    }
}

#[test]
fn the_banner_is_the_first_line_as_far_as_it_is_there() {
    for (peer, banner) in [
        (
            Peer::new().sends("220 mail ready\r\n250 x"),
            "220 mail ready",
        ),
        (Peer::new().sends("a\n220 mail"), "a"),
        (Peer::new().sends("220 ").waits(Duration::MAX), "220 "),
        (Peer::new().sends("220 ").closes(), "220 "),
        (Peer::new().sends("220 ").resets(), "220 "),
    ] {
        let outcome = outcome_with(peer, json!({ "expect": "220 ", "degraded_above": "1ms" }));
        assert_eq!(outcome.status(), Status::Healthy);
        assert_eq!(outcome.detail_of("banner"), Some(&json!(banner)));
    }
}

#[test]
fn the_connection_is_made_as_it_is_set() {
    use vitals_sdk::net::{ConnectOptions, Family};

    let world = World::new();
    world.tcp("db:5432").responds(Peer::new());
    outcome(
        &world,
        json!({ "family": "ipv6", "proxy": "dmz", "timeout": "2s" }),
    );
    let expected = ConnectOptions::new()
        .family(Family::Ipv6)
        .proxy("dmz")
        .timeout(Duration::from_secs(2));
    assert_eq!(world.connect_options("db:5432"), [expected]);
    assert_eq!(
        Settings::json_schema()["properties"]["proxy"]["x-vitals-grant"],
        "proxy"
    );
}
