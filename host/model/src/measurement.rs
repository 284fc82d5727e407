//! Measurements: numbers that a check observed, with the thresholds that it judged them by.
//!
//! The host shows the thresholds and does not apply them. The check decides its status.

use serde::{Serialize, Serializer};
use vitals_values::{Bound, Quantity};

/// A number that a check observed, with the thresholds that the check judged it by. The constructors
/// [`seconds()`], [`bytes()`], [`ratio()`] and [`count()`] set the unit.
///
/// An outcome leaves out a measurement that can't be exposed as a metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Measurement {
    /// The name in snake case: 1 to 64 of `[a-z0-9_]`.
    pub name: String,
    /// The value. It is finite.
    pub value: f64,
    /// The base unit (`seconds`, `bytes`, `ratio`): at most 16 of `[a-z0-9_]`. Empty for a count.
    pub unit: String,
    /// The threshold beyond which the check is degraded.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "serialize_bound"
    )]
    pub degraded_at: Option<Bound>,
    /// The threshold beyond which the check is unhealthy.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "serialize_bound"
    )]
    pub unhealthy_at: Option<Bound>,
}

/// Measures a time, given as a `Duration` or as a number of seconds.
pub fn seconds(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, "seconds")
}

/// Measures an amount of bytes.
pub fn bytes(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, "bytes")
}

/// Measures a share, where 1 is the whole.
pub fn ratio(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, "ratio")
}

/// Counts things.
pub fn count(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, "")
}

impl Measurement {
    /// Makes a measurement with any unit. It is not checked.
    pub fn new(name: impl Into<String>, value: impl Quantity, unit: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.quantity(),
            unit: unit.into(),
            degraded_at: None,
            unhealthy_at: None,
        }
    }

    vitals_values::bound_setters!();

    /// Whether the measurement can be exposed as a metric.
    pub(super) fn is_valid(&self) -> bool {
        let word = |text: &str, max| {
            text.len() <= max
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let finite = |bound: Option<Bound>| match bound {
            Some(Bound::Above(value) | Bound::Below(value)) => value.is_finite(),
            None => true,
        };
        !self.name.is_empty()
            && word(&self.name, 64)
            && word(&self.unit, 16)
            && self.value.is_finite()
            && finite(self.degraded_at)
            && finite(self.unhealthy_at)
    }
}

/// Serializes a threshold as `{"above": 1.5}` or `{"below": 1.5}`.
#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn serialize_bound<S: Serializer>(bound: &Option<Bound>, serializer: S) -> Result<S::Ok, S::Error> {
    match bound {
        Some(Bound::Above(value)) => {
            serializer.serialize_newtype_variant("Bound", 0, "above", value)
        }
        Some(Bound::Below(value)) => {
            serializer.serialize_newtype_variant("Bound", 1, "below", value)
        }
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_constructor_sets_its_unit_and_each_threshold_its_side() {
        let free = ratio("free", 0.5).degraded_below(0.2).unhealthy_below(0.1);
        assert_eq!((free.value, free.unit.as_str()), (0.5, "ratio"));
        assert_eq!(free.degraded_at, Some(Bound::Below(0.2)));
        assert_eq!(free.unhealthy_at, Some(Bound::Below(0.1)));
        let second = Duration::from_secs(1);
        let lag = seconds("lag", Duration::from_millis(250))
            .degraded_above(second)
            .unhealthy_above(30);
        assert_eq!((lag.value, lag.unit.as_str()), (0.25, "seconds"));
        assert_eq!(lag.degraded_at, Some(Bound::Above(1.0)));
        assert_eq!(lag.unhealthy_at, Some(Bound::Above(30.0)));
        assert_eq!(bytes("size", 7_usize).unit, "bytes");
        assert_eq!(count("rows", 3_u8).unit, "");
    }
}
