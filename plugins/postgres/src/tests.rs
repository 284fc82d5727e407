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

fn settings(others: &Value) -> Settings {
    let mut all = json!({ "address": "db:5432", "user": "vitals", "password": "correct-horse" });
    for (key, value) in others.as_object().unwrap() {
        all[key] = value.clone();
    }
    Settings::read(all).unwrap()
}

/// Returns what the host would show of a check of this server.
fn outcome(peer: Peer, others: &Value) -> (World, Outcome) {
    let world = World::new();
    world.tls("db:5432").responds(peer);
    let outcome = world.outcome(|| check(settings(others)));
    assert!(!outcome.message().contains("correct-horse"));
    (world, outcome)
}

fn outcome_of(peer: Peer, others: &Value) -> (Status, String) {
    let (_, outcome) = outcome(peer, others);
    (outcome.status(), outcome.message().to_owned())
}

fn unhealthy(text: &str) -> (Status, String) {
    (Status::Unhealthy, text.to_owned())
}

const GARBAGE: &str = "cannot log in as vitals: the response of db:5432 is not the PostgreSQL protocol: check the port";

#[test]
fn a_query_runs_in_a_read_only_transaction_with_a_timeout() {
    let (world, outcome) = outcome(
        server(&[row(&["7", "8"])]),
        &json!({ "query": "SELECT 7, 8" }),
    );
    assert_eq!(
        (outcome.status(), outcome.message()),
        (Status::Healthy, "the query returned 7")
    );
    assert_eq!(outcome.detail_of("value"), Some(&json!("7")));
    let heard = String::from_utf8_lossy(&world.received("db:5432")[0]).into_owned();
    assert!(
        heard.contains("user\0vitals\0database\0vitals\0"),
        "{heard}"
    );
    // Of 5 s, less the time reserved for the outcome and for the server's error.
    assert!(
        heard.contains("BEGIN READ ONLY; SET LOCAL statement_timeout = 4410\0"),
        "{heard}"
    );
    assert!(!heard.contains("correct-horse"));
}

#[test]
fn values_are_judged_by_bounds_and_expected_value() {
    for (answer, others, status, text) in [
        (
            "11",
            json!({ "value_degraded_above": 10 }),
            Status::Degraded,
            "the query returned 11 (degraded above 10)",
        ),
        (
            "10",
            json!({ "value_degraded_above": 10 }),
            Status::Healthy,
            "the query returned 10",
        ),
        (
            "1",
            json!({ "value_unhealthy_below": 2 }),
            Status::Unhealthy,
            "the query returned 1 (unhealthy below 2)",
        ),
        (
            "NaN",
            json!({ "value_unhealthy_below": 2 }),
            Status::Unhealthy,
            "the query returned NaN, which is not a number",
        ),
        (
            "NULL",
            json!({ "value_unhealthy_below": 2 }),
            Status::Unhealthy,
            "the query returned NULL, which is not a number",
        ),
        (
            "NULL",
            json!({ "expect": "NULL" }),
            Status::Unhealthy,
            "the query returned NULL, expected NULL",
        ),
        (
            "t",
            json!({ "expect": "t" }),
            Status::Healthy,
            "the query returned t",
        ),
    ] {
        assert_eq!(
            outcome_of(server(&[row(&[answer])]), &others),
            (status, text.to_owned())
        );
    }
    let error = outcome_of(
        Peer::new(),
        &json!({ "value_degraded_above": 1, "value_degraded_below": 1 }),
    );
    let text = "`value_degraded_above` and `value_degraded_below` cannot both be set: remove one";
    assert_eq!(error, unhealthy(text));
}

