//! The samples of a page of metrics.

/// Each series with its value. The value is `None` if the line is not a sample.
pub(super) fn samples(page: &str) -> impl Iterator<Item = (&str, Option<f64>)> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| match line.rsplit_once(' ') {
        Some((series, value)) => (series, value.parse().ok()),
        None => (line, None),
    })
}

/// The sum of the series that match.
pub(super) fn sum(page: &str, matches: impl Fn(&str) -> bool) -> f64 {
    let matching = samples(page).filter(|(series, _)| matches(series));
    matching.filter_map(|(_, value)| value).sum()
}
