//! The plugin `postgres` on a PostgreSQL of the distribution, stopped, frozen and replicated.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vitals_tests::servers::Postgres;
use vitals_tests::{Reply, Target, TestHost, guests};

use super::{measured, number, told, watch, watching};

/// The settings of a check that logs in as a user; those in `others` besides, a table of TOML without its braces.
fn config(address: SocketAddr, user: &str, others: &str) -> String {
    let password = Postgres::PASSWORD;
    format!(
        "config = {{ address = '{address}', user = '{user}', password = '{password}', {others} }}\n"
    )
}

/// Runs a check as `vitals`.
async fn ask(postgres: &Postgres, others: &str) -> Value {
    watch(
        guests::POSTGRES,
        &config(postgres.address(), "vitals", others),
    )
    .await
}

fn assert_told(check: &Value, status: &str, message: &str) {
    assert_eq!(told(check), (status, message), "{check:#}");
}

/// Nothing that is shown holds the password.
fn assert_secret(check: &Value) {
    assert!(!check.to_string().contains(Postgres::PASSWORD), "{check:#}");
}

#[tokio::test]
async fn a_server_is_seen_to_go_and_come_back() {
    let mut postgres = Postgres::start().await;
    let address = postgres.address();
    let keys = format!(
        "interval = '2s'\ntimeout = '2s'\n{}",
        config(address, "vitals", "")
    );
    let host = watching(guests::POSTGRES, &keys).await;
    let is = |status: &'static str| move |check: &Value| check["status"] == status;
    let check = host
        .eventually_check("watched", "it is there", is("healthy"))
        .await;
    assert_told(&check, "healthy", "the query returned 1");
    assert_eq!(check["details"]["value"], "1", "{check:#}");
    assert!(number(&check, "response_time") > 0.0, "{check:#}");
    assert_secret(&check);

    postgres.stop();
    let message = format!("cannot connect to {address}: connection refused");
    let is_gone = |check: &Value| told(check) == ("unhealthy", &message);
    host.eventually_check("watched", "it is gone", is_gone)
        .await;

    postgres.restart().await;
    let check = host
        .eventually_check("watched", "it is back", is("healthy"))
        .await;
    assert_told(&check, "healthy", "the query returned 1");
}

#[tokio::test]
async fn who_may_not_log_in_hears_why_and_nobody_hears_a_password() {
    let postgres = Postgres::start().await;
    postgres.sql("ALTER ROLE hashed CONNECTION LIMIT 0");
    let address = postgres.address();
    let config = |settings: &str| format!("{{ address = '{address}', {settings} }}");
    let cases = [
        (
            "wrong",
            config("user = 'vitals', password = 'secret-1'"),
            "cannot log in as vitals: the server rejects the login: password authentication failed for user \"vitals\"",
        ),
        (
            "none",
            config("user = 'vitals'"),
            "cannot log in as vitals: the server requires a password: set `password`",
        ),
        (
            "nobody",
            config("user = 'nobody', password = 'secret-1'"),
            "cannot log in as nobody: the server rejects the login: password authentication failed for user \"nobody\"",
        ),
        (
            "nowhere",
            config("user = 'vitals', password = 'correct-horse', database = 'nowhere'"),
            "cannot log in as vitals: database \"nowhere\" does not exist (SQLSTATE 3D000)",
        ),
        (
            "many",
            config("user = 'hashed', password = 'correct-horse'"),
            "cannot log in as hashed: the server has too many connections: too many connections for role \"hashed\"",
        ),
        (
            "clear",
            config("user = 'clear', password = 'correct-horse'"),
            "cannot log in as clear: the server requests a cleartext password, which is sent only with `tls = \
             \"verify-full\"`",
        ),
        (
            "insecure",
            config("user = 'secured', password = 'correct-horse'"),
            "cannot log in as secured: the server rejects the login: pg_hba.conf rejects connection for host \
             \"127.0.0.1\", user \"secured\", database \"secured\", no encryption",
        ),
    ];
    let mut builder = TestHost::builder().library("plugin", guests::POSTGRES);
    for (name, config, _) in &cases {
        let table =
            format!("[checks.{name}]\nplugin = 'plugin'\ntimeout = '10s'\nconfig = {config}");
        builder = builder.config(&table);
    }
    let host = builder.start().await;
    for (name, _, message) in cases {
        let check = host.check(name).await;
        assert_told(&check, "unhealthy", message);
        assert!(!check.to_string().contains("secret-1"), "{check:#}");
        assert_secret(&check);
    }
    postgres.sql("ALTER ROLE hashed CONNECTION LIMIT -1");
    let check = watch(guests::POSTGRES, &self::config(address, "hashed", "")).await;
    assert_told(&check, "healthy", "the query returned 1");
}

