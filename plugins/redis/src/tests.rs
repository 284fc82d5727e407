//! The whole check against servers that follow a script.

use vitals_sdk::testing::{Peer, World};

use super::*;

const PING: &str = "*1\r\n$4\r\nPING\r\n";
const INFO: &str = "*1\r\n$4\r\nINFO\r\n";

/// Returns what the host would show of a check of this server.
fn outcome(peer: Peer, mut settings: Value) -> Outcome {
    settings["address"] = "cache:6379".into();
    let world = World::new();
    world.tls("cache:6379").responds(peer);
    world.outcome(|| check(Settings::read(settings).unwrap()))
}

/// Returns status and message.
fn shown(peer: Peer, settings: Value) -> String {
    let outcome = outcome(peer, settings);
    format!("{}: {}", outcome.status(), outcome.message())
}

/// A server that has received PING.
fn pinged() -> Peer {
    Peer::new().expects(PING)
}

/// A server that answers PING, and INFO with these lines.
fn server(replication: &str) -> Peer {
    let info = format!(
        "used_memory:96\r\nmaxmemory:100\r\nconnected_clients:85\r\nmaxclients:100\r\n\
         rdb_last_bgsave_status:err\r\naof_last_write_status:err\r\n{replication}\r\n"
    );
    let info = format!("${}\r\n{info}\r\n", info.len());
    pinged().sends("+PONG\r\n").expects(INFO).sends(info)
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
    let settings = json!({
        "user": "vitals", "password": "correct-horse", "database": 3, "degraded_above": "100ms"
    });
    assert_eq!(
        shown(peer, settings),
        "degraded: redis cache:6379 answered PING after 120ms, above 100ms"
    );
    assert_eq!(
        shown(Peer::new(), json!({ "user": "vitals" })),
        "unhealthy: `user` requires a `password`"
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
        let peer = pinged().sends(format!("{answer}\r\n")).closes();
        let expected = format!("unhealthy: PING failed: {expected}");
        assert_eq!(shown(peer, json!({})), expected);
    }
    // Some servers send the error before any command.
    let early = Peer::new().sends("-ERR max number of clients reached\r\n");
    let shown_early = shown(early.expects(PING), json!({}));
    assert!(shown_early.contains("too many connections"));
    let long = format!("-{0} {0}\r\n", "x".repeat(10_000));
    let shown_long = shown(pinged().sends(long), json!({}));
    assert!(shown_long.len() < 400, "{shown_long}");
}

#[test]
fn another_protocol_is_an_error() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "+OK\r\n",
        ":x\r\n",
        "*1\r\n:x\r\n",
        "$4\r\nPONG\r\n",
        "*1\r\n+PONG\r\n",
    ] {
        let shown = shown(pinged().sends(answer), json!({}));
        let expected = "the response of cache:6379 is not the Redis protocol: check the port";
        assert!(shown.starts_with("unhealthy: "), "{shown}");
        assert!(shown.ends_with(expected), "{shown}");
    }
    for (peer, expected) in [
        (
            pinged().sends("+PO").closes(),
            "cannot read from cache:6379: the peer closed the connection",
        ),
        (
            pinged().sends("+").floods("x"),
            "the response is longer than 131072 bytes",
        ),
        (
            pinged().sends("+").floods("+"),
            "the response is longer than 131072 bytes",
        ),
        (
            pinged().sends("$99999999\r\n"),
            "cannot read from cache:6379: timed out after 4s 900ms",
        ),
    ] {
        let expected = format!("unhealthy: PING failed: {expected}");
        assert_eq!(shown(peer, json!({})), expected);
    }
    assert_eq!(
        shown(server("role:sentinel"), json!({ "role": "master" })),
        "unhealthy: the server's INFO lacks the fields of Redis"
    );
}

#[test]
fn shares_are_judged_and_measured() {
    let bounds = json!({
        "memory_degraded_above": 0.8, "memory_unhealthy_above": 0.95,
        "clients_degraded_above": 0.8, "clients_unhealthy_above": 0.9, "saves": true,
    });
    assert_eq!(
        shown(server("role:master"), bounds.clone()),
        "unhealthy: 96 % of the memory is in use (unhealthy above 95 %), 96 B of 100 B; \
         85 % of 100 clients are connected (degraded above 80 %); the last save failed: RDB, AOF"
    );
    let outcome = outcome(server("role:master"), bounds);
    let [memory, clients, time] = outcome.measurements() else {
        panic!("{outcome:?}");
    };
    assert_eq!(memory.name(), "memory_used");
    assert_eq!(memory.degraded_at(), Some(Bound::Above(0.8)));
    assert_eq!(memory.unhealthy_at(), Some(Bound::Above(0.95)));
    assert_eq!(clients.name(), "clients_used");
    assert_eq!(clients.degraded_at(), Some(Bound::Above(0.8)));
    assert_eq!(clients.unhealthy_at(), Some(Bound::Above(0.9)));
    assert_eq!(time.name(), "response_time");
    assert_eq!(outcome.detail_of("role"), Some(&json!("master")));
    assert_eq!(
        shown(server("role:master"), json!({ "role": "master" })),
        "healthy: the server is a master"
    );
}

