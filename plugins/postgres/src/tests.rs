//! The whole check against servers that follow a script.

mod login;

use vitals_sdk::testing::{Peer, World};

use super::*;

/// Makes a message of the server.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// Makes a request for authentication.
fn authentication(kind: u32, data: &[u8]) -> Vec<u8> {
    message(b'R', &[&kind.to_be_bytes()[..], data].concat())
}

fn refusal(code: &str, text: &str) -> Vec<u8> {
    message(b'E', format!("SFATAL\0C{code}\0M{text}\0\0").as_bytes())
}

/// Makes the result of a statement: one row with these columns.
fn row(columns: &[&str]) -> Vec<u8> {
    let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
    for column in columns {
        if *column == "NULL" {
            body.extend([0xff; 4]);
        } else {
            body.extend(u32::try_from(column.len()).unwrap().to_be_bytes());
            body.extend(column.as_bytes());
        }
    }
    let before = [message(b'1', b""), message(b'2', b"")].concat();
    [
        before,
        message(b'D', &body),
        message(b'C', b"SELECT 1\0"),
        ready(),
    ]
    .concat()
}

fn says(text: &'static str) -> impl FnMut(&[u8]) -> bool + Send + 'static {
    move |heard| {
        heard
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }
}

/// A server that accepts every login and returns these results in order.
fn server(answers: &[Vec<u8>]) -> Peer {
    let parameters = [
        message(b'S', b"in_hot_standby\0off\0"),
        message(b'K', &[0; 8]),
    ]
    .concat();
    let welcome = [authentication(0, b""), parameters, ready()].concat();
    let begun = [message(b'C', b"BEGIN\0"), message(b'C', b"SET\0"), ready()].concat();
    let peer = Peer::new()
        .expects_where(says("client_encoding"))
        .sends(welcome);
    let peer = peer.expects_where(says("BEGIN READ ONLY")).sends(begun);
    answers
        .iter()
        .fold(peer, |peer, answer| {
            peer.expects_where(says("S\0\0\0\x04"))
                .sends(answer.clone())
        })
        .expects(message(b'X', b""))
}

/// Returns what the host would show of a check of the server in this world.
fn outcome_in(world: &World, mut settings: Value) -> Outcome {
    settings["address"] = "db:5432".into();
    settings["user"] = "vitals".into();
    settings["password"] = "correct-horse".into();
    let outcome = world.outcome(|| check(Settings::read(settings).unwrap()));
    assert!(!format!("{outcome:?}").contains("correct-horse"));
    outcome
}

/// Returns the same, and the world in which this is the server.
fn outcome(peer: Peer, settings: Value) -> (World, Outcome) {
    let world = World::new();
    world.tls("db:5432").responds(peer);
    let outcome = outcome_in(&world, settings);
    (world, outcome)
}

fn shown(outcome: &Outcome) -> String {
    format!("{}: {}", outcome.status(), outcome.message())
}

/// Returns status and message of a check of this server.
fn shown_of(peer: Peer, settings: Value) -> String {
    shown(&outcome(peer, settings).1)
}

/// A server that has received the login and does nothing yet.
fn greeted() -> Peer {
    Peer::new().expects_where(says("vitals"))
}

/// Returns what the server received.
fn heard(world: &World) -> String {
    String::from_utf8_lossy(&world.received("db:5432")[0]).into_owned()
}

const GARBAGE: &str = "unhealthy: cannot log in as vitals: the response of db:5432 is not the PostgreSQL protocol: check the port";

#[test]
fn a_query_runs_in_a_read_only_transaction_with_a_timeout() {
    let query = json!({ "query": "SELECT 7, 8" });
    let (world, outcome) = outcome(server(&[row(&["7", "8"])]), query);
    assert_eq!(shown(&outcome), "healthy: the query returned 7");
    assert_eq!(outcome.detail_of("value"), Some(&json!("7")));
    let heard = heard(&world);
    let login = "user\0vitals\0database\0vitals\0";
    assert!(heard.contains(login), "{heard}");
    // Of 5 s, less the time reserved for the outcome and for the server's error.
    let begin = "BEGIN READ ONLY; SET LOCAL statement_timeout = 4410\0";
    assert!(heard.contains(begin), "{heard}");
    assert!(!heard.contains("correct-horse"));
}

#[test]
fn values_are_judged_by_bounds_and_expected_value() {
    for (answer, settings, expected) in [
        (
            "11",
            json!({ "value_degraded_above": 10 }),
            "degraded: the query returned 11 (degraded above 10)",
        ),
        (
            "10",
            json!({ "value_degraded_above": 10 }),
            "healthy: the query returned 10",
        ),
        (
            "0.5",
            json!({ "value_unhealthy_below": 2 }),
            "unhealthy: the query returned 0.5 (unhealthy below 2)",
        ),
        (
            "NaN",
            json!({ "value_unhealthy_below": 2 }),
            "unhealthy: the query returned NaN, which is not a number",
        ),
        (
            "NULL",
            json!({ "value_unhealthy_below": 2 }),
            "unhealthy: the query returned NULL, which is not a number",
        ),
        ("NULL", json!({}), "healthy: the query returned NULL"),
        (
            "NULL",
            json!({ "expect": "NULL" }),
            "unhealthy: the query returned NULL, expected NULL",
        ),
        (
            "f",
            json!({ "expect": "t" }),
            "unhealthy: the query returned f, expected t",
        ),
        (
            "t",
            json!({ "expect": "t" }),
            "healthy: the query returned t",
        ),
    ] {
        assert_eq!(shown_of(server(&[row(&[answer])]), settings), expected);
    }
    let (_, measured) = outcome(
        server(&[row(&["12"])]),
        json!({ "value_degraded_above": 10 }),
    );
    let value = &measured.measurements()[0];
    assert_eq!((value.name(), value.value()), ("value", 12.0));
    assert_eq!(value.degraded_at(), Some(Bound::Above(10.0)));
    assert_eq!(
        shown_of(
            Peer::new(),
            json!({ "value_degraded_above": 1, "value_degraded_below": 1 }),
        ),
        "unhealthy: `value_degraded_above` and `value_degraded_below` cannot both be set: remove one"
    );
}

#[test]
fn role_lag_and_connections_are_judged() {
    let state = |lag: &str, streams: &str| row(&["t", lag, streams, "30", "100"]);
    let lags = || json!({ "lag_degraded_above": "10s", "lag_unhealthy_above": "60s" });
    for (states, settings, expected) in [
        (
            vec![state("3.5", "t")],
            lags(),
            "healthy: the query returned 1; the server is a standby; the standby is 3.5 s behind",
        ),
        (
            vec![state("33", "t"), state("34", "t")],
            lags(),
            "degraded: the standby is 34 s behind (degraded above 10 s)",
        ),
        (
            vec![state("90", "f"), state("90", "f")],
            lags(),
            "unhealthy: the standby is 90 s behind, not connected to its primary (unhealthy above 60 s)",
        ),
        (
            vec![state("NULL", "f")],
            lags(),
            "degraded: the replication lag is unknown: the standby has replayed nothing since it started, \
             not connected to its primary",
        ),
        (
            vec![state("0", "t")],
            json!({ "role": "primary" }),
            "unhealthy: the server is a standby, not a primary",
        ),
        (
            vec![state("0", "t")],
            json!({ "connections_unhealthy_above": 0.2 }),
            "unhealthy: 30 % of 100 connections are in use (unhealthy above 20 %)",
        ),
        (
            vec![row(&["maybe", "NULL", "f", "3", "100"])],
            json!({ "role": "primary" }),
            "unhealthy: the server's state lacks the columns of PostgreSQL",
        ),
    ] {
        let answers = [vec![row(&["1"])], states].concat();
        let (_, outcome) = outcome(server(&answers), settings);
        assert_eq!(shown(&outcome), expected);
        let is_standby = outcome.detail_of("role") == Some(&json!("standby"));
        assert_eq!(is_standby, !expected.contains("columns"));
    }
}

#[test]
fn a_lagging_standby_is_queried_again() {
    let state = |lag: &str| row(&["t", lag, "t", "3", "100"]);
    let answers = [row(&["1"]), state("7200"), state("0")];
    let (world, caught_up) = outcome(server(&answers), json!({ "lag_degraded_above": "10s" }));
    assert_eq!(caught_up.status(), Status::Healthy);
    assert_eq!(world.elapsed(), Duration::from_millis(100));
}

#[test]
fn another_protocol_is_an_error() {
    for bytes in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        message(b'R', &[0; 3]),
        // Lengths that are too short, above the limit and negative.
        b"R\0\0\0\x03".to_vec(),
        b"R\x7f\xff\xff\xff".to_vec(),
        b"Z\xff\xff\xff\xff".to_vec(),
        // An unknown kind of authentication, and messages that are not expected at this point.
        authentication(99, b""),
        authentication(12, b"v=never-begun"),
        row(&["1"]),
    ] {
        assert_eq!(shown_of(greeted().sends(bytes), json!({})), GARBAGE);
    }
    let cut = greeted().sends("R\0\0").closes();
    assert_eq!(
        shown_of(cut, json!({})),
        "unhealthy: cannot log in as vitals: cannot read from db:5432: the peer closed the connection"
    );
}

