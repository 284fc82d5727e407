//! Durations: `30s`, `1.5s`, `1m 30s`.
//!
//! One grammar for parsing, formatting and the pattern in JSON Schemas.

use std::fmt;
use std::time::Duration;

use crate::error::{Kind, ValueError};
use crate::number::{BILLION, Number};
use crate::{TOO_LONG, is_too_long};

/// Parses a duration: one or more decimal numbers, each with a unit.
///
/// | unit | spellings |
/// |---|---|
/// | nanosecond | `ns`, `nsec`, `nsecs`, `nano`, `nanos`, `nanosecond`, `nanoseconds` |
/// | microsecond | `us`, `usec`, `usecs`, `µs`, `µsec`, `µsecs`, `micro`, `micros`, `microsecond`, `microseconds` |
/// | millisecond | `ms`, `msec`, `msecs`, `milli`, `millis`, `millisecond`, `milliseconds` |
/// | second | `s`, `sec`, `secs`, `second`, `seconds` |
/// | minute | `m`, `min`, `mins`, `minute`, `minutes` |
/// | hour | `h`, `hr`, `hrs`, `hour`, `hours` |
/// | day of 24 hours | `d`, `day`, `days` |
///
/// - ASCII white space may occur anywhere except within a number or a unit.
/// - A comma followed by white space may separate two parts.
/// - A `+` may precede the first part.
/// - Decimals after the ninth are ignored.
/// - No number is too large: a number above `u64::MAX`, or a sum of that many seconds, becomes `u64::MAX`.
///
/// # Errors
///
/// Fails for a text that is not a duration or has more than [`MAX_CHARS`](crate::MAX_CHARS) characters. Also
/// fails for two ambiguous forms: a decimal comma (`1,500ms` could be 1.5 ms), and `12:30:00`, which could be
/// a time of day.
///
/// ```
/// # use std::time::Duration;
/// use vitals_values::parse_duration;
///
/// assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
/// assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, ValueError> {
    read(text).map_err(|problem| ValueError::new(&KIND, text, problem))
}

/// Formats a duration in whole numbers from the largest unit to the smallest: `1m 30s`, `1s 500ms`.
/// [`parse_duration`] parses the text to the same duration.
///
/// Days are used only for more than 24 hours: `24h`, `1d 1h`.
// Inlined, because the caller already contains the code of the allocation.
#[inline]
pub fn duration_text(duration: Duration) -> String {
    Formatted(duration).to_string()
}

struct Formatted(Duration);

impl fmt::Display for Formatted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        let days = if self.0 > DAY { seconds / 86_400 } else { 0 };
        let seconds = seconds - days * 86_400;
        let mut gap = "";
        for (number, unit) in [
            (days, "d"),
            (seconds / 3_600, "h"),
            (seconds / 60 % 60, "m"),
            (seconds % 60, "s"),
            (u64::from(nanos / 1_000_000), "ms"),
            (u64::from(nanos / 1_000 % 1_000), "us"),
            (u64::from(nanos % 1_000), "ns"),
        ] {
            if number > 0 {
                write!(f, "{gap}{number}{unit}")?;
                gap = " ";
            }
        }
        if gap.is_empty() {
            f.write_str("0s")?;
        }
        Ok(())
    }
}

fn read(text: &str) -> Result<Duration, &'static str> {
    if is_too_long(text) {
        return Err(TOO_LONG);
    }
    let mut rest = match text.as_bytes().trim_ascii() {
        [] => return Err("it is empty"),
        [b'-', ..] => return Err("it is negative"),
        [b'+', text @ ..] | text => text,
    };
    let mut seconds = 0_u64;
    let mut nanos = 0;
    loop {
        let (number, after) = Number::at_start(rest).ok_or("a number is missing")?;
        let (unit, after) = unit(after)?;
        if unit < BILLION {
            let in_a_second = BILLION / unit;
            seconds = seconds.saturating_add(number.whole / in_a_second);
            nanos += number.whole % in_a_second * unit;
        } else {
            seconds = seconds.saturating_add(number.whole.saturating_mul(unit / BILLION));
        }
        nanos += number.fraction_of(unit);
        rest = match after {
            [] => break,
            [b',', next, ..] if next.is_ascii_whitespace() => &after[1..],
            [b',', ..] => return Err("white space is missing after a comma"),
            after => after,
        }
        .trim_ascii_start();
    }
    let seconds = seconds.saturating_add(nanos / BILLION);
    Ok(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos % BILLION)))
}

