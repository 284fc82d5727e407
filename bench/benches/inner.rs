//! Inner functions that run often or grow with the number of checks: `cargo xtask bench inner`.
//!
//! The other benchmarks compare a whole host with a baseline and hold promises; these have no bound, and
//! show where the time goes.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use jiff::Timestamp;
use vitals_host::Outcome;
use vitals_host::board::{Board, CheckFacts, CheckResult};
use vitals_host::check::{Breaker, CheckName, RunReport, Text};
use vitals_host::config::Secrets;
use vitals_host::fuzzing::reaches;
use vitals_host::plugin::{Channel, Grant, Grants, parse_host};

use self::queue::FairQueue;

// The queue of guest threads is private to the host, and knows nothing but values.
#[expect(
    dead_code,
    reason = "what only the end of the host needs is not measured"
)]
#[path = "../../host/sandbox/src/threads/queue.rs"]
mod queue;

fn main() {
    divan::main();
}

/// `GET /health` after the result of one check has changed.
#[divan::bench(args = [100, 10_000])]
fn page_of_the_board(bencher: Bencher, checks: u64) {
    let board = Board::default();
    let mut postings = (0..checks).map(|number| {
        let (name, check_result) = check_result(&board, number);
        board.publish(&name, check_result.clone());
        (name, check_result)
    });
    let (name, first) = postings.next().expect("there is a check");
    postings.for_each(drop);
    bencher
        .with_inputs(|| board.publish(&name, first.clone()))
        .bench_local_values(|_| board.page(Timestamp::UNIX_EPOCH).body(true));
}

fn check_result(board: &Board, number: u64) -> (CheckName, CheckResult) {
    let name: CheckName = format!("check-{number}").parse().expect("a name");
    let facts = CheckFacts {
        critical: true,
        interval_ms: 30_000,
        timeout_ms: 5_000,
        plugin: None,
        grants: vec!["tcp db.internal:5432".to_owned()],
    };
    let outcome = Outcome::healthy("Connection OK").detail("latency_ms", 12);
    let check_result = CheckResult {
        job_generation: board.upsert(name.clone(), facts),
        status: outcome.status(),
        report: Arc::new(RunReport::answered(outcome, Duration::from_millis(12))),
        checked_at: Timestamp::UNIX_EPOCH,
        consecutive_failures: 0,
        breaker: Breaker::default(),
        next_run: None,
        stale_at: None,
    };
    (name, check_result)
}

/// A message of a guest, cleaned and cut.
#[divan::bench(args = [80, 2_000, 60_000])]
fn cleaned_text(bencher: Bencher, bytes: usize) {
    let raw = message(bytes);
    bencher.bench_local(|| Text::line(black_box(&raw), 2 << 10));
}

/// The same, with secrets taken out.
#[divan::bench(args = [80, 2_000, 60_000], consts = [1, 50])]
fn redacted_text<const SECRETS: usize>(bencher: Bencher, bytes: usize) {
    let raw = message(bytes);
    let secrets = Secrets::new((0..SECRETS).map(|number| format!("hunter{number}-geheimnisvoll")));
    bencher.bench_local(|| secrets.line(black_box(&raw), 2 << 10));
}

fn message(bytes: usize) -> String {
    let line = "cannot reach db.internal:5432: hunter0-geheimnisvoll was refused\n";
    line.chars().cycle().take(bytes).collect()
}

/// Whether a connection is granted, where the entry that grants it is the last.
#[divan::bench(args = [1, 64])]
fn granted_connection(bencher: Bencher, entries: u16) {
    let entry = |number| {
        let written = format!("host-{number}.example.com:443");
        Grant::allowed("tcp", &written).expect("an entry of `allow`")
    };
    let grants = Grants::new((0..entries).map(entry), |_| None);
    let host = parse_host(&format!("host-{}.example.com", entries - 1)).expect("a host");
    let address = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));
    assert!(reaches(&grants, Channel::Tcp, &host, 443, address));
    bencher.bench_local(|| reaches(black_box(&grants), Channel::Tcp, &host, 443, address));
}

/// A slice of a guest: who is next is taken from the queue, and waits again.
#[divan::bench(args = [1, 1_000])]
fn turn_of_a_guest(bencher: Bencher, waiting: u64) {
    let mut queue = FairQueue::new();
    for guest in 0..waiting {
        queue.push(guest, guest, Some(u64::MAX));
    }
    let mut used = waiting;
    bencher.bench_local(|| {
        let guest = queue.pop(black_box(0)).expect("somebody waits");
        used += 1_000_000;
        queue.push(guest, used, Some(u64::MAX))
    });
}
