//! Runs the cases of a group one after another, and reports what was seen.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::case::{Group, HostileCase};
use super::host_under_test::{HostUnderTest, Seen};
use super::patience::{Bounds, Patience};
use super::world::World;

/// What was seen of a group.
#[derive(Debug)]
pub struct GroupReport {
    /// The group.
    pub group: Group,
    /// What was seen of each case, in order.
    pub sightings: Vec<Sighting>,
    /// How much more memory the host held afterwards than before, in bytes.
    pub kept: i64,
    /// The most memory that a host held beyond what it held before a case, in bytes.
    pub peak: u64,
    /// The longest run of the control check, in milliseconds.
    pub slowest_control_ms: f64,
    /// What was wrong with the host as a whole.
    pub faults: Vec<String>,
}

/// What was seen of one case.
#[derive(Debug)]
pub struct Sighting {
    /// The name of the case.
    pub case: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What was expected.
    pub expected: String,
    /// What happened.
    pub seen: String,
    /// How long its run continued after its deadline, in milliseconds; `None` if it ended before.
    pub overrun_ms: Option<f64>,
    /// Whether one of its instructions may exceed the deadline.
    pub is_bulk: bool,
    /// What is not as it must be.
    pub faults: Vec<String>,
}

impl GroupReport {
    /// Returns everything that is wrong, one line each.
    pub fn faults(&self) -> Vec<String> {
        let of_case = |it: &Sighting| {
            let line = |fault: &String| format!("{}: {fault}", it.case);
            it.faults.iter().map(line).collect::<Vec<_>>()
        };
        let mut faults: Vec<_> = self.sightings.iter().flat_map(of_case).collect();
        let of_group = |fault: &String| format!("{} as a whole: {fault}", self.group.name);
        faults.extend(self.faults.iter().map(of_group));
        faults
    }
}

/// Runs the cases of a group.
pub async fn run_group(group: Group, cases: Vec<HostileCase>, patience: Patience) -> GroupReport {
    let world = World::new();
    let bounds = patience.bounds();
    let mut host = HostUnderTest::open(group, &cases, &world, bounds).await;
    let mut before = host.resident();
    let mut report = GroupReport {
        group,
        sightings: Vec::new(),
        kept: 0,
        peak: 0,
        slowest_control_ms: 0.0,
        faults: Vec::new(),
    };
    for case in &cases {
        let seen = host.watch(case).await;
        report.slowest_control_ms = report.slowest_control_ms.max(seen.control_ms);
        report.peak = report.peak.max(seen.peak);
        let mut sighting = sighting(case, &seen, bounds);
        let is_alive = host.is_alive();
        if !is_alive {
            let fault = format!("the host ended: {}", host.last_words());
            sighting.faults.push(fault);
        }
        if seen.page.is_null() || !is_alive {
            // The next case would be blamed for what this one left behind.
            host = HostUnderTest::open(group, &cases, &world, bounds).await;
            before = host.resident();
        }
        report.sightings.push(sighting);
    }
    host.until_empty().await;
    // The host frees what a plugin had beside everything else, a little later.
    let until = Instant::now() + GIVEN_BACK;
    loop {
        report.kept = host.resident().cast_signed() - before.cast_signed();
        if report.kept <= MOST_KEPT || Instant::now() > until {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if report.kept > MOST_KEPT {
        let kept = report.kept >> 20;
        let fault = format!("the host holds {kept} MiB more than before");
        report.faults.push(fault);
    }
    report
}

fn sighting(case: &HostileCase, seen: &Seen, bounds: Bounds) -> Sighting {
    let mut faults = seen.faults.clone();
    if !seen.page.is_null() {
        faults.extend(case.expected.faults(&seen.page));
    }
    let timeout = case.timeout.as_secs_f64() * 1e3;
    let over = seen.page["latency_ms"].as_f64().map(|took| took - timeout);
    let overrun_ms = over.filter(|over| *over > 0.0);
    let most = if case.is_bulk {
        bounds.bulk_overrun_ms
    } else {
        bounds.overrun_ms
    };
    if let Some(over) = overrun_ms.filter(|over| *over > most) {
        faults.push(format!("it went on for {over:.1} ms after its deadline"));
    }
    Sighting {
        case: case.name,
        does: case.does,
        expected: case.expected.to_string(),
        seen: in_short(&seen.page),
        overrun_ms,
        is_bulk: case.is_bulk,
        faults,
    }
}

/// A result in short, in the words of an expectation.
fn in_short(page: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut words = match page["error"]["code"].as_str() {
        Some(code) => format!("`{code}`"),
        None if page.is_null() => "nothing".to_owned(),
        None => text(&page["status"]),
    };
    if let Some(limit) = page["error"]["limit"].as_str() {
        words.extend([" ", limit]);
    }
    if page["error"]["code"] == "load" {
        words.extend([": ", &reason(&text(&page["message"]))]);
    }
    if let Some(kind) = page["result"]["denials"][0]["kind"].as_str() {
        words.extend([", refused: ", kind]);
    }
    words
}

/// Why a plugin was not loaded, without the path of its file.
fn reason(message: &str) -> String {
    let why = message
        .split_once(".wasm: ")
        .map_or(message, |(_, why)| why);
    let mut short: String = why.chars().take(SHOWN).collect();
    if short.len() < why.len() {
        short.push('…');
    }
    short
}

/// How much more memory a host may hold after a group: what the allocator keeps of what was freed,
/// and buffers of the pool. It does not grow when the same cases come again.
const MOST_KEPT: i64 = 64 << 20;
/// How long that may take.
const GIVEN_BACK: Duration = Duration::from_secs(5);
/// Characters of a reason that the table shows.
const SHOWN: usize = 90;
