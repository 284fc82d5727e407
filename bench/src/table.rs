//! The table that is printed: a row as soon as it is measured.

use std::io::Write as _;

/// One promise with what was measured.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) measured: f64,
    pub(crate) baseline: f64,
    pub(crate) bound: Bound,
}

/// What is promised of measured / baseline.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Nothing: the row tells where time goes.
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

/// Prints a line of another kind.
pub(crate) fn print(line: &str) {
    // A reader that has gone away is no failure.
    let _ = writeln!(std::io::stdout(), "{line}");
}
