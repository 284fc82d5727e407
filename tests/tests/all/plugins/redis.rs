//! The plugin `redis` on a real Redis: its errors, its INFO, its replication and its TLS.

use std::fs;
use std::net::SocketAddr;

use serde_json::{Value, json};
use vitals_tests::guests;
use vitals_tests::servers::Redis;

use super::{measured, number, told, watch, watching};

/// The settings of a check of this address, with further ones in TOML.
fn config(address: SocketAddr, settings: &str) -> String {
    format!("config = {{ address = '{address}', {settings} }}\n")
}

/// The same for a check that runs every two seconds.
fn repeated(address: SocketAddr, settings: &str) -> String {
    let config = config(address, settings);
    format!("interval = '2s'\ntimeout = '2s'\n{config}")
}

/// Runs a check once.
async fn ask(redis: &Redis, settings: &str) -> Value {
    watch(guests::REDIS, &config(redis.address(), settings)).await
}

/// Status and message, with `<redis>` for the address.
fn shown(check: &Value, address: SocketAddr) -> String {
    let (status, message) = told(check);
    format!(
        "{status}: {}",
        message.replace(&address.to_string(), "<redis>")
    )
}

const ANSWERED: &str = "healthy: redis <redis> answered PING";

#[tokio::test]
async fn a_server_that_stops_or_freezes_is_unhealthy_until_it_is_back() {
    let mut redis = Redis::start(&[]).await;
    let address = redis.address();
    let host = watching(guests::REDIS, &repeated(address, "database = 3")).await;
    let becomes = async |text: &str| {
        let is_so = |check: &Value| shown(check, address).starts_with(text);
        host.eventually_check("watched", text, is_so).await
    };
    let check = becomes(ANSWERED).await;
    assert!(number(&check, "response_time") > 0.0, "{check:#}");
    redis.stop();
    becomes("unhealthy: cannot connect to <redis>: connection refused").await;
    redis.restart().await;
    becomes(ANSWERED).await;
    redis.freeze();
    becomes("unhealthy: cannot select database 3: cannot read from <redis>: timed out after ")
        .await;
    redis.thaw();
    becomes(ANSWERED).await;
}

#[tokio::test]
async fn rejections_are_explained_without_the_password() {
    let redis = Redis::start(&["--requirepass", "correct-horse"]).await;
    let login = ["--no-auth-warning", "-a", "correct-horse"];
    let user = ["ACL", "SETUSER", "pinger", "on", ">correct-horse", "+ping"];
    redis.say(&[&login[..], &user].concat());
    for (settings, expected) in [
        (
            "",
            "unhealthy: PING failed: the server requires a password: Authentication required.",
        ),
        (
            "password = 'secret-1'",
            "unhealthy: cannot log in: the server rejects the login: invalid username-password pair or user is disabled.",
        ),
        (
            "user = 'nobody', password = 'correct-horse'",
            "unhealthy: cannot log in: the server rejects the login: invalid username-password pair or user is disabled.",
        ),
        ("password = 'correct-horse'", ANSWERED),
        ("user = 'pinger', password = 'correct-horse'", ANSWERED),
        (
            "user = 'pinger', password = 'correct-horse', role = 'master'",
            "unhealthy: INFO failed: the user lacks the permission: this user has no permissions to run the 'info' command",
        ),
        (
            "password = 'correct-horse', database = 99",
            "unhealthy: cannot select database 99: the server returned ERR: DB index is out of range",
        ),
    ] {
        let check = ask(&redis, settings).await;
        assert_eq!(shown(&check, redis.address()), expected, "{check:#}");
        let page = check.to_string();
        let secrets = ["correct-horse", "secret-1"];
        assert!(
            !secrets.iter().any(|secret| page.contains(secret)),
            "{page}"
        );
    }
}

#[tokio::test]
async fn info_has_role_memory_and_clients() {
    let redis = Redis::start(&["--maxmemory", "8mb", "--maxclients", "20"]).await;
    let bounds = "memory_degraded_above = 0.9, clients_degraded_above = 0.5";
    let check = ask(&redis, bounds).await;
    let message = told(&check).1;
    assert!(
        message.starts_with("the server is a master; ")
            && message.contains(" of the memory is in use, ")
            && message.ends_with(" of 8 MiB; 5 % of 20 clients are connected"),
        "{message}"
    );
    let used = number(&check, "memory_used");
    assert!(used > 0.0 && used < 0.9, "{check:#}");
}

