//! What was seen, as a table in Markdown.

use std::fmt::Write as _;

use super::runner::{GroupReport, Sighting};

/// The table of all groups: guest, what it does, what is expected, what was seen, overrun.
pub fn table(reports: &[GroupReport]) -> String {
    let mut text = String::new();
    for report in reports {
        let write = group(&mut text, report);
        write.expect("memory takes it");
    }
    text
}

fn group(text: &mut String, report: &GroupReport) -> std::fmt::Result {
    let name = report.group.name;
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let title: String = first.into_iter().chain(letters).collect();
    writeln!(text, "\n## {title}\n\n{}\n", report.group.about)?;
    writeln!(text, "| guest | what it does | expected | seen | overrun |")?;
    writeln!(text, "|---|---|---|---|---:|")?;
    for sighting in &report.sightings {
        let Sighting {
            case,
            does,
            expected,
            seen,
            ..
        } = sighting;
        let overrun = match sighting.overrun_ms {
            Some(over) if sighting.is_bulk => format!("{over:.1} ms (bulk)"),
            Some(over) => format!("{over:.1} ms"),
            None => String::new(),
        };
        let red = if sighting.faults.is_empty() {
            ""
        } else {
            " **red**"
        };
        let (expected, seen) = (cell(expected), cell(seen));
        writeln!(
            text,
            "| {case} | {does} | {expected} | {seen}{red} | {overrun} |"
        )?;
    }
    Ok(())
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
