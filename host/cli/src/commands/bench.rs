//! `vitals bench`: measures what one run of a plugin costs.
//!
//! This file formats the measurements. The workbench makes the runs.

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

use super::ad_hoc::{AdHocOptions, positive_duration};
use super::compile;
use super::configuration::load;
use super::output::{Format, NOT_RUN, fail_with, print};

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Path of the plugin file.
    #[arg(value_name = "FILE.wasm")]
    path: PathBuf,
    #[command(flatten)]
    options: AdHocOptions,
    /// Maximum number of runs.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Maximum duration of the benchmark, for example `30s`.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = positive_duration)]
    duration: Duration,
    /// Number of concurrent runs. A host makes up to `engine.max_runs`, 64 by default.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=512))]
    concurrency: u32,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Bench {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> Result<ExitCode, ExitCode> {
        let loaded = load(file, Vec::new());
        let (mut config, sources) = loaded.map_err(|_| ExitCode::from(NOT_RUN))?;
        config.engine.max_runs = config.engine.max_runs.max(self.concurrency);
        // The log is written until this is dropped.
        let _log = telemetry::start(&config.logging);
        let workbench = Workbench::open(config, sources.environment, compile::compiler());
        let workbench = workbench.map_err(|error| fail_with(NOT_RUN, &error.to_string()))?;
        let cost = self.measure(&workbench).await;
        let cost = cost.map_err(|error| fail_with(NOT_RUN, &error))?;
        print(&match self.format {
            Format::Text => text(&self, &cost),
            Format::Json => format!("{:#}", json(&cost)),
        });
        Ok(ExitCode::SUCCESS)
    }

    async fn measure(&self, workbench: &Workbench) -> Result<Cost, String> {
        let plan = Plan {
            runs: self.runs,
            time: self.duration,
            at_once: self.concurrency,
            done: Arc::new(AtomicU32::new(0)),
        };
        let ad_hoc = self.options.ad_hoc()?;
        let cost = workbench.bench(&self.path, ad_hoc, &plan);
        let cost = with_progress(&plan, cost).await;
        cost.map_err(|error| error.to_string())
    }
}

/// Awaits a benchmark. On a terminal it shows the progress.
async fn with_progress<T>(plan: &Plan, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut error = std::io::stderr();
    if !error.is_terminal() {
        return work.await;
    }
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            result = &mut work => {
                // Clears the line. An error means that nobody reads standard error.
                let _ = write!(error, "\r\x1b[K");
                return result;
            }
            _ = ticks.tick() => {
                let done = plan.done.load(Ordering::Relaxed);
                let _ = write!(error, "\r{done} of {} runs within {:?}", plan.runs, plan.time);
                let _ = error.flush();
            }
        }
    }
}

fn text(bench: &Bench, cost: &Cost) -> String {
    let counts = cost.results.iter();
    let counts: Vec<_> = counts
        .map(|(result, count)| format!("{count} {result}"))
        .collect();
    let at = |percent| format_time(percentile(&cost.times, percent));
    let fuel = |percent| group_digits(percentile(&cost.fuel, percent));
    let mut lines = format!(
        "{}\n\n\
         file      {}, {} KiB, compiled or loaded in {}\n\
         runs      {}: {}\n\
         speed     {:.0} runs per second, {} concurrent; {} of CPU time each\n\
         time      median {}, p90 {}, p99 {}, maximum {}\n          \
         of which instantiation takes {}\n\
         fuel      median {}, maximum {}\n\
         memory    maximum {} KiB\n",
        super::report::text(FIRST, &cost.first),
        bench.path.display(),
        cost.size_bytes.div_ceil(1024),
        format_time(cost.compile),
        cost.times.len(),
        counts.join(", "),
        per_second(cost),
        bench.concurrency,
        format_time(cpu_per_run(cost)),
        at(50),
        at(90),
        at(99),
        at(100),
        format_time(percentile(&cost.instances, 50)),
        fuel(50),
        fuel(100),
        cost.memory_peak_bytes / 1024,
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
            "shortest_us": micros(percentile(all, 0)),
            "median_us": micros(percentile(all, 50)),
            "p90_us": micros(percentile(all, 90)),
            "p99_us": micros(percentile(all, 99)),
            "longest_us": micros(percentile(all, 100)),
        })
    };
    json!({
        "size_bytes": cost.size_bytes,
        "compile_ms": cost.compile.as_secs_f64() * 1e3,
        "first": super::report::json(FIRST, &cost.first),
        "runs": cost.times.len(),
        "results": cost.results,
        "runs_per_second": per_second(cost),
        "cpu_us": micros(cpu_per_run(cost)),
        "time": times(&cost.times),
        "instance": times(&cost.instances),
        "fuel": { "median": percentile(&cost.fuel, 50), "most": percentile(&cost.fuel, 100) },
        "memory_peak_bytes": cost.memory_peak_bytes,
    })
}

fn per_second(cost: &Cost) -> f64 {
    f64::from(runs(cost)) / cost.wall.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn runs(cost: &Cost) -> u32 {
    u32::try_from(cost.times.len()).unwrap_or(u32::MAX)
}

fn cpu_per_run(cost: &Cost) -> Duration {
    cost.cpu / runs(cost).max(1)
}

/// The percentile of sorted values.
fn percentile<T: Copy + Default>(all: &[T], percent: usize) -> T {
    let last = all.len().saturating_sub(1);
    all.get((last * percent).div_ceil(100))
        .copied()
        .unwrap_or_default()
}

/// Formats a histogram with a row for each range of times. The ranges have equal length up to the
/// p99. The last row has all longer times.
fn histogram(times: &[Duration]) -> Vec<String> {
    let (Some(shortest), longest) = (times.first().copied(), percentile(times, 99)) else {
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
        let bar = "█".repeat((count * MAX_BAR).div_ceil(most));
        rows.push(format!("{:>9}  {bar} {count}", format_time(from)));
        from += step;
    }
    rows
}

/// Formats a time with three digits in a fitting unit.
fn format_time(time: Duration) -> String {
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

/// Formats a number in groups of three digits.
fn group_digits(number: u64) -> String {
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
/// The number of rows of a histogram up to the p99.
const ROWS: u32 = 12;
/// The length of the longest bar.
const MAX_BAR: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_numbers_are_grouped() {
        for (nanos, text) in [
            (0, "0.00 µs"),
            (1_234, "1.23 µs"),
            (98_760, "98.8 µs"),
            (1_500_000, "1.50 ms"),
            (12_345_000_000, "12.3 s"),
        ] {
            assert_eq!(format_time(Duration::from_nanos(nanos)), text);
        }
        assert_eq!(
            [
                group_digits(7),
                group_digits(1_234),
                group_digits(12_345_678)
            ],
            ["7", "1,234", "12,345,678"]
        );
    }

    #[test]
    fn the_histogram_has_every_run_and_outliers_in_the_last_row() {
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
    fn percentiles_are_measured_values() {
        let all = [1, 2, 3, 4, 100];
        assert_eq!(
            [0, 50, 99, 100].map(|percent| percentile(&all, percent)),
            [1, 3, 100, 100]
        );
        assert_eq!(percentile::<u64>(&[], 50), 0);
    }
}
