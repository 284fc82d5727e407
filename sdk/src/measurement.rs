//! Numbers that a check observed, with their bounds.

pub use vitals_values::{Bound, Quantity};

use crate::amount::Unit;

/// A number that a check observed. Its bounds are shown, not applied: the check decides its status.
/// The host drops a value that is not finite.
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// let lag = seconds("replication_lag", Duration::from_millis(250))
///     .degraded_above(Duration::from_secs(1))
///     .unhealthy_above(Duration::from_secs(30));
/// assert_eq!((lag.value(), lag.unit()), (0.25, "seconds"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    name: String,
    value: f64,
    pub(crate) unit: Unit,
    degraded_at: Option<Bound>,
    unhealthy_at: Option<Bound>,
}

/// Measures a time: a `Duration`, or a number of seconds.
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// let measured = seconds("lag", Duration::from_millis(1500));
/// assert_eq!((measured.value(), measured.unit()), (1.5, "seconds"));
/// ```
pub fn seconds(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, Unit::Seconds)
}

/// Measures an amount of bytes.
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// let measured = bytes("backlog", 3_u64 << 20);
/// assert_eq!((measured.value(), measured.unit()), (3_145_728.0, "bytes"));
/// ```
pub fn bytes(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, Unit::Bytes)
}

/// Measures a share, where 1 is all of it.
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// let measured = ratio("disk_used", 0.93);
/// assert_eq!((measured.value(), measured.unit()), (0.93, "ratio"));
/// ```
pub fn ratio(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, Unit::Ratio)
}

/// Measures a plain number of things.
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// let measured = count("messages", 12_u64);
/// assert_eq!((measured.value(), measured.unit()), (12.0, ""));
/// ```
pub fn count(name: impl Into<String>, value: impl Quantity) -> Measurement {
    Measurement::new(name, value, Unit::Count)
}

impl Measurement {
    fn new(name: impl Into<String>, value: impl Quantity, unit: Unit) -> Self {
        let value = value.quantity();
        Self {
            name: name.into(),
            value,
            unit,
            degraded_at: None,
            unhealthy_at: None,
        }
    }

    /// Sets the bound above which the value is degraded.
    #[must_use]
    pub fn degraded_above(mut self, bound: impl Quantity) -> Self {
        self.degraded_at = Some(Bound::Above(bound.quantity()));
        self
    }

    /// Sets the bound below which the value is degraded.
    #[must_use]
    pub fn degraded_below(mut self, bound: impl Quantity) -> Self {
        self.degraded_at = Some(Bound::Below(bound.quantity()));
        self
    }

    /// Sets the bound above which the value is unhealthy.
    #[must_use]
    pub fn unhealthy_above(mut self, bound: impl Quantity) -> Self {
        self.unhealthy_at = Some(Bound::Above(bound.quantity()));
        self
    }

    /// Sets the bound below which the value is unhealthy.
    #[must_use]
    pub fn unhealthy_below(mut self, bound: impl Quantity) -> Self {
        self.unhealthy_at = Some(Bound::Below(bound.quantity()));
        self
    }

    /// Sets the bound for degraded, if any.
    #[must_use]
    pub fn degraded(mut self, bound: Option<Bound>) -> Self {
        self.degraded_at = bound;
        self
    }

    /// Sets the bound for unhealthy, if any.
    #[must_use]
    pub fn unhealthy(mut self, bound: Option<Bound>) -> Self {
        self.unhealthy_at = bound;
        self
    }

    /// Returns the name: snake case `[a-z0-9_]`, at most 64 characters, as metrics require.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number in [`Measurement::unit`].
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Returns `seconds`, `bytes`, `ratio`, or an empty string for a count.
    pub fn unit(&self) -> &str {
        self.unit.name()
    }

    /// Returns the bound for degraded.
    pub fn degraded_at(&self) -> Option<Bound> {
        self.degraded_at
    }

    /// Returns the bound for unhealthy.
    pub fn unhealthy_at(&self) -> Option<Bound> {
        self.unhealthy_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_has_its_side() {
        let free = ratio("free", 0.5).degraded_below(0.2).unhealthy_below(0.1);
        assert_eq!(free.degraded_at(), Some(Bound::Below(0.2)));
        assert_eq!(free.unhealthy_at(), Some(Bound::Below(0.1)));
        let size = bytes("size", 7_usize)
            .degraded_above(8_u64)
            .unhealthy_above(9);
        assert_eq!((size.value(), size.unit()), (7.0, "bytes"));
        assert_eq!(size.degraded_at(), Some(Bound::Above(8.0)));
        assert_eq!(size.unhealthy_at(), Some(Bound::Above(9.0)));
        assert_eq!(count("rows", 3_u8).unit(), "");
    }
}