#[test]
fn a_replica_is_judged_by_when_it_last_heard_from_its_master() {
    for (link, expected) in [
        (
            "master_link_status:up\r\nmaster_last_io_seconds_ago:3",
            "healthy: the server is a replica; the replica last heard from its master 3 s ago",
        ),
        (
            "master_link_status:up\r\nmaster_last_io_seconds_ago:11",
            "degraded: the replica last heard from its master 11 s ago (degraded above 10 s)",
        ),
        (
            "master_link_status:down\r\nmaster_link_down_since_seconds:2",
            "degraded: the replica lost its master 2 s ago",
        ),
        (
            "master_link_status:down\r\nmaster_link_down_since_seconds:90",
            "unhealthy: the replica lost its master 90 s ago (unhealthy above 60 s)",
        ),
        (
            "master_link_status:down\r\nmaster_sync_in_progress:1",
            "degraded: the replica is in full synchronization with its master",
        ),
        (
            "master_link_status:down\r\nmaster_link_down_since_seconds:-1",
            "unhealthy: the replica has not reached its master since it started",
        ),
    ] {
        let bounds = json!({ "lag_degraded_above": "10s", "lag_unhealthy_above": "60s" });
        let server = server(&format!("role:slave\r\n{link}"));
        assert_eq!(shown(server, bounds), expected);
    }
}

#[test]
fn tls_starts_before_any_command() {
    let world = World::new();
    let answers = |peer: Peer| peer.expects(PING).sends("+PONG\r\n");
    let trusted = Peer::new().accepts_tls(world.certificate("cache", 3));
    let expired =
        || Peer::new().accepts_tls_untrusted(world.certificate("cache", -3), "it has expired");
    let answered = "healthy: redis cache:6379 answered PING";
    let untrusted = "unhealthy: cannot start TLS with cache:6379: the certificate of cache is not trusted: it has expired";
    for (peer, tls, expected) in [
        (answers(trusted), "verify-full", answered),
        (answers(expired()), "require", answered),
        (expired(), "verify-full", untrusted),
    ] {
        assert_eq!(shown(peer, json!({ "tls": tls })), expected);
    }
}

#[test]
fn fields_that_are_not_needed_need_not_be_there() {
    let server = || {
        let info = "role:master\r\nused_memory:96\r\nmaxmemory:0\r\n";
        let info = format!("${}\r\n{info}\r\n", info.len());
        pinged().sends("+PONG\r\n").expects(INFO).sends(info)
    };
    for (settings, expected) in [
        (
            json!({ "role": "master" }),
            "healthy: the server is a master",
        ),
        (
            json!({ "memory_degraded_above": 0.9 }),
            "unhealthy: the server does not report its memory: remove the bounds on memory",
        ),
        (
            json!({ "clients_degraded_above": 0.9 }),
            "unhealthy: the server does not report its limit on clients: remove the bounds on clients",
        ),
    ] {
        assert_eq!(shown(server(), settings), expected);
    }
}

#[test]
fn cluster_and_sentinel_can_be_asked() {
    let asked = |command: &[&str], reply: &str| {
        let words = command
            .iter()
            .map(|word| format!("${}\r\n{word}\r\n", word.len()));
        let command = format!("*{}\r\n{}", command.len(), words.collect::<String>());
        pinged().sends("+PONG\r\n").expects(command).sends(reply)
    };
    let cluster = |text: &str| {
        let reply = format!("${}\r\n{text}\r\n", text.len());
        asked(&["CLUSTER", "INFO"], &reply)
    };
    let sentinel = |reply: &str| asked(&["SENTINEL", "CKQUORUM", "main"], reply);
    for (peer, settings, expected) in [
        (
            cluster("cluster_state:ok\r\ncluster_slots_ok:16384\r\n"),
            json!({ "cluster": true }),
            "healthy: the state of the cluster is ok",
        ),
        (
            cluster("cluster_state:fail\r\n"),
            json!({ "cluster": true }),
            "unhealthy: the state of the cluster is fail",
        ),
        (
            asked(
                &["CLUSTER", "INFO"],
                "-ERR This instance has cluster support disabled\r\n",
            ),
            json!({ "cluster": true }),
            "unhealthy: CLUSTER INFO failed: the server returned ERR: This instance has cluster \
             support disabled",
        ),
        (
            sentinel("+OK 3 usable Sentinels. Quorum and failover authorization is possible\r\n"),
            json!({ "sentinel": "main" }),
            "healthy: the Sentinels can fail over main",
        ),
        (
            sentinel("-NOQUORUM 1 usable Sentinels. Not enough available\r\n"),
            json!({ "sentinel": "main" }),
            "unhealthy: the Sentinels cannot fail over main: 1 usable Sentinels. Not enough available",
        ),
        (
            sentinel("-ERR No such master with that name\r\n"),
            json!({ "sentinel": "main" }),
            "unhealthy: SENTINEL CKQUORUM failed: the server returned ERR: No such master with that name",
        ),
    ] {
        assert_eq!(shown(peer, settings), expected);
    }
}

#[test]
fn connection_and_handshake_are_as_they_are_set() {
    use vitals_sdk::net::{ConnectOptions, Family};
    use vitals_sdk::tls::{TlsOptions, Verification};

    let world = World::new();
    let peer = Peer::new().accepts_tls(world.certificate("cache", 3));
    world
        .tls("cache:6379")
        .responds(peer.expects(PING).sends("+PONG\r\n"));
    let settings = json!({
        "address": "cache:6379", "tls": "verify-ca", "name": "cache.internal",
        "client_certificate": "monitoring", "family": "ipv4", "proxy": "dmz",
    });
    let outcome = world.outcome(|| check(Settings::read(settings).unwrap()));
    assert_eq!(outcome.status(), Status::Healthy);
    let options = TlsOptions::new("cache.internal")
        .verification(Verification::Chain)
        .client_certificate("monitoring");
    assert_eq!(world.tls_options("cache:6379"), [options]);
    let options = ConnectOptions::new().family(Family::Ipv4).proxy("dmz");
    assert_eq!(world.connect_options("cache:6379"), [options]);
    assert_eq!(
        shown(Peer::new(), json!({ "name": "cache.internal" })),
        "unhealthy: `name` has no effect without encryption: set `tls`"
    );
}
