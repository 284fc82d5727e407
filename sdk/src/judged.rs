//! What the bounds of a measurement say of its value, in words.
//!
//! The status stays the check's to decide: this only says what the bounds alone would.

use crate::amount::FINEST;
use crate::{Bound, Measurement, Outcome, Status};

impl Measurement {
    /// The status that the value has by its bounds alone. A value that equals a bound is within it.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    ///
    /// let used = ratio("disk_used", 0.93).degraded_above(0.9).unhealthy_above(0.95);
    /// assert_eq!(used.status(), Status::Degraded);
    /// assert_eq!(
    ///     format!("the disk is {} full{}", used.value_text(), used.remark()),
    ///     "the disk is 93 % full (degraded above 90 %)"
    /// );
    /// ```
    pub fn status(&self) -> Status {
        self.beyond().map_or(Status::Healthy, |(status, _)| status)
    }

    /// The value for a person: `93 %`, `12.4 GiB`, `31 h`. A value beyond a bound is shown as finely as it
    /// takes to read as beyond it.
    pub fn value_text(&self) -> String {
        let shown = |fineness| self.unit.shown(self.value(), fineness);
        let Some((_, bound)) = self.beyond() else {
            return shown(0).text;
        };
        (0..FINEST)
            .map(shown)
            .find(|shown| bound.is_exceeded_by(shown.value))
            .unwrap_or_else(|| shown(FINEST))
            .text
    }

    /// What stands behind the value where it is beyond a bound, with a space before it:
    /// ` (degraded above 90 %)`. Else nothing.
    pub fn remark(&self) -> String {
        let Some((status, bound)) = self.beyond() else {
            return String::new();
        };
        let status = match status {
            Status::Unhealthy => "unhealthy",
            Status::Degraded | Status::Healthy => "degraded",
        };
        let (side, value) = match bound {
            Bound::Above(value) => ("above", value),
            Bound::Below(value) => ("below", value),
        };
        format!(" ({status} {side} {})", self.unit.exact_text(value))
    }

    /// The worst bound that the value is beyond.
    fn beyond(&self) -> Option<(Status, Bound)> {
        [
            (Status::Unhealthy, self.unhealthy_at()),
            (Status::Degraded, self.degraded_at()),
        ]
        .into_iter()
        .find_map(|(status, bound)| {
            Some((
                status,
                bound.filter(|bound| bound.is_exceeded_by(self.value()))?,
            ))
        })
    }
}

impl Outcome {
    /// An outcome of the worst status among these, with a message for it: the parts of that were bad, the worst
    /// first, or all of them where none was. Each has its status and its words.
    ///
    /// ```
    /// use vitals_sdk::prelude::*;
    ///
    /// let parts = [(Status::Healthy, "a is up"), (Status::Degraded, "b is slow"), (Status::Unhealthy, "c is down")];
    /// let outcome = Outcome::worst(parts);
    /// assert_eq!((outcome.status(), outcome.message()), (Status::Unhealthy, "c is down; b is slow"));
    /// ```
    pub fn worst<T: Into<String>>(parts: impl IntoIterator<Item = (Status, T)>) -> Self {
        let mut parts: Vec<(Status, String)> = parts
            .into_iter()
            .map(|(status, words)| (status, words.into()))
            .collect();
        // Stable: of one status they stay in their order.
        parts.sort_by_key(|(status, _)| std::cmp::Reverse(*status));
        let status = parts.first().map_or(Status::Healthy, |(status, _)| *status);
        let told = parts
            .into_iter()
            .filter(|(of, _)| status == Status::Healthy || *of > Status::Healthy);
        let told: Vec<String> = told.map(|(_, words)| words).collect();
        Self::new(status, told.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{bytes, count, ratio, seconds};

    #[test]
    fn the_worst_bound_that_is_passed_is_told() {
        for (value, status, remark) in [
            (0.9, Status::Healthy, ""),
            (0.93, Status::Degraded, " (degraded above 90 %)"),
            (0.96, Status::Unhealthy, " (unhealthy above 95 %)"),
        ] {
            let used = ratio("used", value)
                .degraded_above(0.9)
                .unhealthy_above(0.95);
            assert_eq!((used.status(), used.remark().as_str()), (status, remark));
        }
        let free = bytes("free", 1_u8).unhealthy_below(2_u64);
        assert_eq!(free.remark(), " (unhealthy below 2 B)");
        assert_eq!(
            bytes("free", 2_u8).unhealthy_below(2_u64).status(),
            Status::Healthy
        );
        assert_eq!(
            count("rows", f64::NAN).degraded_above(1).status(),
            Status::Healthy
        );
    }

    #[test]
    fn a_value_beyond_a_bound_reads_as_beyond_it() {
        let day = Duration::from_hours(26);
        for (measurement, text) in [
            (ratio("a", 0.9004).degraded_above(0.9), "90.04 %"),
            (ratio("a", 0.904).degraded_below(0.95), "90 %"),
            (ratio("a", 0.896).degraded_below(0.9), "89.6 %"),
            (ratio("a", 0.896).degraded_above(0.9), "90 %"),
            (
                seconds("a", day + Duration::from_hours(5)).unhealthy_above(day),
                "31 h",
            ),
            (
                seconds("a", day + Duration::from_mins(5)).unhealthy_above(day),
                "26 h 5 min",
            ),
            (
                seconds("a", day + Duration::from_secs(5)).unhealthy_above(day),
                "26 h 5 s",
            ),
            (
                bytes("a", (5_u64 << 30) - 1).degraded_below(5_u64 << 30),
                "5 GiB",
            ),
            (
                bytes("a", 5_300_000_000_u64).degraded_below(5_u64 << 30),
                "4.9 GiB",
            ),
            (count("a", 2.001).degraded_above(2), "2.001"),
        ] {
            assert_eq!(measurement.value_text(), text);
        }
    }

    #[test]
    fn without_anything_bad_all_is_told() {
        let outcome = Outcome::worst([(Status::Healthy, "a"), (Status::Healthy, "b")]);
        assert_eq!(
            (outcome.status(), outcome.message()),
            (Status::Healthy, "a; b")
        );
        assert_eq!(Outcome::worst::<&str>([]).message(), "");
    }
}
