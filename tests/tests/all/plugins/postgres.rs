//! The plugin `postgres` on a real PostgreSQL: logins, TLS, statements, limits and replication.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vitals_tests::guests;
use vitals_tests::servers::Postgres;

use super::{measured, number, told, watch, watching};

/// The settings of a check of this address, with further ones in TOML.
fn config(address: SocketAddr, settings: &str) -> String {
    format!("config = {{ address = '{address}', {settings} }}\n")
}

/// The same for a check that logs in as this user.
fn config_of(user: &str, address: SocketAddr, settings: &str) -> String {
    let password = Postgres::PASSWORD;
    let login = format!("user = '{user}', password = '{password}', {settings}");
    config(address, &login)
}

/// The same for the user `vitals`, every two seconds.
fn repeated(address: SocketAddr, settings: &str) -> String {
    let config = config_of("vitals", address, settings);
    format!("interval = '2s'\ntimeout = '2s'\n{config}")
}

/// Runs a check as `vitals` once.
async fn ask(postgres: &Postgres, settings: &str) -> Value {
    let config = config_of("vitals", postgres.address(), settings);
    watch(guests::POSTGRES, &config).await
}

/// Status and message, with `<db>` for the address. The page of the check has no password.
fn shown(check: &Value, address: SocketAddr) -> String {
    let page = check.to_string();
    assert!(!page.contains(Postgres::PASSWORD), "{page}");
    assert!(!page.contains("secret-1"), "{page}");
    let (status, message) = told(check);
    format!(
        "{status}: {}",
        message.replace(&address.to_string(), "<db>")
    )
}

const RETURNED: &str = "healthy: the query returned 1";

#[tokio::test]
async fn a_server_that_stops_or_freezes_is_unhealthy_until_it_is_back() {
    let mut postgres = Postgres::start().await;
    let address = postgres.address();
    let host = watching(guests::POSTGRES, &repeated(address, "")).await;
    let becomes = async |text: &str| {
        let is_so = |check: &Value| shown(check, address).starts_with(text);
        host.eventually_check("watched", text, is_so).await
    };
    let check = becomes(RETURNED).await;
    assert_eq!(check["details"]["value"], "1", "{check:#}");
    assert!(number(&check, "response_time") > 0.0, "{check:#}");
    postgres.stop();
    becomes("unhealthy: cannot connect to <db>: connection refused").await;
    postgres.restart().await;
    becomes(RETURNED).await;
    postgres.freeze();
    becomes("unhealthy: cannot log in as vitals: cannot read from <db>: timed out after ").await;
    postgres.thaw();
    becomes(RETURNED).await;
}

#[tokio::test]
async fn rejected_logins_are_explained_without_the_password() {
    let postgres = Postgres::start().await;
    for (login, expected) in [
        (
            "user = 'vitals', password = 'secret-1'",
            "cannot log in as vitals: the server rejects the login: password authentication failed for user \"vitals\"",
        ),
        (
            "user = 'vitals'",
            "cannot log in as vitals: the server requires a password: set `password`",
        ),
        (
            "user = 'nobody', password = 'secret-1'",
            "cannot log in as nobody: the server rejects the login: password authentication failed for user \"nobody\"",
        ),
        (
            "user = 'vitals', password = 'correct-horse', database = 'nowhere'",
            "cannot log in as vitals: database \"nowhere\" does not exist (SQLSTATE 3D000)",
        ),
        (
            "user = 'secured', password = 'correct-horse'",
            "cannot log in as secured: the server rejects the login: pg_hba.conf rejects connection for host \
             \"127.0.0.1\", user \"secured\", database \"secured\", no encryption",
        ),
    ] {
        let check = watch(guests::POSTGRES, &config(postgres.address(), login)).await;
        let expected = format!("unhealthy: {expected}");
        assert_eq!(shown(&check, postgres.address()), expected, "{check:#}");
    }
}

#[tokio::test]
async fn each_method_of_authentication_works_over_the_connections_that_allow_it() {
    let postgres = Postgres::start().await;
    let address = postgres.address();
    let roots = format!("tls.roots = ['{}']\n", postgres.root().display());
    let untrusted =
        "unhealthy: cannot start TLS with <db>: the certificate of 127.0.0.1 is not trusted: ";
    let cleartext = "unhealthy: cannot log in as clear: the server requests a cleartext password, ";
    for (user, tls, roots, expected) in [
        ("hashed", "disable", "", RETURNED),
        ("clear", "disable", "", cleartext),
        ("clear", "require", "", cleartext),
        ("clear", "verify-full", &roots, RETURNED),
        ("secured", "require", "", RETURNED),
        ("secured", "verify-full", &roots, RETURNED),
        ("secured", "verify-full", "", untrusted),
    ] {
        let config = config_of(user, address, &format!("tls = '{tls}'"));
        let check = watch(guests::POSTGRES, &format!("{roots}{config}")).await;
        assert!(shown(&check, address).starts_with(expected), "{check:#}");
    }
}

