//! Numbers formatted for people: `93 %`, `12.4 GiB`, `31 h`.
//!
//! This module knows units and precision. It must not know which values are good or bad.

use std::time::Duration;

use crate::Quantity;

/// Formats an amount of bytes in units of 1,024: `512 B`, `12.4 GiB`, `500 GiB`.
///
/// ```
/// assert_eq!(vitals_sdk::bytes_text(13_314_398_618), "12.4 GiB");
/// ```
pub fn bytes_text(bytes: u64) -> String {
    Unit::Bytes.format(bytes.quantity(), 0).text
}

/// Formats a time span in the largest unit that still keeps two digits or so: `1.5 s`, `90 min`,
/// `31 h`, `12 d`. The remainder below that unit is dropped.
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(vitals_sdk::span_text(Duration::from_secs(31 * 3_600 + 59)), "31 h");
/// ```
pub fn span_text(span: Duration) -> String {
    Unit::Seconds.format(span.as_secs_f64(), 0).text
}

/// Formats a share, where 1 is all of it: `93 %`, or `99.7 %` where rounding to a whole number
/// would read as all or nothing.
///
/// ```
/// assert_eq!(vitals_sdk::percent_text(0.934), "93 %");
/// ```
pub fn percent_text(share: f64) -> String {
    Unit::Ratio.format(share, 0).text
}

/// The unit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Bytes,
    Ratio,
    Count,
    Timestamp,
}

/// A formatted number.
pub(crate) struct Formatted {
    /// The number that the text states.
    pub(crate) value: f64,
    pub(crate) text: String,
}

impl Unit {
    /// Returns the unit's name in the contract.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
            Self::Count => "",
            Self::Timestamp => "timestamp",
        }
    }

    /// Formats a number. Each step of `precision`, up to [`MAX_PRECISION`], adds a decimal or the
    /// next smaller unit of time.
    pub(crate) fn format(self, value: f64, precision: usize) -> Formatted {
        match self {
            Self::Seconds => seconds(value, precision),
            Self::Bytes => bytes(value, precision),
            Self::Ratio => {
                let percent = value * 100.0;
                // 99.7 % must not read as 100 %.
                let near =
                    |end: f64| (percent - end).abs() < 1.0 && percent.to_bits() != end.to_bits();
                let least = usize::from(near(0.0) || near(100.0));
                decimal(percent, 100.0, least.max(precision), " %")
            }
            Self::Count => decimal(value, 1.0, 2 + precision, ""),
            Self::Timestamp => timestamp(value),
        }
    }

    /// Formats a number with the highest precision.
    pub(crate) fn exact_text(self, value: f64) -> String {
        self.format(value, MAX_PRECISION).text
    }
}

fn bytes(value: f64, precision: usize) -> Formatted {
    let (unit, size) = BYTES
        .into_iter()
        .rfind(|(_, size)| value.abs() >= *size)
        .unwrap_or(BYTES[0]);
    let scaled = value / size;
    let least = usize::from(size > 1.0 && scaled.abs() < 100.0);
    let shown = decimal(scaled, 1.0, least + precision, &format!(" {unit}"));
    Formatted {
        value: shown.value * size,
        ..shown
    }
}

fn seconds(value: f64, precision: usize) -> Formatted {
    if value < 1.0 {
        let shown = decimal(value * 1e3, 1e3, precision, " ms");
        // Zero has no natural unit; `0 s` matches the unit of other times.
        return if shown.value == 0.0 {
            Formatted {
                value: 0.0,
                text: "0 s".to_owned(),
            }
        } else {
            shown
        };
    }
    if value < 120.0 {
        return decimal(value, 1.0, usize::from(value < 10.0) + precision, " s");
    }
    let main = TIME_UNITS
        .iter()
        .position(|(_, _, from)| value >= *from)
        .unwrap_or(TIME_UNITS.len() - 1);
    let mut left = value;
    let mut parts = Vec::new();
    for (unit, length, _) in TIME_UNITS.iter().skip(main).take(1 + precision) {
        let count = (left / length).floor();
        left -= count * length;
        if count > 0.0 {
            parts.push(format!("{count} {unit}"));
        }
    }
    Formatted {
        value: value - left,
        text: parts.join(" "),
    }
}

/// Formats a time as RFC 3339 does, in UTC, with whole seconds.
fn timestamp(value: f64) -> Formatted {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a time far beyond the calendar is limited to its last year"
    )]
    let seconds = (value.floor() as i64).clamp(FIRST_SECOND, LAST_SECOND);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    Formatted {
        value: value.floor(),
        text: format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z",
            second % 60
        ),
    }
}

