//! Prints the table of results, each row as soon as it is measured.

use std::io::Write as _;

/// A measured figure, its baseline and the promised bound.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) measured: f64,
    pub(crate) baseline: f64,
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
        "{:84} {:>10} {:>10} {:>7}  promise",
        "what", "measured", "baseline", "ratio"
    ));
}

/// Prints a row.
pub(crate) fn add(row: &Row) {
    let &Row {
        what,
        unit,
        measured,
        baseline,
        bound,
    } = row;
    let ratio = measured / baseline;
    let judged =
        |kept, promise: String| format!("{promise}: {}", if kept { "kept" } else { "MISSED" });
    let verdict = match bound {
        Bound::AtMost(most) => judged(ratio <= most, format!("at most {most}")),
        Bound::AtLeast(least) => judged(ratio >= least, format!("at least {least}")),
        Bound::None => String::new(),
    };
    print(&format!(
        "{what:84} {measured:>7.1} {unit} {baseline:>7.1} {unit} {ratio:>7.2}  {verdict}"
    ));
}

/// Prints a line that is not a row.
pub(crate) fn print(line: &str) {
    // A closed output is not an error.
    let _ = writeln!(std::io::stdout(), "{line}");
}