#[test]
fn a_lagging_standby_is_queried_again() {
    let state = |lag: &str| row(&["t", lag, "t", "3", "100"]);
    let bounds = json!({ "lag_degraded_above": "10s", "lag_unhealthy_above": "60s" });
    let (world, caught_up) = outcome(server(&[row(&["1"]), state("7200"), state("0")]), &bounds);
    assert_eq!(caught_up.status(), Status::Healthy);
    assert_eq!(world.elapsed(), Duration::from_millis(100));
    let behind = outcome_of(server(&[row(&["1"]), state("33"), state("34")]), &bounds);
    assert_eq!(
        behind,
        (
            Status::Degraded,
            "the standby is 34 s behind (degraded above 10 s)".to_owned()
        )
    );
    let near = outcome_of(server(&[row(&["1"]), state("3.5")]), &bounds);
    let text = "the query returned 1; the server is a standby; the standby is 3.5 s behind";
    assert_eq!(near, (Status::Healthy, text.to_owned()));
}

#[test]
fn a_standby_without_its_primary_says_so() {
    let bounds = json!({ "lag_unhealthy_above": "60s" });
    let lost = row(&["t", "90", "f", "3", "100"]);
    let (_, outcome) = outcome(server(&[row(&["1"]), lost.clone(), lost]), &bounds);
    let text = "the standby is 90 s behind, not connected to its primary (unhealthy above 60 s)";
    assert_eq!(
        (outcome.status(), outcome.message()),
        (Status::Unhealthy, text)
    );
    assert_eq!(outcome.detail_of("role"), Some(&json!("standby")));
    let fresh = row(&["t", "NULL", "f", "3", "100"]);
    let (status, text) = outcome_of(server(&[row(&["1"]), fresh]), &bounds);
    assert_eq!(status, Status::Degraded);
    let expected = "the replication lag is unknown: the standby has replayed nothing since it started, \
         not connected to its primary";
    assert_eq!(text, expected);
}

#[test]
fn another_protocol_is_an_error() {
    let strange = row(&["maybe", "NULL", "f", "3", "100"]);
    let (_, text) = outcome_of(
        server(&[row(&["1"]), strange]),
        &json!({ "role": "primary" }),
    );
    assert_eq!(text, "the server's state lacks the columns of PostgreSQL");
    for bytes in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        message(b'R', &[0; 3]),
        // A length that is too short, and one above the limit.
        b"R\0\0\0\x03".to_vec(),
        b"R\x7f\xff\xff\xff".to_vec(),
        // A message that is not expected at this point.
        row(&["1"]),
        authentication(12, b"v=never-begun"),
    ] {
        let peer = Peer::new().expects_where(says("vitals")).sends(bytes);
        assert_eq!(outcome_of(peer, &json!({})), unhealthy(GARBAGE));
    }
    let cut = Peer::new()
        .expects_where(says("vitals"))
        .sends("R\0\0")
        .closes();
    let text = "cannot log in as vitals: cannot read from db:5432: the peer closed the connection";
    assert_eq!(outcome_of(cut, &json!({})), unhealthy(text));
}

#[test]
fn an_endless_server_ends_at_the_deadline() {
    let silent = Peer::new().expects_where(says("vitals"));
    let text = "cannot log in as vitals: cannot read from db:5432: timed out after 4s 900ms";
    assert_eq!(outcome_of(silent, &json!({})), unhealthy(text));
    let notices = Peer::new()
        .expects_where(says("vitals"))
        // A multiple of the length of one piece of the flood.
        .floods(message(b'N', b"\0\0\0"));
    let (status, text) = outcome_of(notices, &json!({}));
    assert!(
        status == Status::Unhealthy
            && text.starts_with("cannot log in as vitals: cannot read from"),
        "{text}"
    );
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
        let peer = Peer::new()
            .expects_where(says("vitals"))
            .sends(refusal(code, text))
            .closes();
        assert_eq!(
            outcome_of(peer, &json!({})),
            unhealthy(&format!("cannot log in as vitals: {expected}"))
        );
    }
    let long = refusal("XX000", &"x".repeat(100_000));
    let (_, text) = outcome_of(server(&[long]).expects_end(), &json!({}));
    assert!(
        text.len() < 400 && text.starts_with("the query failed: xxx"),
        "{text}"
    );
}
