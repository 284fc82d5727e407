//! What tests wait for with `eventually`: conditions, and numbers on a page of metrics.

use std::fmt::Display;

/// Returns what was seen if the condition holds, else its text as the error of
/// [`eventually`](crate::eventually).
///
/// # Errors
///
/// Returns an error if the condition does not hold.
pub fn when<T: Display>(holds: bool, seen: T) -> Result<T, String> {
    if holds {
        Ok(seen)
    } else {
        Err(format!("{seen:#}"))
    }
}

/// Returns the value of a series on a page of metrics, if it is there.
pub fn sample(page: &str, series: &str) -> Option<f64> {
    let mut values = page.lines().filter_map(|line| line.strip_prefix(series));
    values.find_map(|rest| rest.strip_prefix(' ')?.parse().ok())
}

/// Returns the sum of all series on a page of metrics that begin so.
pub fn sum(page: &str, beginning: &str) -> f64 {
    let lines = page.lines().filter(|line| line.starts_with(beginning));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}