#[tokio::test]
async fn over_tls_the_server_has_to_be_the_one_that_is_meant() {
    let postgres = Postgres::start().await;
    let address = postgres.address();
    let builder = TestHost::builder().library("plugin", guests::POSTGRES);
    let roots = builder.place().write("roots.pem", postgres.authority());
    let mut builder = builder;
    for (name, user, mode, roots) in [
        ("trusted", "clear", "verify-full", Some(&roots)),
        ("secured", "secured", "verify-full", Some(&roots)),
        ("foreign", "vitals", "verify-full", None),
        ("any", "secured", "require", None),
        ("clear", "clear", "require", None),
    ] {
        let config = config(address, user, &format!("tls = '{mode}'"));
        let roots = roots.map(|file| format!("tls.roots = ['{}']\n", file.display()));
        builder = builder.config(&format!(
            "[checks.{name}]\nplugin = 'plugin'\ntimeout = '10s'\n{}{config}",
            roots.unwrap_or_default()
        ));
    }
    let host = builder.start().await;
    for name in ["trusted", "secured", "any"] {
        let check = host.check(name).await;
        assert_told(&check, "healthy", "the query returned 1");
        assert_secret(&check);
    }
    let check = host.check("foreign").await;
    let (status, message) = told(&check);
    let expected =
        format!("cannot start TLS with {address}: the certificate of 127.0.0.1 is not trusted: ");
    assert!(
        status == "unhealthy" && message.starts_with(&expected),
        "{check:#}"
    );
    let check = host.check("clear").await;
    assert!(
        told(&check).1.contains("requests a cleartext password"),
        "{check:#}"
    );
    assert_secret(&check);
}

#[tokio::test]
async fn a_query_is_judged_by_its_first_value_and_can_only_read() {
    let postgres = Postgres::start().await;
    for (others, status, message) in [
        (
            "query = 'SELECT 12 AS jobs, 99 UNION ALL SELECT 13, 99', value_degraded_above = 10, \
             value_unhealthy_above = 100",
            "degraded",
            "the query returned 12 (degraded above 10)",
        ),
        (
            "query = 'SELECT 0.5', value_unhealthy_below = 1",
            "unhealthy",
            "the query returned 0.5 (unhealthy below 1)",
        ),
        (
            "query = 'SELECT true', expect = 't'",
            "healthy",
            "the query returned t",
        ),
        (
            "query = 'SELECT false', expect = 't'",
            "unhealthy",
            "the query returned f, expected t",
        ),
        (
            "query = 'SELECT 1 WHERE false', value_unhealthy_below = 1",
            "unhealthy",
            "the query returned no rows, which is not a number",
        ),
        (
            "query = 'SELECT NULL'",
            "healthy",
            "the query returned NULL",
        ),
        (
            "query = 'SELECT secret_column FROM pg_class'",
            "unhealthy",
            "the query failed: column \"secret_column\" does not exist (SQLSTATE 42703)",
        ),
        (
            "query = 'CREATE TABLE mine ()'",
            "unhealthy",
            "the query failed: only read-only statements are allowed: cannot execute CREATE TABLE in a read-only transaction",
        ),
        (
            "query = 'COMMIT; CREATE TABLE mine ()'",
            "unhealthy",
            "the query failed: cannot insert multiple commands into a prepared statement (SQLSTATE 42601)",
        ),
        (
            "query = 'COPY pg_class TO STDOUT'",
            "unhealthy",
            "the query failed: COPY is not supported: use a statement that returns rows",
        ),
        (
            "query = 'SELECT * FROM pg_authid'",
            "unhealthy",
            "the query failed: the user lacks the permission: permission denied for table pg_authid",
        ),
    ] {
        let check = ask(&postgres, others).await;
        assert_told(&check, status, message);
        assert!(
            !check["details"].to_string().contains("SELECT"),
            "{check:#}"
        );
    }
    let check = ask(&postgres, "query = 'SELECT 12', value_degraded_above = 10").await;
    let value = measured(&check, "value");
    assert_eq!(value["value"], 12.0, "{check:#}");
    assert_eq!(value["degraded_at"], json!({ "above": 10.0 }), "{check:#}");

    // More than fits into the memory of a run: one row of it is asked for.
    let check = ask(&postgres, "query = 'SELECT generate_series(1, 100000000)'").await;
    assert_told(&check, "healthy", "the query returned 1");
}

