//! Quantities and thresholds: the numbers that measurements consist of.
//!
//! This module does not know units or statuses.

use std::time::Duration;

use crate::Size;

/// A number that a check can measure: any primitive number, a [`Duration`] in seconds, or
/// a [`Size`] in bytes.
pub trait Quantity {
    /// The number.
    fn quantity(self) -> f64;
}

/// A threshold of a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Values greater than this are bad.
    Above(f64),
    /// Values smaller than this are bad.
    Below(f64),
}

impl Bound {
    /// Makes a threshold above which values are bad, if a number is given.
    pub fn above(bound: Option<impl Quantity>) -> Option<Self> {
        bound.map(|bound| Self::Above(bound.quantity()))
    }

    /// Makes a threshold below which values are bad, if a number is given.
    pub fn below(bound: Option<impl Quantity>) -> Option<Self> {
        bound.map(|bound| Self::Below(bound.quantity()))
    }

    /// Whether a value is beyond the threshold.
    pub fn is_exceeded_by(self, value: f64) -> bool {
        match self {
            Self::Above(bound) => value > bound,
            Self::Below(bound) => value < bound,
        }
    }
}

/// Defines the setters of the bounds of a measurement, which has fields `degraded_at` and
/// `unhealthy_at`. For the measurements of the host and of the SDK only.
#[doc(hidden)]
#[macro_export]
macro_rules! bound_setters {
    () => {
        /// Sets the bound above which the value is degraded.
        #[must_use]
        pub fn degraded_above(self, bound: impl $crate::Quantity) -> Self {
            self.degraded(Some($crate::Bound::Above(bound.quantity())))
        }

        /// Sets the bound below which the value is degraded.
        #[must_use]
        pub fn degraded_below(self, bound: impl $crate::Quantity) -> Self {
            self.degraded(Some($crate::Bound::Below(bound.quantity())))
        }

        /// Sets the bound above which the value is unhealthy.
        #[must_use]
        pub fn unhealthy_above(self, bound: impl $crate::Quantity) -> Self {
            self.unhealthy(Some($crate::Bound::Above(bound.quantity())))
        }

        /// Sets the bound below which the value is unhealthy.
        #[must_use]
        pub fn unhealthy_below(self, bound: impl $crate::Quantity) -> Self {
            self.unhealthy(Some($crate::Bound::Below(bound.quantity())))
        }

        /// Sets the bound beyond which the value is degraded, or removes it.
        #[must_use]
        pub fn degraded(mut self, bound: Option<$crate::Bound>) -> Self {
            self.degraded_at = bound;
            self
        }

        /// Sets the bound beyond which the value is unhealthy, or removes it.
        #[must_use]
        pub fn unhealthy(mut self, bound: Option<$crate::Bound>) -> Self {
            self.unhealthy_at = bound;
            self
        }
    };
}

impl Quantity for Size {
    fn quantity(self) -> f64 {
        self.bytes().quantity()
    }
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
