//! Measured times, formatted for people.

use std::time::Duration;

/// Formats a measured time: `412us`, `9.87ms`, `612ms`, `1.5s`.
///
/// Rounds up to the microsecond below 10 ms and to the millisecond above, so that a time beyond a
/// bound never reads as the bound itself.
pub(crate) fn elapsed_text(elapsed: Duration) -> String {
    let step = if elapsed < FINE { MICRO } else { MILLI };
    let shown = rounded_up(elapsed, step);
    if shown.is_zero() {
        "0s".to_owned()
    } else {
        format!("{shown:?}").replace("µs", "us")
    }
}

/// Returns a measured time in milliseconds, rounded up to the microsecond like its text.
pub(crate) fn elapsed_milliseconds(elapsed: Duration) -> f64 {
    (rounded_up(elapsed, MICRO).as_secs_f64() * 1e6).round() / 1e3
}

/// Rounds up to a multiple of `step` nanoseconds, a divisor of a second.
fn rounded_up(duration: Duration, step: u32) -> Duration {
    let fraction = duration.subsec_nanos().next_multiple_of(step);
    Duration::from_secs(duration.as_secs()).saturating_add(Duration::from_nanos(fraction.into()))
}

/// Times below this are shown in microseconds.
const FINE: Duration = Duration::from_millis(10);
const MICRO: u32 = 1_000;
const MILLI: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_follows_the_measured_time() {
        for (nanoseconds, text, milliseconds) in [
            (0, "0s", 0.0),
            (1, "1us", 0.001),
            (400_000, "400us", 0.4),
            (1_234_567, "1.235ms", 1.235),
            (9_999_001, "10ms", 10.0),
            (10_000_001, "11ms", 10.001),
            (611_800_000, "612ms", 611.8),
            (1_500_000_000, "1.5s", 1_500.0),
            (1_999_999_999, "2s", 2_000.0),
            (90_000_000_000, "90s", 90_000.0),
        ] {
            let elapsed = Duration::from_nanos(nanoseconds);
            assert_eq!(elapsed_text(elapsed), text);
            assert!(vitals_values::parse_duration(text).is_ok());
            let difference = elapsed_milliseconds(elapsed) - milliseconds;
            assert!(difference.abs() < 1e-9, "{text}: {difference}");
        }
        assert!(!elapsed_text(Duration::MAX).is_empty());
    }
}
