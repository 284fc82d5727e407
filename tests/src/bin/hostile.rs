//! Runs the hostile-guest suite and prints what was seen: started by `cargo xtask hostile`, which builds all that it
//! needs.
//!
//! `vitals-hostile [--busy] [--table FILE] [NAME]...`: with names, only the groups and
//! cases of these names. It fails where anything is not as it must be.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to people"
)]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use tokio::task::LocalSet;
use vitals_tests::hostile::{
    Group, GroupReport, HostileCase, Patience, catalogue, run_group, table,
};

/// What the command line asks for.
struct Order {
    patience: Patience,
    table: Option<PathBuf>,
    names: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let order = match Order::read(std::env::args().skip(1)) {
        Ok(order) => order,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(2);
        }
    };
    let (mut reports, mut is_red) = (Vec::new(), false);
    let local = LocalSet::new();
    for (group, cases) in order.chosen() {
        // A task of its own, so that a host in which nothing works is red and not the end of the run.
        let run_group = local.spawn_local(async move {
            let (count, started) = (cases.len(), Instant::now());
            let report = run_group(group, cases, order.patience).await;
            let seconds = started.elapsed().as_secs_f64();
            eprintln!("{}: {count} cases in {seconds:.1} s", group.name);
            report
        });
        match local.run_until(run_group).await {
            Ok(report) => {
                for fault in report.faults() {
                    eprintln!("  red: {fault}");
                    is_red = true;
                }
                reports.push(report);
            }
            Err(error) => {
                eprintln!("  red: {} as a whole: {error}", group.name);
                is_red = true;
            }
        }
    }
    let page = page(&reports);
    println!("{page}");
    if let Some(file) = &order.table
        && let Err(error) = fs::write(file, page)
    {
        eprintln!("error: cannot write {}: {error}", file.display());
        return ExitCode::from(2);
    }
    if reports.is_empty() && !is_red {
        eprintln!("error: there is no group and no case of this name");
        return ExitCode::from(2);
    }
    ExitCode::from(u8::from(is_red))
}

impl Order {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut order = Self {
            patience: Patience::Quiet,
            table: None,
            names: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--busy" => order.patience = Patience::Busy,
                "--table" => {
                    let file = arguments.next().ok_or("`--table` needs a file")?;
                    order.table = Some(file.into());
                }
                option if option.starts_with('-') => return Err(format!("no option `{option}`")),
                _ => order.names.push(argument),
            }
        }
        Ok(order)
    }

    /// The groups with those of their cases that were asked for.
    fn chosen(&self) -> Vec<(Group, Vec<HostileCase>)> {
        let is_named = |name: &str| self.names.iter().any(|named| named == name);
        let mut chosen = catalogue();
        if !self.names.is_empty() {
            for (group, cases) in &mut chosen {
                if !is_named(group.name) {
                    cases.retain(|case| is_named(case.name()));
                }
            }
            chosen.retain(|(_, cases)| !cases.is_empty());
        }
        chosen
    }
}

/// What was seen, in full.
fn page(reports: &[GroupReport]) -> String {
    let cases: usize = reports.iter().map(|report| report.sightings.len()).sum();
    let mut worst: Option<(f64, &str)> = None;
    let mut worst_bulk = 0.0_f64;
    for sighting in reports.iter().flat_map(|report| &report.sightings) {
        let Some(over) = sighting.overrun_ms else {
            continue;
        };
        if sighting.is_bulk {
            worst_bulk = worst_bulk.max(over);
        } else if worst.is_none_or(|(worst, _)| over > worst) {
            worst = Some((over, sighting.case));
        }
    }
    let (worst, who) = worst.unwrap_or_default();
    let control = reports.iter().map(|report| report.slowest_control_ms);
    let control = control.fold(0.0, f64::max);
    let kept = reports.iter().map(|report| report.kept).max().unwrap_or(0);
    let peak = reports.iter().map(|report| report.peak).max().unwrap_or(0);
    format!(
        "{HEAD}\n- {cases} cases\n- worst overrun of a deadline: {worst:.1} ms (`{who}`), or {worst_bulk:.1} \
         ms where one bulk instruction may add its own length\n- slowest run of the control check: \
         {control:.1} ms\n- most memory that a host held more after a group than before: {} MiB; during \
         a case: {} MiB\n{}",
        kept >> 20,
        peak >> 20,
        table(reports)
    )
}

const HEAD: &str = "# Hostile-guest suite

Each guest or input runs in a real `vitals serve`, beside a control check that runs ten times a
second. For each case the suite asserts

- the expected result,
- that nothing continued for more than 15 ms after its deadline,
- that results and schedule of the control check did not change,
- that `/health/live` answered,
- that the host held no more memory afterwards than before.

`cargo xtask hostile` runs the suite and writes this page. `cargo xtask mutants` shows whether the
suite detects a limit that does not hold.
";
