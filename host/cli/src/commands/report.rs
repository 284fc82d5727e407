//! Formats the result of one run as text, as JSON or for Nagios.
//!
//! This file does not know how the run was made.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde_json::{Value, json};
use vitals_host::check::{Bound, Measurement, RunReport, Status};

/// An output format for a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// A JSON document.
    Json,
    /// One line with performance data, as Nagios plugins print it.
    Nagios,
}

impl Format {
    pub(crate) fn format(self, name: &str, report: &RunReport) -> String {
        match self {
            Self::Text => text(name, report),
            Self::Json => format!("{:#}", json(name, report)),
            Self::Nagios => nagios(report),
        }
    }
}

pub(super) fn text(name: &str, report: &RunReport) -> String {
    let outcome = &report.outcome;
    let mut lines = format!("{name}: {}", outcome.status());
    if !outcome.message().is_empty() {
        let _ = write!(lines, " - {}", outcome.message());
    }
    let _ = write!(
        lines,
        "\n  took {:.1} ms",
        report.elapsed.as_secs_f64() * 1e3
    );
    let _ = write!(
        lines,
        ", fuel {}, memory {} KiB",
        report.usage.fuel,
        report.usage.memory_peak_bytes / 1024
    );
    if let Some(error) = &report.error {
        let _ = write!(lines, "\n  error: {}", error.code.as_str());
        if let Some(limit) = &error.limit {
            let _ = write!(lines, ", limit {limit}");
        }
        if let Some(asked) = &error.asked {
            let _ = write!(lines, ", requested {asked}");
        }
        for frame in &error.frames {
            let _ = write!(lines, "\n    at {frame}");
        }
    }
    for (key, value) in outcome.details() {
        let _ = match value {
            Value::String(text) => write!(lines, "\n  {key}: {text}"),
            value => write!(lines, "\n  {key}: {value}"),
        };
    }
    for measurement in outcome.measurements() {
        let Measurement {
            name, value, unit, ..
        } = measurement;
        let _ = write!(lines, "\n  {name} = {value} {unit}");
        for (bound, word) in [
            (measurement.degraded_at, "degraded"),
            (measurement.unhealthy_at, "unhealthy"),
        ] {
            let _ = match bound {
                Some(Bound::Above(limit)) => write!(lines, " ({word} above {limit})"),
                Some(Bound::Below(limit)) => write!(lines, " ({word} below {limit})"),
                None => Ok(()),
            };
        }
        lines.truncate(lines.trim_end().len());
    }
    if !outcome.truncated().is_empty() {
        let _ = write!(lines, "\n  truncated: {}", outcome.truncated().join(", "));
    }
    for denial in &report.denials {
        let _ = write!(lines, "\n  {}", denial.message);
    }
    for line in &report.output {
        let _ = write!(lines, "\n  | {line}");
    }
    lines
}

pub(super) fn json(name: &str, report: &RunReport) -> Value {
    let outcome = &report.outcome;
    json!({
        "name": name,
        "status": outcome.status(),
        "message": outcome.message(),
        "latency_ms": (report.elapsed.as_secs_f64() * 1e6).round() / 1e3,
        "details": outcome.details(),
        "measurements": outcome.measurements(),
        "truncated": outcome.truncated(),
        "error": report.error,
        "denials": report.denials,
        "output": report.output,
        "fuel": report.usage.fuel,
        "memory_peak_bytes": report.usage.memory_peak_bytes,
    })
}

/// Formats `TEXT | 'label'=value[UOM];warn;crit`, as the Monitoring Plugins Development Guidelines
/// and draft-kaestle-monitoring-plugins-interface-03 specify.
fn nagios(report: &RunReport) -> String {
    let outcome = &report.outcome;
    let word = match outcome.status() {
        Status::Healthy => "OK",
        Status::Degraded => "WARNING",
        Status::Unhealthy => "CRITICAL",
        Status::Unknown => "UNKNOWN",
    };
    let mut line = word.to_owned();
    if !outcome.message().is_empty() {
        let _ = write!(line, ": {}", nagios_text(outcome.message().as_str()));
    }
    line.push_str(" |");
    for measurement in outcome.measurements() {
        let Measurement {
            name, value, unit, ..
        } = measurement;
        let unit = match unit.as_str() {
            "seconds" => "s",
            "bytes" => "B",
            _ => "",
        };
        let (warning, critical) = (
            range(measurement.degraded_at),
            range(measurement.unhealthy_at),
        );
        let _ = write!(line, " '{name}'={value}{unit};{warning};{critical}");
    }
    let _ = write!(
        line,
        " 'check_duration'={:.6}s",
        report.elapsed.as_secs_f64()
    );
    line
}

/// Replaces `|`, which would begin the performance data.
pub(crate) fn nagios_text(text: &str) -> String {
    text.replace('|', "/")
}

/// Formats a threshold as the guidelines specify: `~:10` alerts above 10, and `10:` alerts below
/// 10. (`10` would alert below 0 too.)
fn range(bound: Option<Bound>) -> String {
    match bound {
        Some(Bound::Above(limit)) => format!("~:{limit}"),
        Some(Bound::Below(limit)) => format!("{limit}:"),
        None => String::new(),
    }
}
