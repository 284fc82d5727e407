//! Durations as people write them: `2s`, `500ms`, `1m 30s`; and as they are shown to people.
//!
//! `PATTERN` accepts exactly what `parse_duration` does, so that the host refuses in a configuration what
//! the check could not read.

use std::time::Duration;

/// Reads a duration: one to six whole numbers of at most nine digits, each with a unit out of `us`, `ms`,
/// `s`, `m`, `h` and `d`, with or without one space between two of them.
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(vitals_sdk::parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let wrong = || DurationError(text.to_owned());
    let mut total = Duration::ZERO;
    let mut rest = text;
    for part in 0..PARTS {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > DIGITS {
            return Err(wrong());
        }
        let (number, after) = rest.split_at(digits);
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let (unit, length) = UNITS
            .into_iter()
            .find(|(unit, _)| after.starts_with(unit))
            .ok_or_else(wrong)?;
        total += length * number;
        rest = &after[unit.len()..];
        if rest.is_empty() {
            return Ok(total);
        }
        if part + 1 < PARTS {
            rest = rest.strip_prefix(' ').unwrap_or(rest);
        }
    }
    Err(wrong())
}

/// The text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write it like `2s`, `500ms` or `1m 30s`")]
pub struct DurationError(String);

/// The shortest text that reads back as `duration`, in whole microseconds.
pub(crate) fn duration_text(duration: Duration) -> String {
    let mut left = duration.as_micros();
    let mut parts = Vec::new();
    for (unit, length) in LARGEST_FIRST {
        let length = length.as_micros();
        if left >= length {
            parts.push(format!("{}{unit}", left / length));
            left %= length;
        }
    }
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// A measured time for a person: `412us`, `9.87ms`, `612ms`, `1.5s`.
///
/// To the microsecond below 10 ms, above to the millisecond; rounded up, so that a time beyond a bound
/// never reads as the bound itself.
pub(crate) fn elapsed_text(elapsed: Duration) -> String {
    let step = if elapsed < FINE { MICRO } else { MILLI };
    let shown = rounded_up(elapsed, step);
    if shown.is_zero() {
        "0s".to_owned()
    } else {
        format!("{shown:?}").replace("µs", "us")
    }
}

/// A measured time in milliseconds, to the microsecond and rounded up like its text.
pub(crate) fn elapsed_milliseconds(elapsed: Duration) -> f64 {
    (rounded_up(elapsed, MICRO).as_secs_f64() * 1e6).round() / 1e3
}

/// To the next multiple of so many nanoseconds, a divisor of a second.
fn rounded_up(duration: Duration, step: u32) -> Duration {
    let fraction = duration.subsec_nanos().next_multiple_of(step);
    Duration::from_secs(duration.as_secs()).saturating_add(Duration::from_nanos(fraction.into()))
}

/// What [`parse_duration`] accepts, as a regular expression that is linear in every engine.
pub(crate) const PATTERN: &str = "^[0-9]{1,9}(us|ms|s|m|h|d)( ?[0-9]{1,9}(us|ms|s|m|h|d)){0,5}$";

const PARTS: usize = 6;
const DIGITS: usize = 9;
/// Below this the microseconds are shown.
const FINE: Duration = Duration::from_millis(10);
const MICRO: u32 = 1_000;
const MILLI: u32 = 1_000_000;

/// With their length; `ms` before `m`, its beginning.
const UNITS: [(&str, Duration); 6] = [
    ("us", Duration::from_micros(1)),
    ("ms", Duration::from_millis(1)),
    ("s", Duration::from_secs(1)),
    ("m", Duration::from_mins(1)),
    ("h", Duration::from_hours(1)),
    ("d", DAY),
];
const LARGEST_FIRST: [(&str, Duration); 6] = {
    let [us, ms, s, m, h, d] = UNITS;
    [d, h, m, s, ms, us]
};
const DAY: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is a duration: to the pattern and to the reader alike.
    fn reads(text: &str) -> bool {
        let matches = regex_lite::Regex::new(PATTERN).unwrap().is_match(text);
        assert_eq!(matches, parse_duration(text).is_ok(), "{text}");
        matches
    }

    #[test]
    fn the_usual_forms_are_read() {
        for (text, microseconds) in [
            ("0s", 0),
            ("250us", 250),
            ("2s", 2_000_000),
            ("500ms", 500_000),
            ("1m 30s", 90_000_000),
            ("1m30s", 90_000_000),
            ("1h 2m 3s 4ms 5us", 3_723_004_005),
            ("1d 1h 1m 1s 1ms 1us", 90_061_001_001),
            ("7d", 604_800_000_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_micros(microseconds)),
                "{text}"
            );
            assert!(reads(text), "{text}");
        }
        assert_eq!(
            parse_duration("999999999d 1s"),
            Ok(Duration::from_secs(999_999_999 * 86_400 + 1))
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "2",
            "s",
            "2 s",
            "2s ",
            " 2s",
            "2sec",
            "2µs",
            "2ns",
            "-2s",
            "2.5s",
            "1s  2s",
            "1m,30s",
            "1234567890s",
            "1s 1s 1s 1s 1s 1s 1s",
            "1s 1s 1s 1s 1s 1s ",
            "２s",
        ] {
            assert!(!reads(text), "{text}");
        }
    }

    #[test]
    fn the_shown_text_reads_back() {
        for microseconds in [
            0,
            1,
            999,
            1_000,
            1_001,
            90_000_000,
            86_400_000_001,
            90_061_001_001,
        ] {
            let duration = Duration::from_micros(microseconds);
            assert_eq!(parse_duration(&duration_text(duration)), Ok(duration));
        }
        assert_eq!(duration_text(Duration::from_secs(90)), "1m 30s");
    }

    #[test]
    fn a_measured_time_is_shown_as_finely_as_it_matters() {
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
            let difference = elapsed_milliseconds(elapsed) - milliseconds;
            assert!(difference.abs() < 1e-9, "{text}: {difference}");
        }
        assert!(!elapsed_text(Duration::MAX).is_empty());
    }
}
