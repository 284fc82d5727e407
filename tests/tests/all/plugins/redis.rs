//! The plugin `redis` on a Redis of the distribution, stopped, frozen and replicated.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vitals_tests::servers::Redis;
use vitals_tests::{Authority, Reply, Target, TestHost, guests};

use super::{measured, number, told, watch, watching};

/// The settings of a check; those in `others` besides, a table of TOML without its braces.
fn config(address: SocketAddr, others: &str) -> String {
    format!("config = {{ address = '{address}', {others} }}\n")
}

async fn ask(redis: &Redis, others: &str) -> Value {
    watch(guests::REDIS, &config(redis.address(), others)).await
}

fn assert_told(check: &Value, status: &str, message: &str) {
    assert_eq!(told(check), (status, message), "{check:#}");
}

#[tokio::test]
async fn a_server_is_seen_to_go_and_come_back() {
    let mut redis = Redis::start(&[]).await;
    let address = redis.address();
    let keys = format!(
        "interval = '2s'\ntimeout = '2s'\n{}",
        config(address, "database = 3")
    );
    let host = watching(guests::REDIS, &keys).await;
    let answers = format!("redis {address} answered PING");
    let is_there = |check: &Value| told(check) == ("healthy", &answers);
    let check = host
        .eventually_check("watched", "it is there", is_there)
        .await;
    assert!(number(&check, "response_time") > 0.0, "{check:#}");

    redis.stop();
    let message = format!("cannot connect to {address}: connection refused");
    let is_gone = |check: &Value| told(check) == ("unhealthy", &message);
    host.eventually_check("watched", "it is gone", is_gone)
        .await;

    redis.restart().await;
    host.eventually_check("watched", "it is back", is_there)
        .await;
}

#[tokio::test]
async fn who_may_not_log_in_hears_why_and_nobody_hears_a_password() {
    let redis = Redis::start(&["--requirepass", "correct-horse"]).await;
    let address = redis.address();
    let admin = |words: &[&str]| {
        redis.say(&[&["--no-auth-warning", "-a", "correct-horse"], words].concat())
    };
    admin(&["ACL", "SETUSER", "pinger", "on", ">correct-horse", "+ping"]);
    let cases = [
        (
            "none",
            "",
            "unhealthy",
            "PING failed: the server requires a password: Authentication required.",
        ),
        (
            "wrong",
            "password = 'secret-1'",
            "unhealthy",
            "cannot log in: the server rejects the login: invalid username-password pair or user is disabled.",
        ),
        (
            "nobody",
            "user = 'nobody', password = 'correct-horse'",
            "unhealthy",
            "cannot log in: the server rejects the login: invalid username-password pair or user is disabled.",
        ),
        (
            "half",
            "user = 'pinger'",
            "unhealthy",
            "`user` requires a `password`",
        ),
        (
            "default",
            "password = 'correct-horse'",
            "healthy",
            &format!("redis {address} answered PING"),
        ),
        (
            "pinger",
            "user = 'pinger', password = 'correct-horse'",
            "healthy",
            &format!("redis {address} answered PING"),
        ),
        (
            "curious",
            "user = 'pinger', password = 'correct-horse', role = 'master'",
            "unhealthy",
            "INFO failed: the user lacks the permission: this user has no permissions to run the 'info' command",
        ),
        (
            "far",
            "password = 'correct-horse', database = 99",
            "unhealthy",
            "cannot select database 99: the server returned ERR: DB index is out of range",
        ),
    ];
    let mut builder = TestHost::builder().library("plugin", guests::REDIS);
    for (name, others, ..) in &cases {
        let table = format!("[checks.{name}]\nplugin = 'plugin'\ntimeout = '10s'\n");
        builder = builder.config(&(table + &config(address, others)));
    }
    let host = builder.start().await;
    for (name, _, status, message) in cases {
        let check = host.check(name).await;
        assert_told(&check, status, message);
        let shown = check.to_string();
        assert!(
            !shown.contains("correct-horse") && !shown.contains("secret-1"),
            "{check:#}"
        );
    }
}

#[tokio::test]
async fn memory_and_clients_are_judged_by_their_share() {
    let redis = Redis::start(&["--maxmemory", "8mb", "--maxclients", "20"]).await;
    let check = ask(
        &redis,
        "memory_degraded_above = 0.9, memory_unhealthy_above = 1, clients_degraded_above = 0.5",
    )
    .await;
    let (status, message) = told(&check);
    assert_eq!(status, "healthy", "{check:#}");
    assert!(
        message.starts_with("the server is a master; ")
            && message.contains(" of the memory is in use, ")
            && message.ends_with(" of 8 MiB; 5 % of 20 clients are connected"),
        "{message}"
    );
    assert_eq!(check["details"]["role"], "master", "{check:#}");
    let used = measured(&check, "memory_used");
    assert_eq!(
        (&used["degraded_at"], &used["unhealthy_at"]),
        (&json!({ "above": 0.9 }), &json!({ "above": 1.0 })),
        "{check:#}"
    );
    redis.say(&["SETRANGE", "large", "5000000", "x"]);
    let check = ask(
        &redis,
        "memory_degraded_above = 0.5, clients_unhealthy_above = 0.01",
    )
    .await;
    let (status, message) = told(&check);
    assert_eq!(status, "unhealthy", "{check:#}");
    assert!(
        message.starts_with("5 % of 20 clients are connected (unhealthy above 1 %); ")
            && message.contains(" of the memory is in use (degraded above 50 %), "),
        "{message}"
    );
}