/// The unit after a number in nanoseconds, and the rest of the text.
fn unit(text: &[u8]) -> Result<(u64, &[u8]), &'static str> {
    match text {
        [b',', ..] => return Err("it has a decimal comma instead of a decimal point"),
        [b':', ..] => return Err("it has a colon, like a time of day"),
        _ => {}
    }
    let text = text.trim_ascii_start();
    let is_of_unit = |byte: &&u8| byte.is_ascii_alphabetic() || MICRO.contains(byte);
    let (name, after) = text.split_at(text.iter().take_while(is_of_unit).count());
    if name.is_empty() {
        return Err("its unit is missing");
    }
    UNITS
        .iter()
        .find(|(names, _)| {
            names
                .as_bytes()
                .split(|byte| *byte == b' ')
                .any(|known| known == name)
        })
        .map(|(_, nanos)| (*nanos, after))
        .ok_or("its unit is none of `d`, `h`, `m`, `s`, `ms`, `us` and `ns`")
}

/// A number and its unit as a regular expression.
macro_rules! part {
    () => {
        concat!(
            number!(),
            space!(),
            "([nuµm]?s(ecs?)?|(nano|micro|milli)(s|seconds?)?|seconds?|m(ins?|inutes?)?|\
             h(rs?|ours?)?|d(ays?)?)"
        )
    };
}

/// The regular expression in JSON Schema for the texts of at most [`MAX_CHARS`](crate::MAX_CHARS) characters
/// that [`parse_duration`] accepts. Every engine matches it in linear time. White space in it is not escaped,
/// because some engines parse escapes slowly.
pub const DURATION_PATTERN: &str = concat!(
    "^",
    space!(),
    r"\+?",
    "(",
    part!(),
    "(,",
    "[ \t\n\x0c\r])?",
    space!(),
    ")*",
    part!(),
    space!(),
    "$"
);

