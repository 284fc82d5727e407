//! The healthy statuses.

use std::fmt;

use vitals_sdk::config::{ConfigError, Definitions, Schema};
use vitals_sdk::prelude::*;

/// A status or a range of statuses: `200`, `"200"` or `"200-299"`.
pub(crate) struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    pub(crate) fn contains(&self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }

    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let status = |text: &str| {
            Some(text)
                .filter(|text| text.len() == 3)
                .and_then(|text| text.parse().ok())
        };
        let (first, last) = (status(first)?, status(last)?);
        (STATUSES.contains(&first) && STATUSES.contains(&last) && first <= last)
            .then_some(Self { first, last })
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.first == self.last {
            Ok(())
        } else {
            write!(f, "-{}", self.last)
        }
    }
}

impl Config for StatusRange {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::anything()
            .with("type", json!(["integer", "string"]))
            .with("minimum", *STATUSES.start())
            .with("maximum", *STATUSES.end())
            .with("pattern", "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$")
            .called("status range")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        let text = match &value {
            Value::Number(_) => u16::read(value)?.to_string(),
            Value::String(text) => text.clone(),
            other => return Err(ConfigError::expected("a status", other)),
        };
        Self::parse(&text).ok_or_else(|| {
            ConfigError::new(format_args!(
                "`{text}` is not a status; write `200` or `\"200-299\"`"
            ))
        })
    }

    fn to_value(&self) -> Value {
        if self.first == self.last {
            self.first.into()
        } else {
            self.to_string().into()
        }
    }
}

const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_statuses_and_ranges_are_read() {
        for (value, first, last) in [
            (json!(200), 200, 200),
            (json!("204"), 204, 204),
            (json!("300-399"), 300, 399),
        ] {
            let range = StatusRange::read(value).unwrap();
            assert!(range.contains(first) && range.contains(last));
            assert!(!range.contains(first - 1) && !range.contains(last + 1));
        }
    }

    #[test]
    fn an_invalid_status_is_rejected() {
        for value in [
            json!(99),
            json!(600),
            json!(200.5),
            json!("20"),
            json!("200-"),
            json!("299-200"),
            json!("2xx"),
            json!("+20"),
            json!(true),
        ] {
            assert!(StatusRange::read(value.clone()).is_err(), "{value}");
        }
    }
}
