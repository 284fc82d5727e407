//! Numbers as a person reads them: `93 %`, `12.4 GiB`, `31 h`.
//!
//! It knows units and how finely a number is worth showing, and nothing of what is good or bad.

use std::time::Duration;

use crate::Quantity;

/// An amount of bytes for a person, in units of 1,024: `512 B`, `12.4 GiB`, `500 GiB`.
///
/// ```
/// assert_eq!(vitals_sdk::bytes_text(13_314_398_618), "12.4 GiB");
/// ```
pub fn bytes_text(bytes: u64) -> String {
    Unit::Bytes.shown(bytes.quantity(), 0).text
}

/// A span of time for a person, in the unit that says most of it: `1.5 s`, `90 min`, `31 h`, `12 d`. What
/// is less than that unit is left out.
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(vitals_sdk::span_text(Duration::from_secs(31 * 3_600 + 59)), "31 h");
/// ```
pub fn span_text(span: Duration) -> String {
    Unit::Seconds.shown(span.as_secs_f64(), 0).text
}

/// A share for a person, 1 for all of it: `93 %`, and `99.7 %` where the difference to all or nothing
/// would be lost.
///
/// ```
/// assert_eq!(vitals_sdk::share_text(0.934), "93 %");
/// ```
pub fn share_text(share: f64) -> String {
    Unit::Ratio.shown(share, 0).text
}

/// What a number is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Bytes,
    Ratio,
    Count,
}

/// A number as it is shown.
pub(crate) struct Shown {
    /// The number that the text says.
    pub(crate) value: f64,
    pub(crate) text: String,
}

impl Unit {
    /// The name that the contract has for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
            Self::Count => "",
        }
    }

    /// A number for a person; each step up to [`FINEST`] is ten times as fine as the one before, or the next
    /// smaller unit of time.
    pub(crate) fn shown(self, value: f64, fineness: usize) -> Shown {
        match self {
            Self::Seconds => seconds(value, fineness),
            Self::Bytes => bytes(value, fineness),
            Self::Ratio => {
                let percent = value * 100.0;
                // All but a little is not all of it.
                let near =
                    |end: f64| (percent - end).abs() < 1.0 && percent.to_bits() != end.to_bits();
                let least = usize::from(near(0.0) || near(100.0));
                decimal(percent, 100.0, least.max(fineness), " %")
            }
            Self::Count => decimal(value, 1.0, 2 + fineness, ""),
        }
    }

    /// A number as exactly as it can be shown.
    pub(crate) fn exact_text(self, value: f64) -> String {
        self.shown(value, FINEST).text
    }
}

fn bytes(value: f64, fineness: usize) -> Shown {
    let (unit, size) = BYTES
        .into_iter()
        .rfind(|(_, size)| value.abs() >= *size)
        .unwrap_or(BYTES[0]);
    let scaled = value / size;
    let least = usize::from(size > 1.0 && scaled.abs() < 100.0);
    let shown = decimal(scaled, 1.0, least + fineness, &format!(" {unit}"));
    Shown {
        value: shown.value * size,
        ..shown
    }
}

fn seconds(value: f64, fineness: usize) -> Shown {
    if value < 1.0 {
        let shown = decimal(value * 1e3, 1e3, fineness, " ms");
        // Nothing is nothing of any unit; a second is what others are told in.
        return if shown.value == 0.0 {
            Shown {
                value: 0.0,
                text: "0 s".to_owned(),
            }
        } else {
            shown
        };
    }
    if value < 120.0 {
        return decimal(value, 1.0, usize::from(value < 10.0) + fineness, " s");
    }
    let main = SPANS
        .iter()
        .position(|(_, _, from)| value >= *from)
        .unwrap_or(SPANS.len() - 1);
    let mut left = value;
    let mut parts = Vec::new();
    for (unit, length, _) in SPANS.iter().skip(main).take(1 + fineness) {
        let count = (left / length).floor();
        left -= count * length;
        if count > 0.0 {
            parts.push(format!("{count} {unit}"));
        }
    }
    Shown {
        value: value - left,
        text: parts.join(" "),
    }
}

/// A number with at most so many decimals, of which the text is `times` what it stands for.
fn decimal(number: f64, times: f64, decimals: usize, unit: &str) -> Shown {
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let text = if text == "-0" { "0" } else { text };
    Shown {
        value: text.parse().unwrap_or(number) / times,
        text: format!("{text}{unit}"),
    }
}

/// The fineness beyond which no number is told from another.
pub(crate) const FINEST: usize = 6;

const BYTES: [(&str, f64); 6] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("PiB", 1_125_899_906_842_624.0),
];
/// Units of time with their length, and from where on they say most: 31 h say more than a day.
const SPANS: [(&str, f64, f64); 4] = [
    ("d", 86_400.0, 259_200.0),
    ("h", 3_600.0, 7_200.0),
    ("min", 60.0, 120.0),
    ("s", 1.0, 0.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_the_largest_unit_with_three_digits_or_so() {
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
    fn spans_are_shown_in_the_unit_that_says_most() {
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
    fn all_but_a_little_is_not_all() {
        for (share, text) in [
            (0.0, "0 %"),
            (0.0004, "0 %"),
            (0.004, "0.4 %"),
            (0.934, "93 %"),
            (0.997, "99.7 %"),
            (1.0, "100 %"),
            (1.25, "125 %"),
        ] {
            assert_eq!(share_text(share), text);
        }
    }

    #[test]
    fn what_was_written_is_shown_as_it_was_written() {
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