/// Returns year, month and day of the Gregorian calendar, given the days since 1970-01-01. Years are
/// counted from March, so that a leap day is the last one, and in cycles of 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let since_0000_03_01 = days + 719_468;
    let (cycle, day) = (
        since_0000_03_01.div_euclid(146_097),
        since_0000_03_01.rem_euclid(146_097),
    );
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let is_next_year = i64::from(month >= 10);
    (
        cycle * 400 + year + is_next_year,
        month + 3 - 12 * is_next_year,
        day_of_month,
    )
}

/// Formats a number with at most `decimals` decimals. The text states `scale` times the value.
fn decimal(number: f64, scale: f64, decimals: usize, unit: &str) -> Formatted {
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let text = if text == "-0" { "0" } else { text };
    Formatted {
        value: text.parse().unwrap_or(number) / scale,
        text: format!("{text}{unit}"),
    }
}

/// The highest precision: no step beyond it tells two numbers apart.
pub(crate) const MAX_PRECISION: usize = 6;

/// The first second of the year 0, and the last one of the year 9999.
const FIRST_SECOND: i64 = -62_167_219_200;
const LAST_SECOND: i64 = 253_402_300_799;
const BYTES: [(&str, f64); 6] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("PiB", 1_125_899_906_842_624.0),
];
/// Units of time: name, length in seconds, and the smallest value shown in the unit. 31 h say more
/// than 1 d.
const TIME_UNITS: [(&str, f64, f64); 4] = [
    ("d", 86_400.0, 259_200.0),
    ("h", 3_600.0, 7_200.0),
    ("min", 60.0, 120.0),
    ("s", 1.0, 0.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_the_largest_unit_with_about_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1 KiB"),
            (1_536, "1.5 KiB"),
            (13_314_398_618, "12.4 GiB"),
            (536_870_912_000, "500 GiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(bytes_text(bytes), text);
            assert!(text.parse::<crate::Size>().is_ok());
        }
    }

    #[test]
    fn spans_are_shown_in_the_largest_unit_that_keeps_two_digits() {
        for (milliseconds, text) in [
            (0, "0 s"),
            (412, "412 ms"),
            (1_500, "1.5 s"),
            (119_000, "119 s"),
            (120_000, "2 min"),
            (5_459_000, "90 min"),
            (7_200_000, "2 h"),
            (111_600_000, "31 h"),
            (259_199_999, "71 h"),
            (259_200_000, "3 d"),
        ] {
            assert_eq!(span_text(Duration::from_millis(milliseconds)), text);
            assert!(crate::parse_duration(text).is_ok());
        }
        assert!(!span_text(Duration::MAX).is_empty());
    }

    #[test]
    fn times_are_shown_in_utc() {
        for (seconds, text) in [
            (0.0, "1970-01-01T00:00:00Z"),
            (-1.0, "1969-12-31T23:59:59Z"),
            (951_782_400.9, "2000-02-29T00:00:00Z"),
            (951_868_800.0, "2000-03-01T00:00:00Z"),
            (1_798_761_599.0, "2026-12-31T23:59:59Z"),
            (4_107_542_400.0, "2100-03-01T00:00:00Z"),
            (f64::MAX, "9999-12-31T23:59:59Z"),
            (f64::MIN, "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(Unit::Timestamp.exact_text(seconds), text);
        }
    }

    #[test]
    fn nearly_all_is_not_shown_as_all() {
        for (share, text) in [
            (0.0, "0 %"),
            (0.0004, "0 %"),
            (0.004, "0.4 %"),
            (0.934, "93 %"),
            (0.997, "99.7 %"),
            (1.0, "100 %"),
            (1.25, "125 %"),
        ] {
            assert_eq!(percent_text(share), text);
        }
    }

    #[test]
    fn bounds_are_shown_exactly_as_configured() {
        for (unit, value, text) in [
            (Unit::Ratio, 0.9, "90 %"),
            (Unit::Ratio, 0.125, "12.5 %"),
            (Unit::Seconds, 93_600.0, "26 h"),
            (Unit::Seconds, 91_800.0, "25 h 30 min"),
            (Unit::Seconds, 0.1, "100 ms"),
            (Unit::Seconds, 30.0 * 86_400.0, "30 d"),
            (Unit::Bytes, 5_368_709_120.0, "5 GiB"),
            (Unit::Bytes, 1e6, "976.5625 KiB"),
            (Unit::Count, 2.0, "2"),
        ] {
            assert_eq!(unit.exact_text(value), text);
        }
    }
}