#[tokio::test]
async fn a_failed_save_is_degraded_and_makes_writes_fail() {
    let redis = Redis::start(&[]).await;
    // The server cannot replace a directory by its file.
    fs::create_dir(redis.directory().join("dump.rdb")).expect("it is free");
    let check = ask(&redis, "saves = true").await;
    assert_eq!(told(&check), ("healthy", "the server is a master"));
    redis.say(&["SAVE"]);
    redis.say(&["BGSAVE"]);
    let host = watching(guests::REDIS, &repeated(redis.address(), "saves = true")).await;
    let has_failed = |check: &Value| told(check) == ("degraded", "the last save failed: RDB");
    host.eventually_check("watched", "the save has failed", has_failed)
        .await;
    // With a schedule for saves, the server rejects writes from now on, and PING with them.
    redis.say(&["CONFIG", "SET", "save", "3600 1"]);
    let check = ask(&redis, "").await;
    let expected = "unhealthy: PING failed: the server rejects writes because it cannot save: ";
    assert!(
        shown(&check, redis.address()).starts_with(expected),
        "{check:#}"
    );
}

#[tokio::test]
async fn a_replica_that_loses_its_master_is_degraded_and_then_unhealthy() {
    let mut master = Redis::start(&[]).await;
    let replica = Redis::replica_of(&master).await;
    let address = replica.address();
    let settings = "role = 'replica', lag_unhealthy_above = '4s'";
    let host = watching(guests::REDIS, &repeated(address, settings)).await;
    let becomes = async |beginning: &str, end: &str| {
        let is_so = |check: &Value| {
            let text = shown(check, address);
            text.starts_with(beginning) && text.ends_with(end)
        };
        host.eventually_check("watched", beginning, is_so).await
    };
    let connected = "healthy: the server is a replica; the replica last heard from its master ";
    let check = becomes(connected, " s ago").await;
    let lag = measured(&check, "replication_lag");
    assert_eq!(lag["unhealthy_at"], json!({ "above": 4.0 }), "{check:#}");
    for (redis, expected) in [
        (
            &replica,
            ("unhealthy", "the server is a replica, not a master"),
        ),
        (&master, ("healthy", "the server is a master")),
    ] {
        let check = ask(redis, "role = 'master'").await;
        assert_eq!(told(&check), expected, "{check:#}");
    }

    master.stop();
    let lost = "unhealthy: the replica lost its master ";
    becomes(lost, " s ago (unhealthy above 4 s)").await;
    let check = ask(&replica, "role = 'replica'").await;
    assert_eq!(check["status"], "degraded", "{check:#}");
    master.restart().await;
    becomes(connected, " s ago").await;
}

#[tokio::test]
async fn tls_verifies_the_server_if_configured() {
    let redis = Redis::start_tls().await;
    let roots = format!("tls.roots = ['{}']\n", redis.root().display());
    let untrusted =
        "unhealthy: cannot start TLS with <redis>: the certificate of 127.0.0.1 is not trusted: ";
    for (roots, tls, expected) in [
        (roots.as_str(), "tls = 'verify-full'", ANSWERED),
        ("", "tls = 'verify-full'", untrusted),
        ("", "tls = 'require'", ANSWERED),
        ("", "", "unhealthy: PING failed: "),
    ] {
        let lines = format!("{roots}{}", config(redis.address(), tls));
        let check = watch(guests::REDIS, &lines).await;
        assert!(
            shown(&check, redis.address()).starts_with(expected),
            "{check:#}"
        );
    }
}

#[tokio::test]
async fn a_cluster_without_slots_has_failed() {
    let redis = Redis::start(&["--cluster-enabled", "yes"]).await;
    let check = ask(&redis, "cluster = true").await;
    let expected = "unhealthy: the state of the cluster is fail";
    assert_eq!(shown(&check, redis.address()), expected, "{check:#}");
    let alone = Redis::start(&[]).await;
    let check = ask(&alone, "cluster = true").await;
    let shown = shown(&check, alone.address());
    assert!(
        shown.starts_with("unhealthy: CLUSTER INFO failed: "),
        "{check:#}"
    );
}
