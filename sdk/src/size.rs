//! Sizes as people write them in settings: `5GiB`, `512 MiB`, `1.5 TB`.
//!
//! `PATTERN` accepts exactly what `Size::from_str` does, so that the host refuses in a configuration what
//! the check could not read.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::Quantity;
use crate::config::{Config, ConfigError, Definitions, Schema};

/// An amount of bytes, as a setting.
///
/// A number with at most three decimals and a unit: `B`, `KiB`, `MiB`, `GiB`, `TiB` of 1,024 each, or `KB`,
/// `MB`, `GB`, `TB` of 1,000.
///
/// ```
/// use vitals_sdk::Size;
///
/// let size: Size = "1.5 GiB".parse()?;
/// assert_eq!(size.bytes(), 1_610_612_736);
/// assert_eq!(size.to_string(), "1.5 GiB");
/// # Ok::<(), vitals_sdk::SizeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// A size of so many bytes.
    pub const fn of_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// How many bytes it is.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// For a person: `12.4 GiB`. It need not read back as the same size.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::bytes_text(self.0))
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        read(text).ok_or_else(|| SizeError(text.to_owned()))
    }
}

/// The text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size; write it like `5GiB`, `512MiB` or `1.5TB`")]
pub struct SizeError(String);

impl Quantity for Size {
    fn quantity(self) -> f64 {
        self.0.quantity()
    }
}

impl Config for Size {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("string")
            .with("pattern", PATTERN)
            .called("size")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        String::read(value)?.parse().map_err(ConfigError::new)
    }

    fn to_value(&self) -> Value {
        let fits = |bytes: u64| self.0 != 0 && self.0.is_multiple_of(bytes);
        let largest = BINARY.iter().rfind(|(_, bytes)| fits(*bytes));
        let (unit, bytes) = largest.unwrap_or(&BINARY[0]);
        format!("{}{unit}", self.0 / bytes).into()
    }
}

fn read(text: &str) -> Option<Size> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, unit) = BINARY
        .iter()
        .chain(&DECIMAL)
        .find(|(name, _)| *name == unit)?;
    let (whole, decimals) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    if whole.is_empty() || whole.len() > DIGITS || decimals.len() > DECIMALS {
        return None;
    }
    // `parse` takes no second point, and neither does the pattern.
    let thousandths: u128 = format!("{whole}{decimals:0<DECIMALS$}").parse().ok()?;
    let bytes = thousandths * u128::from(*unit) / 1_000;
    Some(Size(u64::try_from(bytes).unwrap_or(u64::MAX)))
}

/// What is read as a size, as a regular expression that is linear in every engine.
const PATTERN: &str = r"^[0-9]{1,20}(\.[0-9]{1,3})? ?([KMGT]i?)?B$";
const DIGITS: usize = 20;
const DECIMALS: usize = 3;
/// The smallest first.
const BINARY: [(&str, u64); 5] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
const DECIMAL: [(&str, u64); 4] = [
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What it reads as: to the pattern and to the reader alike.
    fn bytes(text: &str) -> Option<u64> {
        let read: Option<Size> = text.parse().ok();
        let matches = regex_lite::Regex::new(PATTERN).unwrap().is_match(text);
        assert_eq!(matches, read.is_some(), "{text}");
        read.map(Size::bytes)
    }

    #[test]
    fn the_usual_forms_are_read() {
        for (text, expected) in [
            ("0B", 0),
            ("512 B", 512),
            ("1KiB", 1_024),
            ("1KB", 1_000),
            ("64MiB", 67_108_864),
            ("1.5 GiB", 1_610_612_736),
            ("2.125TB", 2_125_000_000_000),
            ("0.001KB", 1),
            ("9999999999999999999TiB", u64::MAX),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "5",
            "GiB",
            "5 gib",
            "5G",
            "5  GiB",
            " 5GiB",
            "5GiB ",
            "-5GiB",
            ".5GiB",
            "5.GiB",
            "1.2345GiB",
            "1.2.3GiB",
            "5PiB",
            "5iB",
            "999999999999999999999B",
            "５GiB",
        ] {
            assert_eq!(bytes(text), None, "{text}");
        }
        let error = "5G".parse::<Size>().unwrap_err().to_string();
        assert_eq!(
            error,
            "`5G` is not a size; write it like `5GiB`, `512MiB` or `1.5TB`"
        );
    }

    #[test]
    fn a_default_reads_back() {
        for size in [0, 1, 1_000, 1_024, 1_536, 5 << 30, 3 << 40, u64::MAX] {
            let value = Size(size).to_value();
            assert_eq!(Size::read(value.clone()).unwrap(), Size(size), "{value}");
        }
        assert_eq!(Size(5 << 30).to_value(), "5GiB");
    }
}
