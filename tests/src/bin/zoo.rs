//! Lets the zoo loose and prints what was seen: started by `cargo xtask zoo`, which builds all that it
//! needs.
//!
//! `vitals-zoo [--busy | --hasty] [--table FILE] [--red FILE] [NAME]...`: with names, only the groups and
//! animals of these names. It fails where anything is not as it must be.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to people"
)]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use vitals_tests::zoo::{Animal, Group, GroupReport, Patience, catalogue, table, visit};

/// What the command line asks for.
struct Order {
    patience: Patience,
    table: Option<PathBuf>,
    red: Option<PathBuf>,
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
    let (mut reports, mut red) = (Vec::new(), Vec::new());
    // More than one at a time only where nothing is measured.
    let at_once = match order.patience {
        Patience::Hasty => Arc::new(Semaphore::new(AT_ONCE)),
        Patience::Busy | Patience::Quiet => Arc::new(Semaphore::new(1)),
    };
    let local = LocalSet::new();
    let visits: Vec<_> = order
        .chosen()
        .into_iter()
        .map(|(group, animals)| {
            let (at_once, patience) = (Arc::clone(&at_once), order.patience);
            // Apart, so that a host in which nothing works is red and not the end of the visit.
            let visit = local.spawn_local(async move {
                let _turn = at_once.acquire().await;
                let (count, started) = (animals.len(), Instant::now());
                let report = visit(group, animals, patience).await;
                let seconds = started.elapsed().as_secs_f64();
                eprintln!("{}: {count} animals in {seconds:.1} s", group.name);
                for fault in report.faults() {
                    eprintln!("  red: {fault}");
                }
                report
            });
            (group, visit)
        })
        .collect();
    for (group, visit) in visits {
        match local.run_until(visit).await {
            Ok(report) => reports.push(report),
            Err(error) => {
                eprintln!("  red: {} as a whole: {error}", group.name);
                red.push(format!("({})", group.name));
            }
        }
    }
    let page = page(&reports);
    println!("{page}");
    red.extend(reports.iter().flat_map(GroupReport::red));
    let lines = |names: &[String]| names.iter().flat_map(|name| [name, "\n"]).collect();
    for (file, text) in [(&order.table, page), (&order.red, lines(&red))] {
        if let Some(file) = file
            && let Err(error) = fs::write(file, text)
        {
            eprintln!("error: cannot write {}: {error}", file.display());
            return ExitCode::from(2);
        }
    }
    if reports.is_empty() && red.is_empty() {
        eprintln!("error: there is no group and no animal of this name");
        return ExitCode::from(2);
    }
    if red.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl Order {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut order = Self {
            patience: Patience::Quiet,
            table: None,
            red: None,
            names: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut file = || {
                let file = arguments.next().map(PathBuf::from);
                file.ok_or_else(|| format!("`{argument}` needs a file"))
            };
            match argument.as_str() {
                "--busy" => order.patience = Patience::Busy,
                "--hasty" => order.patience = Patience::Hasty,
                "--table" => order.table = Some(file()?),
                "--red" => order.red = Some(file()?),
                option if option.starts_with('-') => return Err(format!("no option `{option}`")),
                _ => order.names.push(argument),
            }
        }
        Ok(order)
    }

    /// The groups with those of their animals that were asked for.
    fn chosen(&self) -> Vec<(Group, Vec<Animal>)> {
        let is_named = |name: &str| self.names.iter().any(|named| named == name);
        let mut chosen = catalogue();
        if !self.names.is_empty() {
            for (group, animals) in &mut chosen {
                if !is_named(group.name) {
                    animals.retain(|animal| is_named(animal.name()));
                }
            }
            chosen.retain(|(_, animals)| !animals.is_empty());
        }
        chosen
    }
}

/// What was seen, in full.
fn page(reports: &[GroupReport]) -> String {
    let animals: usize = reports.iter().map(|report| report.sightings.len()).sum();
    let mut worst: Option<(f64, &str)> = None;
    let mut worst_bulk = 0.0_f64;
    for sighting in reports.iter().flat_map(|report| &report.sightings) {
        let Some(over) = sighting.overrun_ms else {
            continue;
        };
        if sighting.is_bulk {
            worst_bulk = worst_bulk.max(over);
        } else if worst.is_none_or(|(worst, _)| over > worst) {
            worst = Some((over, &sighting.animal));
        }
    }
    let (worst, who) = worst.unwrap_or_default();
    let neighbour = reports.iter().map(|report| report.slowest_neighbour_ms);
    let neighbour = neighbour.fold(0.0, f64::max);
    let kept = reports.iter().map(|report| report.kept).max().unwrap_or(0);
    let peak = reports.iter().map(|report| report.peak).max().unwrap_or(0);
    format!(
        "{HEAD}\n{animals} animals. Worst overrun: {worst:.1} ms (`{who}`), {worst_bulk:.1} ms where one bulk \
         instruction may add its own length. Slowest run of the neighbour: {neighbour:.1} ms. Most \
         memory that a host held more after a group than before: {} MiB; while an animal was there: {} \
         MiB.\n{}",
        kept >> 20,
        peak >> 20,
        table(reports)
    )
}

/// Groups that are let loose at once by who is in haste.
const AT_ONCE: usize = 3;
const HEAD: &str = "# The zoo

Hostile guests and inputs, each let loose in a `vitals serve` beside a good neighbour that runs ten
times a second. What must become of each is asserted; so is that nothing went on for more than 15 ms
after its deadline, that the neighbour's results and schedule stayed as they were, that
`/health/live` answered, and that the host held no more memory afterwards than before. This page is
written by `cargo xtask zoo`; `zoo-short.md` says which guests notice when a limit is taken out.
";
