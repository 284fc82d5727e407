//! Prints the table of results, each row as soon as it is measured.

use std::io::Write as _;

use crate::rounds::Figures;

/// A measured figure, its baseline and the promised bound.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) measured: Figures,
    pub(crate) baseline: Figures,
    pub(crate) bound: Bound,
}

/// The promised bound on measured / baseline.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// No promise: the row shows where time goes.
    None,
}

/// Prints the head of the table.
pub(crate) fn head() {
    print(&format!(
        "{:84} {:>18} {:>18} {:>7}  promise",
        "what", "measured", "baseline", "ratio"
    ));
}

/// Prints a row: the medians, each with half of its spread in percent, their ratio, and how many rounds
/// the machine spoiled.
pub(crate) fn add(row: &Row) {
    let Row {
        what,
        unit,
        measured,
        baseline,
        bound,
    } = row;
    let (Some(median), Some(baseline_median)) = (measured.median(), baseline.median()) else {
        print(&format!(
            "{what:84} not measured: the machine spoiled too many rounds"
        ));
        return;
    };
    let ratio = median / baseline_median;
    let judged =
        |kept, promise: String| format!("{promise}: {}", if kept { "kept" } else { "MISSED" });
    let verdict = match *bound {
        Bound::AtMost(most) => judged(ratio <= most, format!("at most {most}")),
        Bound::AtLeast(least) => judged(ratio >= least, format!("at least {least}")),
        Bound::None => String::new(),
    };
    let repeated = match measured.spoiled() + baseline.spoiled() {
        0 => String::new(),
        spoiled => format!("  ({spoiled} rounds repeated)"),
    };
    let shown = |figures: &Figures, median: f64| {
        format!("{median:.1} {unit} ±{:.0}%", 100.0 * figures.spread())
    };
    print(&format!(
        "{what:84} {:>18} {:>18} {ratio:>7.2}  {verdict}{repeated}",
        shown(measured, median),
        shown(baseline, baseline_median),
    ));
}

/// Prints a line that is not a row.
pub(crate) fn print(line: &str) {
    // A closed output is not an error.
    let _ = writeln!(std::io::stdout(), "{line}");
}
