use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use super::{Board, CheckFacts, CheckResult, Expired, PluginFacts, Previous, Promotion, Published};
use crate::schedule::JobGeneration;
use vitals_model::{Breaker, CheckName, Code, LimitUse, Outcome, RunError, RunReport, Status};

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

fn result(
    job_generation: JobGeneration,
    outcome: Outcome,
    stale_at: Option<Instant>,
) -> CheckResult {
    CheckResult {
        job_generation,
        status: outcome.status(),
        report: Arc::new(RunReport::answered(outcome, Duration::from_micros(2500))),
        checked_at: "2026-01-27T10:29:58.7Z".parse().unwrap(),
        consecutive_failures: 0,
        breaker: Breaker::default(),
        next_run: None,
        stale_at,
    }
}

fn page(board: &Board) -> Value {
    let now: Timestamp = "2026-01-27T10:30:00.9Z".parse().unwrap();
    serde_json::from_slice(&board.page(now).body(true)).unwrap()
}

#[test]
fn the_page_has_the_documented_format() {
    let board = Board::default();
    board.upsert(name("module:billing"), facts(true));
    let at_database = board.upsert(name("database"), facts(true));
    board.publish(
        &name("database"),
        result(at_database, Outcome::healthy("Connection OK"), None),
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
fn the_page_is_assembled_once_per_change_and_second() {
    let board = Board::default();
    let at_a = board.upsert(name("a"), facts(true));
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let first = board.page(at("2026-01-27T10:30:00.1Z"));
    assert!(Arc::ptr_eq(
        &first,
        &board.page(at("2026-01-27T10:30:00.9Z"))
    ));
    let later = board.page(at("2026-01-27T10:30:01Z"));
    assert!(!Arc::ptr_eq(&first, &later));
    board.publish(&name("a"), result(at_a, Outcome::degraded("slow"), None));
    assert_eq!(
        board.page(at("2026-01-27T10:30:01Z")).health(),
        Status::Degraded
    );
}

#[test]
fn details_are_hidden_without_authorization() {
    let board = Board::default();
    let at_a = board.upsert(name("a"), facts(true));
    let report = RunReport::failed(RunError::new(Code::Fuel, "why"), Duration::ZERO);
    let result = CheckResult {
        report: Arc::new(report),
        ..result(at_a, Outcome::unhealthy("x"), None)
    };
    board.publish(&name("a"), result);
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
fn a_stale_result_is_unknown_and_an_unhealthy_one_stays() {
    let board = Board::default();
    let now = Instant::now();
    let stale_at = Some(now + Duration::from_secs(1));
    let mut placed = Vec::new();
    for (check, outcome) in [
        ("good", Outcome::healthy("fine")),
        ("bad", Outcome::unhealthy("broken")),
    ] {
        let at_check = board.upsert(name(check), facts(true));
        placed.push(at_check);
        board.publish(&name(check), result(at_check, outcome, stale_at));
    }
    let nothing = |expired: &Expired| panic!("{expired:?}");
    assert_eq!(board.expire(now, nothing), stale_at);
    assert_eq!(page(&board)["checks"][1]["status"], "healthy");
    let mut expired = Vec::new();
    let on_expired = |one: &Expired| expired.push((one.check.clone(), one.before));
    assert_eq!(board.expire(now + Duration::from_secs(1), on_expired), None);
    assert_eq!(expired, [(name("good"), Status::Healthy)]);
    board.expire(now + Duration::from_secs(2), nothing);
    assert_eq!(page(&board)["checks"][1]["status"], "unknown");
    assert_eq!(page(&board)["checks"][0]["status"], "unhealthy");
    assert_eq!(board.health(), Status::Unhealthy);
    let statuses = board.statuses();
    assert_eq!(statuses[1], (name("good"), Status::Unknown));
    board.publish(
        &name("good"),
        result(placed[0], Outcome::healthy("again"), None),
    );
    assert_eq!(page(&board)["checks"][1]["status"], "healthy");
}

#[test]
fn the_first_round_waits_for_every_check_of_the_start() {
    let board = Board::default();
    let at_a = board.upsert(name("a"), facts(true));
    board.publish(&name("a"), result(at_a, Outcome::healthy(""), None));
    assert!(!board.first_round_is_over(), "more checks may be added");
    board.upsert(name("b"), facts(true));
    board.all_added();
    assert!(!board.first_round_is_over());
    board.remove(&name("b"));
    assert!(
        board.first_round_is_over(),
        "a removed check is not waited for"
    );
}

#[test]
fn an_unreadable_directory_limits_the_verdict_to_degraded() {
    let board = Board::default();
    assert_eq!(board.health(), Status::Healthy);
    board.set_directory(false, true);
    assert_eq!(board.health(), Status::Degraded);
    assert_eq!(page(&board)["status"], "degraded");
    board.set_directory(true, true);
    assert_eq!(board.health(), Status::Healthy);
}

#[test]
fn updating_a_check_keeps_its_result() {
    let board = Board::default();
    let at_a = board.upsert(name("a"), facts(true));
    board.publish(&name("a"), result(at_a, Outcome::unhealthy("broken"), None));
    assert_eq!(board.health(), Status::Unhealthy);
    board.upsert(name("a"), facts(false));
    assert_eq!(board.health(), Status::Degraded);
    assert_eq!(page(&board)["checks"][0]["message"], "broken");
}

#[test]
fn a_late_result_of_an_earlier_generation_is_discarded() {
    let board = Board::default();
    let first = board.upsert(name("a"), facts(true));
    board.publish(&name("a"), result(first, Outcome::healthy("one"), None));
    let second = board.upsert(name("a"), facts(true));
    // A run of the previous generation may end, until the new generation has a result.
    assert_ne!(
        board.publish(&name("a"), result(first, Outcome::healthy("two"), None)),
        Published::Late
    );
    assert_ne!(
        board.publish(
            &name("a"),
            result(second, Outcome::unhealthy("three"), None)
        ),
        Published::Late
    );
    assert_eq!(
        board.publish(&name("a"), result(first, Outcome::healthy("four"), None)),
        Published::Late
    );
    assert_eq!(page(&board)["checks"][0]["message"], "three");
    board.remove(&name("a"));
    assert_eq!(
        board.publish(&name("a"), result(second, Outcome::healthy("five"), None)),
        Published::Late
    );
    board.upsert(name("a"), facts(true));
    assert_eq!(
        board.publish(&name("a"), result(second, Outcome::healthy("six"), None)),
        Published::Late
    );
}

#[test]
fn a_page_names_the_plugin_that_produced_the_result() {
    let board = Board::default();
    let with = |version: &str| CheckFacts {
        plugin: Some(PluginFacts {
            name: "p".into(),
            version: Some(version.into()),
            digest: None,
            generation: 1,
        }),
        ..facts(true)
    };
    let shown = |board: &Board| {
        let page: Value = serde_json::from_slice(&board.check("a", true).unwrap()).unwrap();
        page["plugin"]["version"].clone()
    };
    let first = board.upsert(name("a"), with("1.0.0"));
    board.publish(&name("a"), result(first, Outcome::healthy(""), None));
    let second = board.upsert(name("a"), with("2.0.0"));
    assert_eq!(shown(&board), "1.0.0");
    board.publish(&name("a"), result(first, Outcome::healthy(""), None));
    assert_eq!(shown(&board), "1.0.0");
    board.publish(&name("a"), result(second, Outcome::healthy(""), None));
    assert_eq!(shown(&board), "2.0.0");
}

#[test]
fn updating_a_check_revives_no_stale_result() {
    let board = Board::default();
    let now = Instant::now();
    let at = board.upsert(name("a"), facts(true));
    board.publish(&name("a"), result(at, Outcome::healthy(""), Some(now)));
    board.expire(now, |_| ());
    board.upsert(name("a"), facts(true));
    assert_eq!(page(&board)["checks"][0]["status"], "unknown");
}

#[test]
fn an_updated_check_goes_stale_by_its_new_interval() {
    let board = Board::default();
    let with = |interval_ms| CheckFacts {
        interval_ms,
        ..facts(true)
    };
    let now = Instant::now();
    let hour = Duration::from_hours(1);
    // The result of a long interval goes stale by the new, short interval.
    let at = board.upsert(name("a"), with(3_600_000));
    board.publish(
        &name("a"),
        result(at, Outcome::healthy(""), Some(now + hour)),
    );
    board.upsert(name("a"), with(1_000));
    assert!(
        board
            .expire(now, |_| ())
            .is_some_and(|next| next < now + hour)
    );
    board.expire(Instant::now() + Duration::from_millis(1_500), |_| ());
    assert_eq!(page(&board)["checks"][0]["status"], "unknown");
    // With a longer interval, the result does not go stale early.
    let at = board.upsert(name("b"), with(1_000));
    board.publish(&name("b"), result(at, Outcome::healthy(""), Some(now)));
    board.upsert(name("b"), with(3_600_000));
    board.expire(now + Duration::from_mins(30), |_| ());
    assert_eq!(page(&board)["checks"][1]["status"], "healthy");
}

#[test]
fn an_open_breaker_is_shown_and_an_update_closes_it() {
    let board = Board::default();
    let at = board.upsert(name("a"), facts(true));
    let mut breaker = Breaker::default();
    for _ in 0..4 {
        breaker.observe(LimitUse::Exceeded);
    }
    let stale_at = Some(Instant::now() + Duration::from_mins(1));
    let result = CheckResult {
        breaker,
        ..result(at, Outcome::unhealthy("trapped"), stale_at)
    };
    board.publish(&name("a"), result);
    let shown = || -> Value {
        let page: Value = serde_json::from_slice(&board.check("a", false).unwrap()).unwrap();
        page["result"]["breaker"].clone()
    };
    let open = serde_json::json!({"open": true, "runs": 4, "interval_ms": 4_000});
    assert_eq!(shown(), open);
    board.upsert(name("a"), facts(true));
    let closed = serde_json::json!({"open": false, "runs": 0, "interval_ms": 1_000});
    assert_eq!(shown(), closed);
}

#[test]
fn promotions_appear_together_with_their_results() {
    let board = Board::default();
    let old = board.upsert(name("a"), facts(true));
    let outcome = Outcome::unhealthy("old");
    board.publish(&name("a"), result(old, outcome, None));
    let promotion = |check: &str| Promotion {
        name: name(check),
        facts: facts(true),
        result: result(board.next_job_generation(), Outcome::healthy("new"), None),
    };
    let published = board.promote(vec![promotion("a"), promotion("b")]);
    let after = Previous {
        status: Status::Unhealthy,
        code: None,
    };
    assert_eq!(published, [Published::After(after), Published::First]);
    let page = page(&board);
    assert_eq!(page["status"], "healthy");
    assert_eq!(page["checks"][0]["message"], "new");
    // A run of the previous job generation was still in flight.
    let late = result(old, Outcome::unhealthy("late"), None);
    assert_eq!(board.publish(&name("a"), late), Published::Late);
}
