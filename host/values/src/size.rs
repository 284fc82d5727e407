//! Sizes: `64MiB`, `1.5 GB`, `65536`.
//!
//! One grammar for parsing, formatting and the pattern in JSON Schemas.

use std::fmt;
use std::str::FromStr;

use crate::error::{Kind, ValueError};
use crate::number::Number;
use crate::{TOO_LONG, is_too_long};

/// An amount of bytes.
///
/// Its text is a decimal number and a unit:
///
/// - Units are powers of 1,024 (`KiB`, `MiB`, `GiB`, `TiB`, `PiB`, `EiB`), powers of 1,000 (`KB`, `MB`, `GB`,
///   `TB`, `PB`, `EB`) and `B`. Case is ignored, and the `B` may be left out. A number without a unit counts
///   bytes.
/// - ASCII white space may occur before, between and after number and unit, and a `+` before the number.
/// - A fraction of a byte and decimals after the ninth are ignored. More than `u64::MAX` bytes become
///   `u64::MAX`.
///
/// It is formatted as a whole number of the largest unit of 1,024 that needs no fraction. That text parses to
/// the same size.
///
/// ```
/// use vitals_values::Size;
///
/// let size: Size = "1.5 GiB".parse()?;
/// assert_eq!(size.bytes(), 1_610_612_736);
/// assert_eq!(size.to_string(), "1536MiB");
/// # Ok::<(), vitals_values::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// Makes a size of a number of bytes.
    pub const fn of_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Formats the size for people with at most one decimal, such as `64.1MiB`. The text may parse to another
    /// size.
    pub fn rounded(self) -> String {
        let (power, unit) = FORMAT_UNITS
            .into_iter()
            .find(|(power, _)| self.0 >> power > 0)
            .unwrap_or((0, "B"));
        let whole = self.0 >> power;
        // At most ten times 2^60, which fits into 64 bits.
        let tenths = ((self.0 - (whole << power)) * 10 + (1 << power) / 2) >> power;
        let (whole, tenths) = (whole + tenths / 10, tenths % 10);
        if tenths == 0 {
            format!("{whole}{unit}")
        } else {
            format!("{whole}.{tenths}{unit}")
        }
    }
}

impl FromStr for Size {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        read(text)
            .map(Self)
            .map_err(|problem| ValueError::new(&KIND, text, problem))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (power, unit) = FORMAT_UNITS
            .into_iter()
            .find(|(power, _)| self.0 > 0 && self.0.trailing_zeros() >= *power)
            .unwrap_or((0, "B"));
        write!(f, "{}{unit}", self.0 >> power)
    }
}

fn read(text: &str) -> Result<u64, &'static str> {
    if is_too_long(text) {
        return Err(TOO_LONG);
    }
    let text = match text.as_bytes().trim_ascii() {
        [] => return Err("it is empty"),
        [b'+', text @ ..] | text => text,
    };
    let (number, unit) = Number::at_start(text).ok_or("it does not begin with a number")?;
    let unit = bytes_of(unit.trim_ascii_start())
        .ok_or("its unit is none of `B`, `KiB`, `MiB`, `GiB`, `TiB`, `KB`, `MB`, `GB` and `TB`")?;
    Ok(number
        .whole
        .saturating_mul(unit)
        .saturating_add(number.fraction_of(unit)))
}

fn bytes_of(unit: &[u8]) -> Option<u64> {
    let ([unit @ .., b'b' | b'B'] | unit) = unit;
    let (prefix, base) = match unit {
        [] => return Some(1),
        [prefix] => (prefix, 1_000_u64),
        [prefix, b'i' | b'I'] => (prefix, 1_024),
        _ => return None,
    };
    let power = b"kmgtpe"
        .iter()
        .position(|known| *known == prefix.to_ascii_lowercase())?;
    Some((0..power).fold(base, |bytes, _| bytes * base))
}

/// The regular expression in JSON Schema for the texts of at most [`MAX_CHARS`](crate::MAX_CHARS) characters
/// that parse as a [`Size`]. Every engine matches it in linear time.
pub const SIZE_PATTERN: &str = concat!(
    "^",
    space!(),
    r"\+?",
    number!(),
    space!(),
    "([kmgtpeKMGTPE][iI]?)?[bB]?",
    space!(),
    "$"
);