#[tokio::test]
async fn what_takes_too_long_is_ended_and_says_where_it_waited() {
    let postgres = Postgres::start().await;
    let address = postgres.address();
    let sleepy = format!(
        "timeout = '1s'\n{}",
        config(address, "vitals", "query = 'SELECT pg_sleep(60)'")
    );
    let check = watching(guests::POSTGRES, &sleepy)
        .await
        .check("watched")
        .await;
    assert_told(
        &check,
        "unhealthy",
        "the query failed: the statement exceeded its time limit: canceling statement due to statement \
         timeout",
    );

    postgres.freeze();
    let quick = format!("timeout = '1s'\n{}", config(address, "vitals", ""));
    let check = watching(guests::POSTGRES, &quick)
        .await
        .check("watched")
        .await;
    assert_eq!(check["status"], "unhealthy", "{check:#}");
    let expected = format!("cannot log in as vitals: cannot read from {address}: timed out after ");
    assert!(told(&check).1.starts_with(&expected), "{check:#}");
    postgres.thaw();
    let check = watching(guests::POSTGRES, &config(address, "vitals", ""))
        .await
        .check("watched")
        .await;
    assert_told(&check, "healthy", "the query returned 1");
}

#[tokio::test]
async fn what_is_no_postgresql_is_told_so() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"R\0\0\0\x08\0\0\0\x63",
        b"Z\xff\xff\xff\xff",
        b"+OK\r\n+OK\r\n",
    ] {
        let target = Target::start(Reply::Bytes(bytes.to_vec()));
        let address = target.address();
        let check = watch(guests::POSTGRES, &config(address, "vitals", "")).await;
        let message = format!(
            "cannot log in as vitals: the response of {address} is not the PostgreSQL protocol: check the port"
        );
        assert_told(&check, "unhealthy", &message);
    }
    let target = Target::start(Reply::Bytes(b"N".to_vec()));
    let address = target.address();
    let check = watch(
        guests::POSTGRES,
        &config(address, "vitals", "tls = 'require'"),
    )
    .await;
    let message = format!(
        "the server at {address} does not support TLS: set `tls = \"disable\"` to connect without it"
    );
    assert_told(&check, "unhealthy", &message);
}

#[tokio::test]
async fn a_standby_says_how_far_it_is_behind() {
    let primary = Postgres::start().await;
    primary.sql("CREATE TABLE written (n int)");
    let standby = primary.standby().await;

    let check = ask(
        &primary,
        "role = 'primary', connections_degraded_above = 0.9",
    )
    .await;
    let (status, message) = told(&check);
    assert_eq!(status, "healthy", "{check:#}");
    assert!(
        message.starts_with("the query returned 1; the server is a primary; ")
            && message.ends_with(" % of 20 connections are in use"),
        "{message}"
    );
    let used = number(&check, "connections_used");
    assert!(used > 0.0 && used < 0.9, "{check:#}");
    let check = ask(&primary, "connections_unhealthy_above = 0").await;
    let (status, message) = told(&check);
    assert_eq!(status, "unhealthy", "{check:#}");
    assert!(
        message.ends_with(" of 20 connections are in use (unhealthy above 0 %)"),
        "{message}"
    );
    let check = ask(&primary, "role = 'standby'").await;
    assert_told(
        &check,
        "unhealthy",
        "the server is a primary, not a standby",
    );

    let watched = "role = 'standby', lag_degraded_above = '1s', lag_unhealthy_above = '1h'";
    let keys = format!(
        "interval = '2s'\ntimeout = '2s'\n{}",
        config(standby.address(), "vitals", watched)
    );
    let host = watching(guests::POSTGRES, &keys).await;
    let caught_up = |check: &Value| {
        check["message"]
            == "the query returned 1; the server is a standby; the standby is 0 s behind"
    };
    host.eventually_check("watched", "it has caught up", caught_up)
        .await;

    // Before it has replayed a transaction nobody knows how far it is behind.
    let pause = || standby.sql("SELECT pg_wal_replay_pause()");
    let resume = || standby.sql("SELECT pg_wal_replay_resume()");
    pause();
    primary.sql("INSERT INTO written VALUES (1)");
    let unknown =
        "the replication lag is unknown: the standby has replayed nothing since it started";
    let is_unknown = |check: &Value| told(check) == ("degraded", unknown);
    host.eventually_check("watched", "it is behind", is_unknown)
        .await;
    resume();
    host.eventually_check("watched", "it has caught up", caught_up)
        .await;
    pause();
    primary.sql("INSERT INTO written VALUES (2)");
    let check = host
        .eventually_check("watched", "it is behind", |check| {
            check["status"] == "degraded"
        })
        .await;
    let message = told(&check).1;
    assert!(
        message.starts_with("the standby is ")
            && message.ends_with(" s behind (degraded above 1 s)"),
        "{message}"
    );
    assert!(number(&check, "replication_lag") > 1.0, "{check:#}");
    let bound = &measured(&check, "replication_lag")["unhealthy_at"];
    assert_eq!(*bound, json!({ "above": 3600.0 }), "{check:#}");
    resume();
    host.eventually_check("watched", "it has caught up again", caught_up)
        .await;
}
