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

/// Measures a point in time, such as the end of a certificate, in seconds since
/// 1970-01-01T00:00:00Z.
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// let measured = timestamp("certificate_expiry", 1_798_761_600);
/// assert_eq!((measured.value(), measured.unit()), (1_798_761_600.0, "timestamp"));
/// assert_eq!(measured.value_text(), "2027-01-01T00:00:00Z");
/// ```
pub fn timestamp(name: impl Into<String>, unix_seconds: impl Quantity) -> Measurement {
    Measurement::new(name, unix_seconds, Unit::Timestamp)
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

    vitals_values::bound_setters!();

    /// Returns the name: snake case `[a-z0-9_]`, at most 64 characters, as metrics require.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number in [`Measurement::unit`].
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Returns `seconds`, `bytes`, `ratio`, `timestamp`, or an empty string for a count.
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