#[tokio::test]
async fn a_server_that_can_not_save_says_so() {
    let redis = Redis::start(&[]).await;
    // A directory stands where the file should.
    std::fs::create_dir(redis.directory().join("dump.rdb")).expect("it is free");
    let check = ask(&redis, "saves = true").await;
    assert_told(&check, "healthy", "the server is a master");
    redis.say(&["SAVE"]);
    redis.say(&["BGSAVE"]);
    let keys = format!(
        "interval = '2s'\ntimeout = '2s'\n{}",
        config(redis.address(), "saves = true")
    );
    let host = watching(guests::REDIS, &keys).await;
    let has_failed = |check: &Value| told(check) == ("degraded", "the last save failed: RDB");
    host.eventually_check("watched", "the save has failed", has_failed)
        .await;
    // With times for saves, what writes is refused from here on, and PING with it.
    redis.say(&["CONFIG", "SET", "save", "3600 1"]);
    let check = ask(&redis, "").await;
    let (status, message) = told(&check);
    assert_eq!(status, "unhealthy", "{check:#}");
    assert!(
        message.starts_with("PING failed: the server rejects writes because it cannot save: "),
        "{message}"
    );
}

#[tokio::test]
async fn a_replica_says_when_it_has_lost_its_master() {
    let mut master = Redis::start(&[]).await;
    let replica = Redis::replica_of(&master).await;
    let watched = "role = 'replica', lag_unhealthy_above = '4s'";
    let keys = format!(
        "interval = '2s'\ntimeout = '2s'\n{}",
        config(replica.address(), watched)
    );
    let host = watching(guests::REDIS, &keys).await;
    let check = host
        .eventually_check("watched", "it has its master", |check| {
            check["status"] == "healthy"
        })
        .await;
    let message = told(&check).1;
    assert!(
        message.starts_with("the server is a replica; the replica last heard from its master ")
            && message.ends_with(" s ago"),
        "{message}"
    );
    assert_eq!(
        measured(&check, "replication_lag")["unhealthy_at"],
        json!({ "above": 4.0 }),
        "{check:#}"
    );
    assert_told(
        &ask(&replica, "role = 'master'").await,
        "unhealthy",
        "the server is a replica, not a master",
    );
    let check = ask(&master, "role = 'master'").await;
    assert_told(&check, "healthy", "the server is a master");

    master.stop();
    let is_far = |check: &Value| {
        let (status, message) = told(check);
        status == "unhealthy"
            && message.starts_with("the replica lost its master ")
            && message.ends_with(" s ago (unhealthy above 4 s)")
    };
    host.eventually_check("watched", "it has no master", is_far)
        .await;
    let check = ask(&replica, "role = 'replica'").await;
    assert_eq!(check["status"], "degraded", "{check:#}");
    master.restart().await;
    host.eventually_check("watched", "it has it back", |check| {
        check["status"] == "healthy"
    })
    .await;
}

#[tokio::test]
async fn over_tls_the_server_has_to_be_the_one_that_is_meant() {
    let authority = Authority::new("Redis's Root");
    let redis = Redis::start_tls(&authority.identity(&["127.0.0.1"], |_| {})).await;
    let address = redis.address();
    let builder = TestHost::builder().library("plugin", guests::REDIS);
    let roots = builder.place().write("roots.pem", authority.pem());
    let roots = format!("tls.roots = ['{}']\n", roots.display());
    let mut builder = builder;
    for (name, tls, roots) in [
        ("trusted", "tls = 'verify-full'", roots.as_str()),
        ("foreign", "tls = 'verify-full'", ""),
        ("any", "tls = 'require'", ""),
        ("plain", "", ""),
    ] {
        let table = format!("[checks.{name}]\nplugin = 'plugin'\ntimeout = '10s'\n{roots}");
        builder = builder.config(&(table + &config(address, tls)));
    }
    let host = builder.start().await;
    for name in ["trusted", "any"] {
        assert_told(
            &host.check(name).await,
            "healthy",
            &format!("redis {address} answered PING"),
        );
    }
    let check = host.check("foreign").await;
    let (status, message) = told(&check);
    let expected =
        format!("cannot start TLS with {address}: the certificate of 127.0.0.1 is not trusted: ");
    assert!(
        status == "unhealthy" && message.starts_with(&expected),
        "{check:#}"
    );
    let check = host.check("plain").await;
    let (status, message) = told(&check);
    assert!(
        status == "unhealthy" && message.starts_with("PING failed: "),
        "{check:#}"
    );
}

#[tokio::test]
async fn who_does_not_answer_is_waited_for_no_longer_than_the_run() {
    let redis = Redis::start(&[]).await;
    let address = redis.address();
    redis.freeze();
    let quick = format!("timeout = '1s'\n{}", config(address, ""));
    let check = watching(guests::REDIS, &quick).await.check("watched").await;
    let (status, message) = told(&check);
    let expected = format!("PING failed: cannot read from {address}: timed out after ");
    assert!(
        status == "unhealthy" && message.starts_with(&expected),
        "{check:#}"
    );
    redis.thaw();
    let check = ask(&redis, "").await;
    assert_told(&check, "healthy", &format!("redis {address} answered PING"));
}

#[tokio::test]
async fn what_is_no_redis_is_told_so() {
    for bytes in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "+OK\r\n",
        "*1\r\n:x\r\n",
        ":x\r\n",
    ] {
        let target = Target::start(Reply::Bytes(bytes.as_bytes().to_vec()));
        let address = target.address();
        let check = watch(guests::REDIS, &config(address, "")).await;
        let (status, message) = told(&check);
        let expected =
            format!("the response of {address} is not the Redis protocol: check the port");
        assert!(
            status == "unhealthy" && message.ends_with(&expected),
            "{check:#}"
        );
    }
}