#[tokio::test]
async fn a_query_is_one_read_only_statement_of_which_one_value_is_fetched() {
    let postgres = Postgres::start().await;
    for (query, expected) in [
        (
            "SELECT 12 AS jobs, 99 UNION ALL SELECT 13, 99",
            "degraded: the query returned 12 (degraded above 10)",
        ),
        (
            "SELECT 1 WHERE false",
            "unhealthy: the query returned no rows, which is not a number",
        ),
        // More than the memory of a run can hold.
        ("SELECT generate_series(1, 100000000)", RETURNED),
        (
            "SELECT secret_column FROM pg_class",
            "unhealthy: the query failed: column \"secret_column\" does not exist (SQLSTATE 42703)",
        ),
        (
            "CREATE TABLE mine ()",
            "unhealthy: the query failed: only read-only statements are allowed: cannot execute CREATE TABLE in a \
             read-only transaction",
        ),
        (
            "COMMIT; CREATE TABLE mine ()",
            "unhealthy: the query failed: cannot insert multiple commands into a prepared statement (SQLSTATE 42601)",
        ),
        (
            "COPY pg_class TO STDOUT",
            "unhealthy: the query failed: COPY is not supported: use a statement that returns rows",
        ),
        (
            "SELECT * FROM pg_authid",
            "unhealthy: the query failed: the user lacks the permission: permission denied for table pg_authid",
        ),
    ] {
        let settings = format!("query = '{query}', value_degraded_above = 10");
        let check = ask(&postgres, &settings).await;
        assert_eq!(shown(&check, postgres.address()), expected, "{check:#}");
        let details = check["details"].to_string();
        assert!(!details.contains("SELECT"), "{check:#}");
    }
}

#[tokio::test]
async fn the_server_cancels_a_statement_before_the_run_times_out() {
    let postgres = Postgres::start().await;
    let query = "query = 'SELECT pg_sleep(60)'";
    let host = watching(guests::POSTGRES, &repeated(postgres.address(), query)).await;
    let check = host.check("watched").await;
    assert_eq!(
        told(&check),
        (
            "unhealthy",
            "the query failed: the statement exceeded its time limit: canceling statement due to statement \
             timeout"
        )
    );
}

#[tokio::test]
async fn connections_are_counted_and_the_role_is_compared() {
    let postgres = Postgres::start().await;
    let settings = "role = 'primary', connections_degraded_above = 0.9";
    let check = ask(&postgres, settings).await;
    let (status, message) = told(&check);
    assert!(
        status == "healthy"
            && message.starts_with("the query returned 1; the server is a primary; ")
            && message.ends_with(" % of 20 connections are in use"),
        "{check:#}"
    );
    let used = number(&check, "connections_used");
    assert!(used > 0.0 && used < 0.9, "{check:#}");
    let check = ask(&postgres, "role = 'standby'").await;
    let expected = "the server is a primary, not a standby";
    assert_eq!(told(&check), ("unhealthy", expected), "{check:#}");
}

#[tokio::test]
async fn a_standby_that_does_not_replay_is_degraded_until_it_has_caught_up() {
    let primary = Postgres::start().await;
    primary.sql("CREATE TABLE written (n int)");
    let standby = primary.standby().await;
    let address = standby.address();
    let settings = "role = 'standby', lag_degraded_above = '1s', lag_unhealthy_above = '1h'";
    let host = watching(guests::POSTGRES, &repeated(address, settings)).await;
    let becomes = async |text: &str| {
        let is_so = |check: &Value| shown(check, address).starts_with(text);
        host.eventually_check("watched", text, is_so).await
    };
    let pause = || standby.sql("SELECT pg_wal_replay_pause()");
    let resume = || standby.sql("SELECT pg_wal_replay_resume()");
    let caught_up =
        "healthy: the query returned 1; the server is a standby; the standby is 0 s behind";
    becomes(caught_up).await;

    // The lag is the age of the last replayed transaction, and there is none yet.
    pause();
    primary.sql("INSERT INTO written VALUES (1)");
    becomes("degraded: the replication lag is unknown: the standby has replayed nothing since it started").await;
    resume();
    becomes(caught_up).await;
    pause();
    primary.sql("INSERT INTO written VALUES (2)");
    let check = becomes("degraded: the standby is ").await;
    let message = told(&check).1;
    assert!(
        message.ends_with(" s behind (degraded above 1 s)"),
        "{message}"
    );
    let lag = measured(&check, "replication_lag");
    assert!(lag["value"].as_f64() > Some(1.0), "{check:#}");
    assert_eq!(lag["unhealthy_at"], json!({ "above": 3600.0 }), "{check:#}");
    resume();
    becomes(caught_up).await;
}

#[tokio::test]
async fn a_large_value_is_named_as_one() {
    let postgres = Postgres::start().await;
    let check = ask(&postgres, "query = \"SELECT repeat('x', 300000)\"").await;
    let expected =
        "unhealthy: the query failed: the first row has 293 KiB, more than 256 KiB: select less";
    assert_eq!(shown(&check, postgres.address()), expected, "{check:#}");
}
