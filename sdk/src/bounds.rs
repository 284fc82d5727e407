//! The status and the text that follow from a measurement's bounds.
//!
//! The check decides its own status; this module only evaluates the bounds.

use crate::amount::MAX_PRECISION;
use crate::{Bound, Measurement, Outcome, Status};

impl Measurement {
    /// Returns the status by the bounds alone. A value that equals a bound is within it.
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
        self.exceeded_bound()
            .map_or(Status::Healthy, |(status, _)| status)
    }

    /// Formats the value for people: `93 %`, `12.4 GiB`, `31 h`. A value beyond a bound has as
    /// many digits as it takes to read as beyond it.
    pub fn value_text(&self) -> String {
        let shown = |precision| self.unit.format(self.value(), precision);
        let Some((_, bound)) = self.exceeded_bound() else {
            return shown(0).text;
        };
        (0..MAX_PRECISION)
            .map(shown)
            .find(|shown| bound.is_exceeded_by(shown.value))
            .unwrap_or_else(|| shown(MAX_PRECISION))
            .text
    }

    /// Returns the text to append to a value that is beyond a bound, with a leading space:
    /// ` (degraded above 90 %)`. Returns an empty string otherwise.
    pub fn remark(&self) -> String {
        let Some((status, bound)) = self.exceeded_bound() else {
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

    /// Returns the worst bound that the value is beyond, with its status.
    fn exceeded_bound(&self) -> Option<(Status, Bound)> {
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
    /// Makes an outcome with the worst status of the parts. Its message joins the parts that are
    /// not healthy, the worst first, or all parts if all are healthy. Each part has a status and a
    /// text.
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
            .map(|(status, text)| (status, text.into()))
            .collect();
        // The sort is stable: parts with the same status keep their order.
        parts.sort_by_key(|(status, _)| std::cmp::Reverse(*status));
        let status = parts.first().map_or(Status::Healthy, |(status, _)| *status);
        let shown = parts
            .into_iter()
            .filter(|(of, _)| status == Status::Healthy || *of > Status::Healthy);
        let shown: Vec<String> = shown.map(|(_, text)| text).collect();
        Self::new(status, shown.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{bytes, count, ratio, seconds};

    #[test]
    fn the_worst_exceeded_bound_is_named() {
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
    fn all_parts_are_shown_if_all_are_healthy() {
        let outcome = Outcome::worst([(Status::Healthy, "a"), (Status::Healthy, "b")]);
        assert_eq!(
            (outcome.status(), outcome.message()),
            (Status::Healthy, "a; b")
        );
        assert_eq!(Outcome::worst::<&str>([]).message(), "");
    }
}