#[test]
fn an_endless_server_ends_at_the_deadline() {
    let text = "unhealthy: cannot log in as vitals: cannot read from db:5432: ";
    let silent = format!("{text}timed out after 4s 900ms");
    assert_eq!(shown_of(greeted(), json!({})), silent);
    // A multiple of the length of one piece of the flood.
    let notices = greeted().floods(message(b'N', b"\0\0\0"));
    let shown = shown_of(notices, json!({}));
    assert!(shown.starts_with(text), "{shown}");
}

#[test]
fn server_errors_are_explained_and_truncated() {
    for (code, text, expected) in [
        (
            "57P03",
            "the database system is starting up",
            "the server is not ready: the database system is starting up",
        ),
        (
            "53300",
            "sorry, too many clients already",
            "the server has too many connections: sorry, too many clients already",
        ),
        ("XX000", "oh", "oh (SQLSTATE XX000)"),
        ("0123456789", "oh", "oh (SQLSTATE 01234…)"),
    ] {
        let peer = greeted().sends(refusal(code, text)).closes();
        let expected = format!("unhealthy: cannot log in as vitals: {expected}");
        assert_eq!(shown_of(peer, json!({})), expected);
    }
    let long = refusal("XX000", &"x".repeat(100_000));
    let shown = shown_of(server(&[long]).expects_end(), json!({}));
    assert!(shown.len() < 400, "{shown}");
    assert!(shown.starts_with("unhealthy: the query failed: xxx"));
}

