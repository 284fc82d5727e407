//! `vitals bench`: what one run of a plugin costs.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use vitals_host::workbench::{Cost, Plan, Workbench};

use crate::telemetry;

use super::ad_hoc::{AdHocOptions, duration};
use super::compile;
use super::configuration::load;
use super::format::Format;
use super::output::{complain, print};
use super::status::NOT_RUN;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The file of a plugin.
    #[arg(value_name = "FILE.wasm")]
    path: PathBuf,
    #[command(flatten)]
    told: AdHocOptions,
    /// At most so many runs.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// At most so long, for example `30s`.
    #[arg(long = "for", value_name = "DURATION", default_value = "5s", value_parser = duration)]
    time: Duration,
    /// So many at once; `engine.max_runs` of a host is 64.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=512))]
    at_once: u32,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Bench {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> ExitCode {
        match self.cost(file).await {
            Ok(cost) => {
                print(&match self.format {
                    Format::Text => text(&self, &cost),
                    Format::Json => format!("{:#}", json(&cost)),
                });
                ExitCode::SUCCESS
            }
            Err(why) => {
                if !why.is_empty() {
                    complain(&why);
                }
                ExitCode::from(NOT_RUN)
            }
        }
    }

    /// On failure with nothing to say all that is wrong has been said.
    async fn cost(&self, file: Option<PathBuf>) -> Result<Cost, String> {
        let (mut config, sources) = load(file, Vec::new()).map_err(|_| String::new())?;
        config.engine.max_runs = config.engine.max_runs.max(self.at_once);
        // Lines are written for as long as it is there.
        let _log = telemetry::start(&config.logging)
            .map_err(|error| format!("VITALS_LOG can't be read: {error}"))?;
        let workbench = Workbench::open(config, sources.environment, compile::compiler());
        let workbench = workbench.map_err(|error| error.to_string())?;
        let plan = Plan {
            runs: self.runs,
            time: self.time,
            at_once: self.at_once,
            done: Arc::new(AtomicU32::new(0)),
        };
        let told = self.told.ad_hoc()?;
        let cost = workbench.bench(&self.path, told, &plan);
        let cost = while_it_shows(&plan, cost).await;
        cost.map_err(|error| error.to_string())
    }
}

/// Waits, and says how far it is where a person looks on.
async fn while_it_shows<T>(plan: &Plan, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut error = std::io::stderr();
    if !error.is_terminal() {
        return work.await;
    }
    let mut often = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            done = &mut work => {
                // The line goes, and with it the cursor to its beginning. Where nobody reads there is
                // nobody to tell.
                let _ = write!(error, "\r\x1b[K");
                return done;
            }
            _ = often.tick() => {
                let done = plan.done.load(Ordering::Relaxed);
                let _ = write!(error, "\r{done} of {} runs, for at most {:?}", plan.runs, plan.time);
                let _ = error.flush();
            }
        }
    }
}

fn text(bench: &Bench, cost: &Cost) -> String {
    let mut lines = super::report::text(FIRST, &cost.first);
    let runs = cost.times.len();
    let _ = write!(
        lines,
        "\n\nfile      {}, {} KiB, compiled or loaded in {}",
        bench.path.display(),
        cost.size_bytes.div_ceil(1024),
        short(cost.compile),
    );
    let ends: Vec<_> = cost
        .results
        .iter()
        .map(|(result, count)| format!("{count} {result}"))
        .collect();
    let _ = write!(lines, "\nruns      {runs}: {}", ends.join(", "));
    let _ = write!(
        lines,
        "\nspeed     {:.0} runs a second, {} at once; {} of CPU time each",
        per_second(cost),
        bench.at_once,
        short(cpu_of_one(cost)),
    );
    let at = |percent| short(quantile(&cost.times, percent));
    let _ = write!(
        lines,
        "\ntime      median {}, p90 {}, p99 {}, longest {}",
        at(50),
        at(90),
        at(99),
        at(100),
    );
    let _ = write!(
        lines,
        "\n          of which a fresh instance takes {}",
        short(quantile(&cost.instances, 50)),
    );
    let fuel = |percent| grouped(quantile(&cost.fuel, percent));
    let _ = write!(lines, "\nfuel      median {}, most {}", fuel(50), fuel(100));
    let _ = write!(
        lines,
        "\nmemory    {} KiB at most\n",
        cost.memory_peak_bytes / 1024
    );
    for row in histogram(&cost.times) {
        let _ = write!(lines, "\n{row}");
    }
    lines
}

