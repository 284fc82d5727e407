//! The whole check against servers that follow a script.

use vitals_sdk::testing::{Peer, World};

use super::*;

const PING: &str = "*1\r\n$4\r\nPING\r\n";
const INFO: &str = "*1\r\n$4\r\nINFO\r\n";

fn outcome(peer: Peer, others: &Value) -> Outcome {
    let mut all = json!({ "address": "cache:6379" });
    for (key, value) in others.as_object().unwrap() {
        all[key] = value.clone();
    }
    let world = World::new();
    world.tls("cache:6379").responds(peer);
    world.outcome(|| check(Settings::read(all).unwrap()))
}

fn outcome_of(peer: Peer, others: &Value) -> (Status, String) {
    let outcome = outcome(peer, others);
    (outcome.status(), outcome.message().to_owned())
}

fn unhealthy(text: &str) -> (Status, String) {
    (Status::Unhealthy, text.to_owned())
}

/// A server that answers PING, and INFO with these lines.
fn server(replication: &str) -> Peer {
    let info = format!(
        "used_memory:96\r\nmaxmemory:100\r\nconnected_clients:85\r\nmaxclients:100\r\n\
         rdb_last_bgsave_status:err\r\naof_last_write_status:err\r\n{replication}\r\n"
    );
    let info = format!("${}\r\n{info}\r\n", info.len());
    Peer::new()
        .expects(PING)
        .sends("+PONG\r\n")
        .expects(INFO)
        .sends(info)
}

#[test]
fn user_password_and_database_come_before_ping() {
    let peer = Peer::new()
        .expects("*3\r\n$4\r\nAUTH\r\n$6\r\nvitals\r\n$13\r\ncorrect-horse\r\n")
        .sends("+OK\r\n")
        .expects("*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n")
        .sends("+OK\r\n")
        .expects(PING)
        .waits(Duration::from_millis(120))
        .sends("+PONG\r\n");
    let outcome = outcome(
        peer,
        &json!({ "user": "vitals", "password": "correct-horse", "database": 3, "degraded_above": "100ms" }),
    );
    assert_eq!(
        (outcome.status(), outcome.message()),
        (
            Status::Degraded,
            "redis cache:6379 answered PING after 120ms, above 100ms"
        )
    );
}

#[test]
fn server_errors_are_explained_and_truncated() {
    for (answer, expected) in [
        (
            "-NOAUTH Authentication required.",
            "the server requires a password: Authentication required.",
        ),
        (
            "-LOADING Redis is loading the dataset in memory",
            "the server is not ready: Redis is loading the dataset in memory",
        ),
        (
            "-ERR max number of clients reached",
            "the server has too many connections: max number of clients reached",
        ),
        (
            "-MASTERDOWN Link with MASTER is down",
            "the replica is disconnected from its master: Link with MASTER is down",
        ),
        ("-ODD", "the server returned ODD: "),
    ] {
        let peer = Peer::new()
            .expects(PING)
            .sends(format!("{answer}\r\n"))
            .closes();
        assert_eq!(
            outcome_of(peer, &json!({})),
            unhealthy(&format!("PING failed: {expected}"))
        );
    }
    // Some servers send the error before any command.
    let peer = Peer::new()
        .sends("-ERR max number of clients reached\r\n")
        .expects(PING);
    assert!(
        outcome_of(peer, &json!({}))
            .1
            .contains("too many connections")
    );
    let long = format!("-{0} {0}\r\n", "x".repeat(10_000));
    let (_, text) = outcome_of(Peer::new().expects(PING).sends(long), &json!({}));
    assert!(text.len() < 400, "{text}");
}

