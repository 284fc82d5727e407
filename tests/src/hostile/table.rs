//! What was seen, as a table in Markdown.

use std::fmt::Write as _;

use super::runner::GroupReport;

/// Returns the tables of all groups: guest, what it does, what is expected, what was seen, overrun.
pub fn table(reports: &[GroupReport]) -> String {
    let mut text = String::new();
    for report in reports {
        write(&mut text, report).expect("memory takes it");
    }
    text
}

fn write(text: &mut String, report: &GroupReport) -> std::fmt::Result {
    let (first, rest) = report.group.name.split_at(1);
    let (first, about) = (first.to_ascii_uppercase(), report.group.about);
    writeln!(text, "\n## {first}{rest}\n\n{about}\n")?;
    writeln!(text, "| guest | what it does | expected | seen | overrun |")?;
    writeln!(text, "|---|---|---|---|---:|")?;
    for it in &report.sightings {
        let overrun = match it.overrun_ms {
            Some(over) if it.is_bulk => format!("{over:.1} ms (bulk)"),
            Some(over) => format!("{over:.1} ms"),
            None => String::new(),
        };
        let red = if it.faults.is_empty() { "" } else { " **red**" };
        let (expected, seen) = (cell(&it.expected), cell(&it.seen));
        let (case, does) = (it.case, it.does);
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