fn json(cost: &Cost) -> Value {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let times = |all: &[Duration]| {
        json!({
            "shortest_us": micros(quantile(all, 0)),
            "median_us": micros(quantile(all, 50)),
            "p90_us": micros(quantile(all, 90)),
            "p99_us": micros(quantile(all, 99)),
            "longest_us": micros(quantile(all, 100)),
        })
    };
    json!({
        "size_bytes": cost.size_bytes,
        "compile_ms": cost.compile.as_secs_f64() * 1e3,
        "first": super::report::json(FIRST, &cost.first),
        "runs": cost.times.len(),
        "results": cost.results,
        "runs_per_second": per_second(cost),
        "cpu_us": micros(cpu_of_one(cost)),
        "time": times(&cost.times),
        "instance": times(&cost.instances),
        "fuel": { "median": quantile(&cost.fuel, 50), "most": quantile(&cost.fuel, 100) },
        "memory_peak_bytes": cost.memory_peak_bytes,
    })
}

fn per_second(cost: &Cost) -> f64 {
    f64::from(runs(cost)) / cost.wall.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn runs(cost: &Cost) -> u32 {
    u32::try_from(cost.times.len()).unwrap_or(u32::MAX)
}

fn cpu_of_one(cost: &Cost) -> Duration {
    cost.cpu / runs(cost).max(1)
}

/// Of figures in order.
fn quantile<T: Copy + Default>(all: &[T], percent: usize) -> T {
    let last = all.len().saturating_sub(1);
    all.get((last * percent).div_ceil(100))
        .copied()
        .unwrap_or_default()
}

/// A row for each range of times: how many runs were in it. Ranges are of one length up to the p99; what
/// is longer stands in the last row.
fn histogram(times: &[Duration]) -> Vec<String> {
    let (Some(shortest), longest) = (times.first().copied(), quantile(times, 99)) else {
        return Vec::new();
    };
    let step = (longest.saturating_sub(shortest) / ROWS).max(Duration::from_nanos(1));
    let mut counts = vec![0_usize; ROWS as usize + 1];
    for time in times {
        let row = time.saturating_sub(shortest).as_nanos() / step.as_nanos();
        let row = usize::try_from(row)
            .unwrap_or(usize::MAX)
            .min(ROWS as usize);
        counts[row] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let mut from = shortest;
    let mut rows = Vec::new();
    for count in counts {
        let bar = "█".repeat((count * BAR).div_ceil(most));
        rows.push(format!("{:>9}  {bar} {count}", short(from)));
        from += step;
    }
    rows
}

/// A time with three digits, in the unit that fits.
fn short(time: Duration) -> String {
    let nanos = time.as_secs_f64() * 1e9;
    let (number, unit) = match nanos {
        ..1e6 => (nanos / 1e3, "µs"),
        ..1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    let digits = match number {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$} {unit}")
}

/// A number in groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const FIRST: &str = "first run";
/// How many rows a histogram has up to the p99, and how long its longest bar is.
const ROWS: u32 = 12;
const BAR: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_are_short() {
        for (nanos, text) in [
            (0, "0.00 µs"),
            (1_234, "1.23 µs"),
            (98_760, "98.8 µs"),
            (1_500_000, "1.50 ms"),
            (12_345_000_000, "12.3 s"),
        ] {
            assert_eq!(short(Duration::from_nanos(nanos)), text);
        }
        assert_eq!(
            [grouped(7), grouped(1_234), grouped(12_345_678)],
            ["7", "1,234", "12,345,678"]
        );
    }

    #[test]
    fn every_run_is_in_the_histogram_and_what_is_far_out_is_in_the_last_row() {
        let mut times: Vec<_> = (100..220).map(Duration::from_micros).collect();
        times.push(Duration::from_secs(1));
        let rows = histogram(&times);
        let counts: Vec<usize> = rows
            .iter()
            .map(|row| row.rsplit(' ').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(counts.iter().sum::<usize>(), times.len());
        assert!(rows[0].starts_with("   100 µs  █"), "{rows:#?}");
        assert_eq!(counts.len(), 13);
        assert!(counts[12] >= 1, "{counts:?}");
        assert!(histogram(&[]).is_empty());
        assert_eq!(
            histogram(&[Duration::from_micros(5); 3])[0],
            format!("  5.00 µs  {} 3", "█".repeat(40))
        );
    }

    #[test]
    fn quantiles_are_figures_that_were_seen() {
        let all = [1, 2, 3, 4, 100];
        assert_eq!(
            [0, 50, 99, 100].map(|percent| quantile(&all, percent)),
            [1, 3, 100, 100]
        );
        assert_eq!(quantile::<u64>(&[], 50), 0);
    }
}
