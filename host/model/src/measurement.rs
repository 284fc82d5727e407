//! Numbers that a check observed, with the bounds beyond which they are bad.
//!
//! The bounds are shown, not applied: the status is the check's to decide.

use std::time::Duration;

use serde::Serialize;

/// A number that a check observed, with the bounds that it was judged by. The constructors
/// [`seconds()`], [`bytes()`], [`ratio()`] and [`count()`] choose the unit.
///
/// An outcome leaves out a measurement that no metric could carry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// Snake case: `[a-z0-9_]`, at most 64 long.
    pub name: String,
    /// The value, finite.
    pub value: f64,
    /// A base unit (`seconds`, `bytes`, `ratio`), at most 16 of `[a-z0-9_]`; empty for a count.
    pub unit: String,
    /// Where the watched thing counts as degraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded_at: Option<Bound>,
    /// Where the watched thing counts as unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unhealthy_at: Option<Bound>,
}

/// A side of a value that is bad.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// Bad when the value is greater.
    Above(f64),
    /// Bad when the value is smaller.
    Below(f64),
}

/// A time: a `Duration`, or a number of seconds.
pub fn seconds(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, "seconds")
}

/// An amount of bytes.
pub fn bytes(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, "bytes")
}

/// A share, 1 for all of it.
pub fn ratio(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, "ratio")
}

/// A plain number of things.
pub fn count(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, "")
}

impl Measurement {
    fn new(name: impl Into<String>, value: impl Quantity, unit: &str) -> Self {
        Self {
            name: name.into(),
            value: value.quantity(),
            unit: unit.to_owned(),
            degraded_at: None,
            unhealthy_at: None,
        }
    }

    /// Says that a value greater than this is degraded.
    #[must_use]
    pub fn degraded_above(self, bound: impl Quantity) -> Self {
        self.degraded(Some(Bound::Above(bound.quantity())))
    }

    /// Says that a value smaller than this is degraded.
    #[must_use]
    pub fn degraded_below(self, bound: impl Quantity) -> Self {
        self.degraded(Some(Bound::Below(bound.quantity())))
    }

    /// Says that a value greater than this is unhealthy.
    #[must_use]
    pub fn unhealthy_above(self, bound: impl Quantity) -> Self {
        self.unhealthy(Some(Bound::Above(bound.quantity())))
    }

    /// Says that a value smaller than this is unhealthy.
    #[must_use]
    pub fn unhealthy_below(self, bound: impl Quantity) -> Self {
        self.unhealthy(Some(Bound::Below(bound.quantity())))
    }

    /// Says where it begins to be degraded, if anywhere.
    #[must_use]
    pub fn degraded(mut self, bound: Option<Bound>) -> Self {
        self.degraded_at = bound;
        self
    }

    /// Says where it begins to be unhealthy, if anywhere.
    #[must_use]
    pub fn unhealthy(mut self, bound: Option<Bound>) -> Self {
        self.unhealthy_at = bound;
        self
    }

    /// Whether a metric can carry it.
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

/// What can be measured: any number, and a `Duration` as its seconds.
pub trait Quantity {
    /// The number, of seconds for a time.
    fn quantity(self) -> f64;
}

impl Quantity for Duration {
    fn quantity(self) -> f64 {
        self.as_secs_f64()
    }
}

macro_rules! quantities {
    ($($number:ty),*) => {
        $(impl Quantity for $number {
            fn quantity(self) -> f64 {
                f64::from(self)
            }
        })*
    };
}

quantities!(u8, u16, u32, i8, i16, i32, f32, f64);

macro_rules! wide_quantities {
    ($($number:ty),*) => {
        $(impl Quantity for $number {
            #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 the nearest number is near enough")]
            fn quantity(self) -> f64 {
                self as f64
            }
        })*
    };
}

wide_quantities!(u64, usize, i64, isize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_constructor_has_its_unit_and_each_bound_its_side() {
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