#[test]
fn a_row_that_is_too_large_is_named() {
    let large = row(&[&"x".repeat(300 << 10)]);
    assert_eq!(
        shown_of(server(&[large]), json!({})),
        "unhealthy: the query failed: the first row has 300 KiB, more than 256 KiB: select less"
    );
}

#[test]
fn the_console_of_pgbouncer_can_be_asked() {
    let columns = message(b'T', b"\0\0");
    let pools = [columns, row(&["shop", "7"])[10..].to_vec()].concat();
    let console = || {
        let welcome = [authentication(0, b""), ready()].concat();
        Peer::new()
            .expects_where(says("client_encoding"))
            .sends(welcome)
            .expects(message(b'Q', b"show pools\0"))
            .sends(pools.clone())
            .expects(message(b'X', b""))
    };
    let settings = |query: &str| json!({ "console": true, "query": query });
    assert_eq!(
        shown_of(console(), settings("show pools")),
        "healthy: the query returned shop"
    );
    for query in ["SHUTDOWN", "SHOW POOLS; PAUSE", "show", ""] {
        let text =
            "unhealthy: with `console` the query must be one statement that begins with `SHOW`";
        assert_eq!(shown_of(Peer::new(), settings(query)), text);
    }
    let role = json!({ "console": true, "query": "SHOW POOLS", "role": "primary" });
    let shown = shown_of(Peer::new(), role);
    assert!(
        shown.starts_with("unhealthy: the console knows neither role"),
        "{shown}"
    );
}

#[test]
fn the_connection_is_made_as_it_is_set() {
    use vitals_sdk::net::{ConnectOptions, Family};

    let (world, _) = outcome(Peer::refuses(), json!({ "family": "ipv6", "proxy": "dmz" }));
    let options = ConnectOptions::new().family(Family::Ipv6).proxy("dmz");
    assert_eq!(world.connect_options("db:5432"), [options]);
}
