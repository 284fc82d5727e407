use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use super::{Board, CheckFacts, Posting};
use crate::check::{CheckName, Code, Outcome, RunError, RunReport, Status};

fn name(text: &str) -> CheckName {
    text.parse().unwrap()
}

fn facts(critical: bool) -> CheckFacts {
    CheckFacts {
        critical,
        interval_ms: 1000,
        timeout_ms: 500,
        plugin: None,
        grants: Vec::new(),
    }
}

fn posting(outcome: Outcome, stale_at: Option<Instant>) -> Posting {
    Posting {
        status: outcome.status(),
        report: Arc::new(RunReport::answered(outcome, Duration::from_micros(2500))),
        checked_at: "2026-01-27T10:29:58.7Z".parse().unwrap(),
        consecutive_failures: 0,
        next_run: None,
        stale_at,
    }
}

fn page(board: &Board) -> Value {
    let now: Timestamp = "2026-01-27T10:30:00.9Z".parse().unwrap();
    serde_json::from_slice(&board.page(now).body(true)).unwrap()
}

#[test]
fn the_answer_is_as_the_design_writes_it() {
    let board = Board::default();
    board.place(name("module:billing"), facts(true));
    board.place(name("database"), facts(true));
    board.post(
        &name("database"),
        posting(Outcome::healthy("Connection OK"), None),
    );
    let now: Timestamp = "2026-01-27T10:30:00.9Z".parse().unwrap();
    let body = board.page(now).body(true);
    assert_eq!(
        str::from_utf8(&body).unwrap(),
        concat!(
            r#"{"status":"degraded","timestamp":"2026-01-27T10:30:00Z","checks":["#,
            r#"{"name":"database","status":"healthy","message":"Connection OK","latency_ms":2.5,"#,
            r#""details":{},"checked_at":"2026-01-27T10:29:58Z"},"#,
            r#"{"name":"module:billing","status":"unknown","message":"not run yet","#,
            r#""latency_ms":0.0,"details":{},"checked_at":null}]}"#,
        )
    );
}

#[test]
fn the_answer_is_assembled_once_for_a_change_and_once_for_a_second() {
    let board = Board::default();
    board.place(name("a"), facts(true));
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let first = board.page(at("2026-01-27T10:30:00.1Z"));
    assert!(Arc::ptr_eq(
        &first,
        &board.page(at("2026-01-27T10:30:00.9Z"))
    ));
    let later = board.page(at("2026-01-27T10:30:01Z"));
    assert!(!Arc::ptr_eq(&first, &later));
    board.post(&name("a"), posting(Outcome::degraded("slow"), None));
    assert_eq!(
        board.page(at("2026-01-27T10:30:01Z")).health(),
        Status::Degraded
    );
}

#[test]
fn what_only_some_may_see_is_left_out_for_others() {
    let board = Board::default();
    board.place(name("a"), facts(true));
    let report = RunReport::failed(RunError::new(Code::Fuel, "why"), Duration::ZERO);
    let posting = Posting {
        report: Arc::new(report),
        ..posting(Outcome::unhealthy("x"), None)
    };
    board.post(&name("a"), posting);
    let now = Timestamp::now();
    let bare: Value = serde_json::from_slice(&board.page(now).body(false)).unwrap();
    assert_eq!(bare["checks"][0]["message"], "");
    assert_eq!(
        bare["checks"][0]["error"],
        serde_json::json!({ "code": "fuel" })
    );
    let bare = board.check("a", false).unwrap();
    assert!(!str::from_utf8(&bare).unwrap().contains("why"));
    assert!(
        str::from_utf8(&board.check("a", true).unwrap())
            .unwrap()
            .contains("why")
    );
    assert!(board.check("b", true).is_none());
}

#[test]
fn a_result_that_is_too_old_is_unknown_and_an_unhealthy_one_stays() {
    let board = Board::default();
    let now = Instant::now();
    let stale_at = Some(now + Duration::from_secs(1));
    for (check, outcome) in [
        ("good", Outcome::healthy("fine")),
        ("bad", Outcome::unhealthy("broken")),
    ] {
        board.place(name(check), facts(true));
        board.post(&name(check), posting(outcome, stale_at));
    }
    assert_eq!(board.expire(now), stale_at);
    assert_eq!(page(&board)["checks"][1]["status"], "healthy");
    assert_eq!(board.expire(now + Duration::from_secs(1)), None);
    assert_eq!(page(&board)["checks"][1]["status"], "unknown");
    assert_eq!(page(&board)["checks"][0]["status"], "unhealthy");
    assert_eq!(board.health(), Status::Unhealthy);
    let statuses = board.statuses();
    assert_eq!(statuses[1], (name("good"), Status::Unknown));
    board.post(&name("good"), posting(Outcome::healthy("again"), None));
    assert_eq!(page(&board)["checks"][1]["status"], "healthy");
}

#[test]
fn the_first_round_waits_for_every_check_that_there_is_at_start() {
    let board = Board::default();
    board.place(name("a"), facts(true));
    board.post(&name("a"), posting(Outcome::healthy(""), None));
    assert!(
        !board.first_round_is_over(),
        "there may be more checks to come"
    );
    board.place(name("b"), facts(true));
    board.all_placed();
    assert!(!board.first_round_is_over());
    board.remove(&name("b"));
    assert!(
        board.first_round_is_over(),
        "what is gone is not waited for"
    );
}

#[test]
fn an_unreadable_directory_is_at_best_degraded() {
    let board = Board::default();
    assert_eq!(board.health(), Status::Healthy);
    board.set_directory_readable(false);
    assert_eq!(board.health(), Status::Degraded);
    assert_eq!(page(&board)["status"], "degraded");
    board.set_directory_readable(true);
    assert_eq!(board.health(), Status::Healthy);
}

#[test]
fn placing_a_check_again_keeps_its_result() {
    let board = Board::default();
    board.place(name("a"), facts(true));
    board.post(&name("a"), posting(Outcome::unhealthy("broken"), None));
    assert_eq!(board.health(), Status::Unhealthy);
    board.place(name("a"), facts(false));
    assert_eq!(board.health(), Status::Degraded);
    assert_eq!(page(&board)["checks"][0]["message"], "broken");
}
