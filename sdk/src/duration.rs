//! Durations as people write them: `2s`, `500ms`, `1m 30s`.
//!
//! `PATTERN` accepts exactly what `parse_duration` does, so that the host refuses in a configuration what
//! the check could not read.

use std::time::Duration;

/// Reads a duration: one to five whole numbers of at most nine digits, each with a unit out of `ms`, `s`,
/// `m`, `h` and `d`, with or without one space between two of them.
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
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (unit, milliseconds) = UNITS
            .into_iter()
            .find(|(unit, _)| after.starts_with(unit))
            .ok_or_else(wrong)?;
        total += Duration::from_millis(number * milliseconds);
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

/// The shortest text that reads back as `duration`, in whole milliseconds.
pub(crate) fn duration_text(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut parts = Vec::new();
    for (unit, milliseconds) in LARGEST_FIRST {
        if left >= milliseconds {
            parts.push(format!("{}{unit}", left / milliseconds));
            left %= milliseconds;
        }
    }
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// What [`parse_duration`] accepts, as a regular expression that is linear in every engine.
pub(crate) const PATTERN: &str = "^[0-9]{1,9}(ms|s|m|h|d)( ?[0-9]{1,9}(ms|s|m|h|d)){0,4}$";

const PARTS: usize = 5;
const DIGITS: usize = 9;

/// With their length in milliseconds; `ms` before `m`, its beginning.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
const LARGEST_FIRST: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("2s", 2_000),
            ("500ms", 500),
            ("1m 30s", 90_000),
            ("1m30s", 90_000),
            ("1h 2m 3s 4ms", 3_723_004),
            ("7d", 604_800_000),
            ("999999999d 1s", 999_999_999 * 86_400_000 + 1_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
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
            "-2s",
            "2.5s",
            "1s  2s",
            "1m,30s",
            "1234567890s",
            "1s 1s 1s 1s 1s 1s",
            "1s 1s 1s 1s 1s ",
            "２s",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_shown_text_reads_back() {
        for milliseconds in [0, 1, 999, 1_000, 90_000, 86_400_001, 3_723_004] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(&duration_text(duration)), Ok(duration));
        }
        assert_eq!(duration_text(Duration::from_secs(90)), "1m 30s");
    }
}
