//! Internal functions for the fuzz targets of the repository.
//!
//! The module is hidden and has no stability guarantees. It adds no logic.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;

use crate::board::{Board, CheckFacts, CheckResult};
use vitals_model::{Breaker, CheckName, RunReport};
pub use vitals_sandbox::fuzzing::{Verified, bind, granted_by, reaches, symbols, verify};

/// Returns what `/health` and `/health/checks/{name}` answer for a report, with and without the
/// token.
pub fn answers(name: &CheckName, report: RunReport) -> Vec<Bytes> {
    let board = Board::default();
    let facts = CheckFacts {
        critical: true,
        interval_ms: 1,
        timeout_ms: 1,
        plugin: None,
        grants: Vec::new(),
    };
    let check_result = CheckResult {
        job_generation: board.upsert(name.clone(), facts),
        status: report.outcome.status(),
        report: Arc::new(report),
        checked_at: Timestamp::UNIX_EPOCH,
        consecutive_failures: 0,
        next_run: None,
        breaker: Breaker::default(),
        stale_at: None::<Instant>,
    };
    board.publish(name, check_result);
    let page = board.page(Timestamp::UNIX_EPOCH);
    [true, false]
        .into_iter()
        .flat_map(|authorized| {
            let check = board.check(name.as_str(), authorized);
            check.into_iter().chain([page.body(authorized)])
        })
        .collect()
}