const KIND: Kind = Kind {
    name: "a size",
    examples: "`64MiB`, `1.5GB` or `65536`",
};
/// The units of 1,024 with their powers of two, from the largest.
const FORMAT_UNITS: [(u32, &str); 6] = [
    (60, "EiB"),
    (50, "PiB"),
    (40, "TiB"),
    (30, "GiB"),
    (20, "MiB"),
    (10, "KiB"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::matches;

    /// Parses a text, and asserts that the pattern matches exactly the texts that parse.
    fn bytes(text: &str) -> Option<u64> {
        let read: Option<Size> = text.parse().ok();
        assert_eq!(matches(SIZE_PATTERN, text), read.is_some(), "{text:?}");
        read.map(Size::bytes)
    }

    #[test]
    fn every_spelling_is_parsed() {
        for (text, expected) in [
            ("0B", 0),
            ("0", 0),
            ("65536", 65_536),
            ("512 B", 512),
            ("1KiB", 1_024),
            ("1KB", 1_000),
            ("1k", 1_000),
            ("1Ki", 1_024),
            ("64MiB", 67_108_864),
            ("64 MB", 64_000_000),
            ("5 gib", 5 << 30),
            ("5G", 5_000_000_000),
            ("5  GiB", 5 << 30),
            (" 5GiB", 5 << 30),
            ("5GiB\n", 5 << 30),
            ("+5GiB", 5 << 30),
            (".5GiB", 1 << 29),
            ("5.GiB", 5 << 30),
            ("1.5 GiB", 1_610_612_736),
            ("1.2345GiB", 1_325_534_281),
            ("2.125TB", 2_125_000_000_000),
            ("0.001KB", 1),
            ("1.9", 1),
            ("5PiB", 5 << 50),
            ("2eb", 2_000_000_000_000_000_000),
            ("0.999999999EiB", 1_152_921_503_453_925_471),
            ("9007199254740993", 9_007_199_254_740_993),
            ("16384 PiB", u64::MAX),
            ("9999999999999999999TiB", u64::MAX),
            ("999999999999999999999B", u64::MAX),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn every_other_text_is_rejected_with_a_reason() {
        const NO_NUMBER: &str = "it does not begin with a number";
        for (text, problem) in [
            ("", "it is empty"),
            ("GiB", NO_NUMBER),
            ("lots", NO_NUMBER),
            ("-5GiB", NO_NUMBER),
            (".GiB", NO_NUMBER),
            ("５GiB", NO_NUMBER),
            ("1.2.3GiB", NO_UNIT),
            ("1,5GiB", NO_UNIT),
            ("5iB", NO_UNIT),
            ("5 bytes", NO_UNIT),
            ("5\u{a0}GiB", NO_UNIT),
            ("5G iB", NO_UNIT),
            ("1e6", NO_UNIT),
            ("1GiB 5MiB", NO_UNIT),
        ] {
            assert_eq!(bytes(text), None, "{text:?}");
            assert_eq!(text.parse::<Size>().unwrap_err().problem(), problem);
        }
        let long = "1".repeat(101);
        assert_eq!(bytes(&long), None);
        assert_eq!(
            long.parse::<Size>().unwrap_err().to_string(),
            format!(
                "`{}…` is not a size: it is longer than 100 characters; write it like `64MiB`, \
                 `1.5GB` or `65536`",
                "1".repeat(60)
            )
        );
    }

    #[test]
    fn a_size_is_formatted_in_the_largest_unit_without_a_fraction() {
        for (bytes, text) in [
            (0, "0B"),
            (1_500, "1500B"),
            (1_536, "1536B"),
            (64 << 20, "64MiB"),
            (3 << 40, "3TiB"),
            (1 << 63, "8EiB"),
            (u64::MAX, "18446744073709551615B"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn a_rounded_size_has_one_decimal() {
        for (bytes, text) in [
            (0, "0B"),
            (1_023, "1023B"),
            (64 << 20, "64MiB"),
            ((64 << 20) + 65_536, "64.1MiB"),
            (8_454_952, "8.1MiB"),
            ((1 << 20) - 1, "1024KiB"),
            (u64::MAX, "16EiB"),
        ] {
            assert_eq!(Size(bytes).rounded(), text);
            assert!(text.parse::<Size>().is_ok());
        }
    }

    proptest! {
        #[test]
        fn a_formatted_size_parses_to_itself(bytes: u64, shift in 0..64_u32) {
            for bytes in [bytes >> shift, bytes << shift] {
                let text = Size(bytes).to_string();
                prop_assert_eq!(text.parse(), Ok(Size(bytes)), "{}", text);
                prop_assert!(matches(SIZE_PATTERN, &text));
            }
        }

        #[test]
        fn the_pattern_matches_exactly_the_parsed_texts(
            text in "[ +]?[0-9]{0,3}[.,]?[0-9]{0,3}[ \n]{0,2}[kKmgiIx]{0,3}[bB]{0,2} ?",
        ) {
            bytes(&text);
        }
    }

    const NO_UNIT: &str =
        "its unit is none of `B`, `KiB`, `MiB`, `GiB`, `TiB`, `KB`, `MB`, `GB` and `TB`";
}