const KIND: Kind = Kind {
    name: "a duration",
    examples: "`30s`, `1.5s` or `1m 30s`",
};
const DAY: Duration = Duration::from_hours(24);
/// The bytes of the prefix `µ`.
const MICRO: &[u8] = "µ".as_bytes();
/// The spellings of each unit, and its length in nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("ns nsec nsecs nano nanos nanosecond nanoseconds", 1),
    (
        "us usec usecs µs µsec µsecs micro micros microsecond microseconds",
        1_000,
    ),
    (
        "ms msec msecs milli millis millisecond milliseconds",
        1_000_000,
    ),
    ("s sec secs second seconds", BILLION),
    ("m min mins minute minutes", 60 * BILLION),
    ("h hr hrs hour hours", 3_600 * BILLION),
    ("d day days", 86_400 * BILLION),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::matches;

    /// Parses a text, and asserts that the pattern matches exactly the texts that parse.
    fn nanos(text: &str) -> Option<u128> {
        let read = parse_duration(text).ok();
        assert_eq!(matches(DURATION_PATTERN, text), read.is_some(), "{text:?}");
        read.map(|duration| duration.as_nanos())
    }

    #[test]
    fn every_spelling_is_parsed() {
        for (text, expected) in [
            ("0s", 0),
            ("250us", 250_000),
            ("500ms", 500_000_000),
            ("2s", 2_000_000_000),
            ("1m 30s", 90_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1h 2m 3s 4ms 5us", 3_723_004_005_000),
            ("1d 1h 1m 1s 1ms 1us", 90_061_001_001_000),
            ("7d", 604_800_000_000_000),
            ("999999999d 1s", 86_399_999_913_601_000_000_000),
            ("1 hour, 5 mins", 3_900_000_000_000),
            ("1.5s", 1_500_000_000),
            ("2.5s", 2_500_000_000),
            ("1.5h 30m", 7_200_000_000_000),
            (".5s", 500_000_000),
            ("5.s", 5_000_000_000),
            ("0.000000001s", 1),
            ("0.0000000019s", 1),
            ("0.123456789d", 10_666_666_569_600),
            ("2 s", 2_000_000_000),
            ("90 min", 5_400_000_000_000),
            ("2sec", 2_000_000_000),
            ("2µs", 2_000),
            ("2ns", 2),
            ("+5s", 5_000_000_000),
            (" 2s", 2_000_000_000),
            ("2s ", 2_000_000_000),
            ("5s\n", 5_000_000_000),
            ("1m\t \r\n30s", 90_000_000_000),
            ("1s  2s", 3_000_000_000),
            ("1234567890s", 1_234_567_890_000_000_000),
            ("1s 1s 1s 1s 1s 1s 1s", 7_000_000_000),
            ("000000000000000000000000000000000001s", 1_000_000_000),
        ] {
            assert_eq!(nanos(text), Some(expected), "{text:?}");
        }
        for (names, nanoseconds) in UNITS {
            for name in names.split(' ') {
                assert_eq!(nanos(&format!("1{name}")), Some(nanoseconds.into()));
            }
        }
    }

    #[test]
    fn no_number_is_too_large() {
        let most = Duration::from_secs(u64::MAX);
        for text in [
            "18446744073709551616s",
            "18446744073709551615s 1s",
            "99999999999999999999999999d",
            "213503982334601d 7h 16s",
        ] {
            assert_eq!(nanos(text), Some(most.as_nanos()), "{text}");
        }
    }

    #[test]
    fn every_other_text_is_rejected_with_a_reason() {
        for (text, problem) in [
            ("", "it is empty"),
            (" ", "it is empty"),
            ("2", "its unit is missing"),
            ("30", "its unit is missing"),
            ("1m 30", "its unit is missing"),
            ("s", "a number is missing"),
            (".s", "a number is missing"),
            ("+ 5s", "a number is missing"),
            ("+-5s", "a number is missing"),
            ("5s ago", "a number is missing"),
            ("PT2M", "a number is missing"),
            ("２s", "a number is missing"),
            ("1.2.3s", "its unit is missing"),
            ("-2s", "it is negative"),
            ("5 parsecs", NO_UNIT),
            ("1 month", NO_UNIT),
            ("1 week", NO_UNIT),
            ("2S", NO_UNIT),
            ("2μs", "its unit is missing"),
            ("2\u{a0}s", NO_UNIT),
            ("1m,30s", "white space is missing after a comma"),
            ("1h, ", "white space is missing after a comma"),
            (
                "1,500ms",
                "it has a decimal comma instead of a decimal point",
            ),
            ("12:30:00", "it has a colon, like a time of day"),
        ] {
            assert_eq!(nanos(text), None, "{text:?}");
            assert_eq!(parse_duration(text).unwrap_err().problem(), problem);
        }
        let long = format!("{}s", "1".repeat(100));
        assert_eq!(nanos(&long), None);
        assert_eq!(parse_duration(&long).unwrap_err().problem(), TOO_LONG);
        assert_eq!(
            parse_duration("2 parsecs").unwrap_err().to_string(),
            "`2 parsecs` is not a duration: its unit is none of `d`, `h`, `m`, `s`, `ms`, `us` and \
             `ns`; write it like `30s`, `1.5s` or `1m 30s`"
        );
    }

    #[test]
    fn a_duration_is_formatted_in_whole_numbers() {
        for (duration, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_secs(90), "1m 30s"),
            (Duration::from_millis(1_500), "1s 500ms"),
            (Duration::from_millis(90_500), "1m 30s 500ms"),
            (Duration::new(0, 1_002_003), "1ms 2us 3ns"),
            (DAY, "24h"),
            (DAY + Duration::from_hours(1), "1d 1h"),
            (Duration::MAX, "213503982334601d 7h 15s 999ms 999us 999ns"),
        ] {
            assert_eq!(duration_text(duration), text);
        }
    }

    proptest! {
        #[test]
        fn a_formatted_duration_parses_to_itself(seconds: u64, shift in 0..64_u32, nanos in 0..1_000_000_000_u32) {
            let duration = Duration::new(seconds >> shift, nanos);
            let text = duration_text(duration);
            prop_assert_eq!(parse_duration(&text), Ok(duration), "{}", text);
            prop_assert!(matches(DURATION_PATTERN, &text));
            // Messages contain durations in the format of `std`.
            prop_assert_eq!(parse_duration(&format!("{duration:?}")), Ok(duration));
        }

        #[test]
        fn the_pattern_matches_exactly_the_parsed_texts(
            text in "[ +]?([0-9]{1,3}(\\.[0-9]{0,2})?[ ,.:]{0,2}(s|ms|m|h|µs|minutes|x)?[, \n]{0,2}){0,4}",
        ) {
            nanos(&text);
        }
    }

    const NO_UNIT: &str = "its unit is none of `d`, `h`, `m`, `s`, `ms`, `us` and `ns`";
}