#[test]
fn another_protocol_is_an_error() {
    let garbage = "the response of cache:6379 is not the Redis protocol: check the port";
    for answer in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "+OK\r\n",
        ":x\r\n",
        "$4\r\nPONG\r\n",
        "*1\r\n+PONG\r\n",
    ] {
        let (status, text) = outcome_of(Peer::new().expects(PING).sends(answer), &json!({}));
        assert!(
            status == Status::Unhealthy && text.ends_with(garbage),
            "{text}"
        );
    }
    let cut = Peer::new().expects(PING).sends("+PO").closes();
    let text = "PING failed: cannot read from cache:6379: the peer closed the connection";
    assert_eq!(outcome_of(cut, &json!({})), unhealthy(text));
    for endless in ["x", "+"] {
        let (_, text) = outcome_of(
            Peer::new().expects(PING).sends("+").floods(endless),
            &json!({}),
        );
        let text = text
            .strip_prefix("PING failed: ")
            .unwrap_or(&text)
            .to_owned();
        assert_eq!(text, "the response is longer than 131072 bytes");
    }
    let (_, text) = outcome_of(Peer::new().expects(PING).sends("$99999999\r\n"), &json!({}));
    assert_eq!(
        text,
        "PING failed: cannot read from cache:6379: timed out after 4s 900ms"
    );
    let (_, text) = outcome_of(server("role:sentinel"), &json!({ "role": "master" }));
    assert_eq!(text, "the server's INFO lacks the fields of Redis");
}

#[test]
fn shares_are_judged_and_measured() {
    let bounds = json!({
        "memory_degraded_above": 0.8, "memory_unhealthy_above": 0.95, "clients_degraded_above": 0.8, "saves": true,
    });
    let outcome = outcome(server("role:master"), &bounds);
    let text = "96 % of the memory is in use (unhealthy above 95 %), 96 B of 100 B; 85 % of 100 clients are connected \
         (degraded above 80 %); the last save failed: RDB, AOF";
    assert_eq!(
        (outcome.status(), outcome.message()),
        (Status::Unhealthy, text)
    );
    let names: Vec<_> = outcome
        .measurements()
        .iter()
        .map(Measurement::name)
        .collect();
    assert_eq!(names, ["memory_used", "clients_used", "response_time"]);
    assert_eq!(
        outcome.measurements()[0].unhealthy_at(),
        Some(Bound::Above(0.95))
    );
    let (status, text) = outcome_of(server("role:master"), &json!({ "role": "master" }));
    assert_eq!(
        (status, text.as_str()),
        (Status::Healthy, "the server is a master")
    );
}

#[test]
fn a_replica_is_judged_by_when_it_last_heard_from_its_master() {
    let bounds = json!({ "lag_degraded_above": "10s", "lag_unhealthy_above": "60s" });
    for (link, status, text) in [
        (
            "master_link_status:up\r\nmaster_last_io_seconds_ago:3",
            Status::Healthy,
            "the server is a replica; the replica last heard from its master 3 s ago",
        ),
        (
            "master_link_status:up\r\nmaster_last_io_seconds_ago:11",
            Status::Degraded,
            "the replica last heard from its master 11 s ago (degraded above 10 s)",
        ),
        (
            "master_link_status:down\r\nmaster_link_down_since_seconds:2",
            Status::Degraded,
            "the replica lost its master 2 s ago",
        ),
        (
            "master_link_status:down\r\nmaster_link_down_since_seconds:90",
            Status::Unhealthy,
            "the replica lost its master 90 s ago (unhealthy above 60 s)",
        ),
        (
            "master_link_status:down\r\nmaster_sync_in_progress:1",
            Status::Degraded,
            "the replica is in full synchronization with its master",
        ),
        (
            "master_link_status:down\r\nmaster_link_down_since_seconds:-1",
            Status::Unhealthy,
            "the replica has not reached its master since it started",
        ),
    ] {
        let outcome_of = outcome_of(server(&format!("role:slave\r\n{link}")), &bounds);
        assert_eq!(outcome_of, (status, text.to_owned()));
    }
}

#[test]
fn tls_starts_before_any_command() {
    let world = World::new();
    let answers = |peer: Peer| peer.expects(PING).sends("+PONG\r\n");
    let expired =
        || Peer::new().accepts_tls_untrusted(world.certificate("cache", -3), "it has expired");
    let trusted = answers(Peer::new().accepts_tls(world.certificate("cache", 3)));
    let verify = json!({ "tls": "verify-full" });
    assert_eq!(outcome_of(trusted, &verify).0, Status::Healthy);
    assert_eq!(
        outcome_of(answers(expired()), &json!({ "tls": "require" })).0,
        Status::Healthy
    );
    let text =
        "cannot start TLS with cache:6379: the certificate of cache is not trusted: it has expired";
    assert_eq!(outcome_of(expired(), &verify), unhealthy(text));
}
